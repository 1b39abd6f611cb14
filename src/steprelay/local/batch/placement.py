"""Jobs that their queue's compute environments cannot start, as AWS Batch tells of them.

Texts: AWS Batch user guide, "Jobs stuck in a RUNNABLE status".
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steprelay.local.batch.model import Job, JobSpec, Status
from steprelay_core.aws.instances import CATEGORIES, sizes_of

INVALID = "ACTION_REQUIRED - CE(s) associated with the job queue are invalid."
TOO_MANY_VCPUS = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue cannot meet the CPU "
    "requirement of the job."
)
TOO_LARGE = (
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) is higher than that "
    "can be met by the CE(s) attached to the job queue."
)
UNDETERMINED = "UNDETERMINED - Batch job is blocked, root cause is undetermined."

Document = Mapping[str, Any]

# The compute environments of a queue, by its ARN; none where nobody knows.
Environments = Callable[[str], Sequence[Document]]


def blocked_by(spec: JobSpec, environments: Sequence[Document]) -> str | None:
    """Why none of a queue's compute environments can start such a job; None if one can, or none is known."""
    reasons = [_blocked_in(spec, environment) for environment in environments]
    if not reasons or None in reasons:
        return None
    return reasons[0] if len(set(reasons)) == 1 else UNDETERMINED


def _blocked_in(spec: JobSpec, environment: Document) -> str | None:
    if environment["status"] != "VALID":
        return INVALID
    if environment["state"] != "ENABLED":
        return UNDETERMINED
    resources = environment.get("computeResources") or {}
    if spec.vcpus > resources.get("maxvCpus", spec.vcpus):
        return TOO_MANY_VCPUS
    return None if _some_type_has_room(spec, resources.get("instanceTypes", ())) else TOO_LARGE


def _some_type_has_room(spec: JobSpec, types: Iterable[str]) -> bool:
    """Whether one of these instance types has room for the job, or for each of its nodes.

    Where Batch itself chooses the types, this machine stands for all of them.
    """
    named = list(types)
    sizes = None if CATEGORIES & set(named) else sizes_of(named)
    return sizes is None or all(
        any(size.vcpus >= each.vcpus and size.memory > each.memory_mib and size.gpus >= _gpus(each) for size in sizes)
        for each in spec.nodes or (spec,)
    )


def _gpus(spec: JobSpec) -> int:
    asked = spec.container.get("resourceRequirements", ())
    return next((int(one["value"]) for one in asked if one["type"] == "GPU"), 0)


@dataclass(slots=True)
class _Held:
    """A job at the head of its queue, since when (seconds) it blocks it, and whether that was told."""

    job: Job
    since: float
    told: bool = False


class Holds:
    """Queues that a job blocks, with all that came after it.

    `environments`: of a queue, by its ARN; `release`: where a job goes once it can start; `block`: tells of a job that
    blocks its queue, with the reason. A queue is blocked for `after` seconds before that is told.
    """

    def __init__(
        self,
        environments: Environments,
        release: Callable[[Job], None],
        block: Callable[[Job, str], None],
        after: float,
    ) -> None:
        self._environments, self._release, self._block, self._after = environments, release, block, after
        self._lines: defaultdict[str, deque[Job]] = defaultdict(deque)
        self._heads: dict[str, _Held] = {}

    def take(self, job: Job) -> bool:
        """Hold the job back if its queue is blocked, or is so by this very job."""
        queue = job.spec.queue_arn
        if not self._lines.get(queue) and blocked_by(job.spec, self._environments(queue)) is None:
            return False
        self._lines[queue].append(job)
        return True

    def look(self, now: float) -> float | None:
        """Let go who can start now, and tell of who blocks a queue; in how many seconds there may be more to tell."""
        waits = [self._look_at(queue, now) for queue in list(self._lines)]
        return min((wait for wait in waits if wait is not None), default=None)

    def line(self, queue: str) -> list[Job]:
        """The jobs held in a queue, the one that blocks it first."""
        return [job for job in self._lines.get(queue, ()) if job.status is Status.RUNNABLE]

    def _look_at(self, queue: str, now: float) -> float | None:
        line = self._lines[queue]
        while line:
            head = line[0]
            reason = blocked_by(head.spec, self._environments(queue)) if head.status is Status.RUNNABLE else None
            if reason is not None:
                return self._tell(queue, head, reason, now)
            line.popleft()
            if head.status is Status.RUNNABLE:
                self._release(head)
        del self._lines[queue]
        self._heads.pop(queue, None)
        return None

    def _tell(self, queue: str, job: Job, reason: str, now: float) -> float | None:
        held = self._heads.get(queue)
        if held is None or held.job is not job:
            held = self._heads[queue] = _Held(job, now)
        left = held.since + self._after - now
        if left > 0:
            return left
        if not held.told or job.status_reason != reason:
            held.told = True
            self._block(job, reason)
        return None
