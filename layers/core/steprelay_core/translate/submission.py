"""SubmitJob: everything that can differ between two jobs of one definition."""

from typing import Any

from steprelay_core import keys
from steprelay_core.spec import Batch, Flow, Step
from steprelay_core.state.model import ARRAY_LIMIT, GroupKey, Submission
from steprelay_core.translate.inputs import Defaults, Pointers
from steprelay_core.translate.names import job_name

# The runner ends a step itself and then writes its outcome; Batch's own timeout only catches a runner that hangs.
TIMEOUT_GRACE = 60
MINIMUM_TIMEOUT = 60

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


def build_submission(
    flow: Flow, step: Step, batch: Batch, group: GroupKey, submission: Submission, defaults: Defaults, to: Pointers
) -> dict[str, Any]:
    """The arguments of SubmitJob but for `jobDefinition`."""
    size = len(submission.members)
    if size > ARRAY_LIMIT:
        raise ValueError(f"an array job has at most {ARRAY_LIMIT} children, asked for {size}")
    first = group.task(submission.members.at(0))
    parameters = _identity(flow, group, submission, to)
    request: dict[str, Any] = {
        "jobName": job_name(flow.name, group.step, to.run, first.split, submission.attempt),
        "jobQueue": batch.queue or defaults.queue or "",
        "parameters": parameters,
        "containerOverrides": _overrides(step, batch, to),
        "retryStrategy": RETRY_STRATEGY,
        "tags": {**batch.aws_batch_tags, **{f"steprelay:{name}": parameters[name] for name in ("flow", "run", "step")}},
        "propagateTags": True,
    }
    if size > 1:
        request["arrayProperties"] = {"size": size}
    if step.timeout_seconds is not None:
        request["timeout"] = {"attemptDurationSeconds": _attempt_seconds(step, step.timeout_seconds)}
    return request


def _identity(flow: Flow, group: GroupKey, submission: Submission, to: Pointers) -> dict[str, str]:
    """The job parameters: Batch copies them into every event, which is how events find their task."""
    return {
        "relay": to.relay,
        "flow": flow.name,
        "run": to.run,
        "step": group.step,
        "path": keys.dotted(group.path),
        "submission": submission.id,
    }


def _overrides(step: Step, batch: Batch, to: Pointers) -> dict[str, Any]:
    vcpus = str(int(batch.cpu)) if batch.cpu == int(batch.cpu) else str(batch.cpu)
    sizes = {"VCPU": vcpus, "MEMORY": str(batch.memory)} | ({"GPU": str(batch.gpu)} if batch.gpu else {})
    # The runner reads a step's environment from the brief; without a runner it is the job's own.
    runner = {"STEPRELAY_BRIEF": to.brief, "STEPRELAY_BUNDLE": to.bundle}
    environment = runner if step.package else step.environment
    return {
        **({} if step.package else {"command": list(step.command or [])}),
        "environment": [{"name": name, "value": value} for name, value in environment.items()],
        "resourceRequirements": [{"type": kind, "value": value} for kind, value in sizes.items()],
    }


def _attempt_seconds(step: Step, seconds: int) -> int:
    return max(MINIMUM_TIMEOUT, seconds + TIMEOUT_GRACE if step.package else seconds)
