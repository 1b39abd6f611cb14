"""SubmitJob: everything that can differ between two jobs of one definition."""

from typing import Any

from steprelay_core import keys
from steprelay_core.spec import Batch, Flow, Step
from steprelay_core.state.laps import written
from steprelay_core.state.model import ARRAY_LIMIT, GroupKey, Submission
from steprelay_core.translate.definition import ALL_NODES
from steprelay_core.translate.inputs import Defaults, Pointers
from steprelay_core.translate.names import job_name
from steprelay_core.translate.tags import can_propagate, job_tags
from steprelay_core.translate.terms import Sizes, queue_in_use

# The runner ends a step itself and then writes its outcome; Batch's own timeout only catches a runner that hangs. It
# counts from the container's start, so it leaves time to fetch the package, and to send artifacts.
TIMEOUT_GRACE = 180
MINIMUM_TIMEOUT = 60

# Where the runner finds its brief and itself.
RUNNER_VARIABLES = ("STEPRELAY_BRIEF", "STEPRELAY_BUNDLE")

# Batch repeats by itself what the machine is to blame for. With no match it would repeat everything, so the list
# must end by leaving (AWS Batch user guide, "Job retries"); at most 5 entries.
RETRY_STRATEGY: dict[str, Any] = {
    "attempts": 5,
    "evaluateOnExit": [
        {"onStatusReason": "Host EC2*", "action": "RETRY"},
        {"onStatusReason": "Your Spot Task was interrupted*", "action": "RETRY"},
        {"onReason": "DockerTimeoutError*", "action": "RETRY"},
        {"onStatusReason": "Timeout waiting for network interface provisioning*", "action": "RETRY"},
        {"onReason": "*", "action": "EXIT"},
    ],
}
# Of a step with `@retry(times=0)`, which may not run twice.
NO_RETRY: dict[str, Any] = {"attempts": 1}


def build_submission(
    flow: Flow,
    step: Step,
    batch: Batch,
    group: GroupKey,
    submission: Submission,
    sizes: Sizes,
    defaults: Defaults,
    to: Pointers,
) -> dict[str, Any]:
    """The arguments of SubmitJob but for `jobDefinition`.

    Raises:
        ValueError: for more members than one job can hold: 10,000, and one for a multi-node step.
    """
    first = group.task(submission.members.at(0))
    parameters = _identity(flow, group, submission, to)
    tags = job_tags(batch, defaults, parameters)
    request: dict[str, Any] = {
        "jobName": job_name(flow.name, group.step, to.run, first.split, submission.attempt),
        "jobQueue": queue_in_use(batch, submission.terms, defaults) or "",
        "parameters": parameters,
        **_containers(batch, _overrides(step, batch, sizes, to), len(submission.members)),
        "retryStrategy": NO_RETRY if step.never_again else RETRY_STRATEGY,
        "tags": tags,
        "propagateTags": can_propagate(tags),
        **_share(batch),
    }
    if step.timeout_seconds is not None:
        request["timeout"] = {"attemptDurationSeconds": _attempt_seconds(step, step.timeout_seconds)}
    return request


def depends_on(job_id: str | None) -> dict[str, Any]:
    """What SubmitJob is told besides, where child i of the array waits for child i of this one; None for nobody."""
    return {} if job_id is None else {"dependsOn": [{"jobId": job_id, "type": "N_TO_N"}]}


def _containers(batch: Batch, overrides: dict[str, Any], members: int) -> dict[str, Any]:
    """One container, one for each member, or one on each node."""
    most = ARRAY_LIMIT if batch.nodes == 1 else 1
    if members > most:
        kind = "an array job" if batch.nodes == 1 else "a multi-node job is no array: it"
        raise ValueError(f"{kind} has at most {most} children, asked for {members}")
    if batch.nodes > 1:
        everywhere = {"targetNodes": ALL_NODES, "containerOverrides": overrides}
        return {"nodeOverrides": {"numNodes": batch.nodes, "nodePropertyOverrides": [everywhere]}}
    array = {"arrayProperties": {"size": members}} if members > 1 else {}
    return {"containerOverrides": overrides, **array}


def _share(batch: Batch) -> dict[str, Any]:
    """Whose share of a queue with a scheduling policy the job uses, and its priority there."""
    share = {
        "shareIdentifier": batch.share_identifier,
        "schedulingPriorityOverride": batch.scheduling_priority,
    }
    return {name: value for name, value in share.items() if value is not None}


def _identity(flow: Flow, group: GroupKey, submission: Submission, to: Pointers) -> dict[str, str]:
    """The job parameters: Batch copies them into every event, which is how events find their task."""
    return {
        "relay": to.relay,
        "flow": flow.name,
        "run": to.run,
        "step": group.step,
        "path": keys.dotted(group.path),
        **({"laps": written(group.laps)} if group.laps else {}),
        "submission": submission.id,
    }


def _overrides(step: Step, batch: Batch, sizes: Sizes, to: Pointers) -> dict[str, Any]:
    vcpus = str(int(sizes.cpu)) if sizes.cpu == int(sizes.cpu) else str(sizes.cpu)
    needs = {"VCPU": vcpus, "MEMORY": str(sizes.memory)} | ({"GPU": str(batch.gpu)} if batch.gpu else {})
    # The runner reads a step's environment from the brief; without a runner it is the job's own.
    runner = dict(zip(RUNNER_VARIABLES, (to.brief, to.bundle), strict=True))
    environment = runner if step.package else step.environment
    return {
        **({} if step.package else {"command": list(step.command or [])}),
        "environment": [{"name": name, "value": value} for name, value in environment.items()],
        "resourceRequirements": [{"type": kind, "value": value} for kind, value in needs.items()],
    }


def _attempt_seconds(step: Step, seconds: int) -> int:
    return max(MINIMUM_TIMEOUT, seconds + TIMEOUT_GRACE if step.package else seconds)
