"""Which job runs next, and whether it fits. Pure."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from steprelay.local.batch.model import Job, Status


def _no_limit(_environment: str) -> float | None:
    return None


@dataclass(slots=True)
class Capacity:
    """The machine's vCPUs and memory, and what running jobs hold of them.

    `limit_of`: how many vCPUs a compute environment, by its name, may have; None for as many as the machine has.
    """

    vcpus: float
    memory_mib: int
    limit_of: Callable[[str], float | None] = _no_limit
    _vcpus_held: float = 0.0
    _memory_held: int = 0
    _holders: set[Job] = field(default_factory=set)

    def is_full_for(self, job: Job) -> bool:
        """Whether the job's compute environment has too few vCPUs left for it: others hold them."""
        environment = job.spec.compute_environment
        limit = self.limit_of(environment)
        if limit is None or job.spec.vcpus > limit:
            return False
        held = sum(holder.spec.vcpus for holder in self._holders if holder.spec.compute_environment == environment)
        return held + job.spec.vcpus > limit + 1e-9

    def oversized(self, job: Job) -> bool:
        """Whether the job asks for more than the whole machine."""
        return job.spec.vcpus > self.vcpus or job.spec.memory_mib > self.memory_mib

    def fits(self, job: Job) -> bool:
        """Whether the job may start now.

        The cloud would add instances; a laptop can't. So a job larger than the machine isn't refused,
        nor left RUNNABLE for ever: it runs when nothing else does.
        """
        if not self._holders:
            return True
        return (
            self._vcpus_held + job.spec.vcpus <= self.vcpus + 1e-9
            and self._memory_held + job.spec.memory_mib <= self.memory_mib
        )

    def take(self, job: Job) -> None:
        self._holders.add(job)
        self._vcpus_held += job.spec.vcpus
        self._memory_held += job.spec.memory_mib

    def release(self, job: Job) -> None:
        self._holders.discard(job)
        self._vcpus_held -= job.spec.vcpus
        self._memory_held -= job.spec.memory_mib
        if not self._holders:
            self._vcpus_held = 0.0  # so that rounding of fractions never adds up


class Runnable:
    """RUNNABLE jobs: higher queue priority first, then first in, first out; and when it is the turn of a job with a
    share, the one of that share with the highest scheduling priority goes.

    Strictly so: a job that doesn't fit holds back those behind it, else a stream of small jobs would
    keep a large one waiting for ever. Only one whose compute environment is full leaves the others' jobs alone.
    """

    def __init__(self) -> None:
        self._lines: defaultdict[str, _Line] = defaultdict(_Line)
        self._arrivals = 0

    def push(self, job: Job) -> None:
        self._arrivals += 1
        self._lines[job.spec.compute_environment].push(job, self._arrivals)

    def pop_if_fits(self, capacity: Capacity) -> Job | None:
        """The first job whose compute environment is not full, if it fits now."""
        waiting = [line for line in self._lines.values() if line.head is not None]
        for line in sorted(waiting, key=lambda line: line.place):
            job = line.head
            if job is not None and not capacity.is_full_for(job):
                return line.pop() if capacity.fits(job) else None
        return None

    def line(self, queue_arn: str) -> list[Job]:
        """Who waits of a queue, in the order of the line."""
        entries = sorted((entry for line in self._lines.values() for entry in line.entries), key=lambda each: each[:2])
        return [job for *_, job in entries if job.spec.queue_arn == queue_arn and job.status is Status.RUNNABLE]


class _Line:
    """The jobs of one compute environment."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Job]] = []
        self._shares: defaultdict[tuple[str, str], list[tuple[int, int, Job]]] = defaultdict(list)

    def push(self, job: Job, arrival: int) -> None:
        heapq.heappush(self._heap, (-job.spec.priority, arrival, job))
        share = _share(job)
        if share is not None:
            heapq.heappush(self._shares[share], (-(job.spec.scheduling_priority or 0), arrival, job))

    @property
    def entries(self) -> Sequence[tuple[int, int, Job]]:
        """Its jobs by priority and arrival, in no order."""
        return self._heap

    @property
    def place(self) -> tuple[int, int]:
        """That of its head among all lines."""
        priority, arrival, _ = self._heap[0]
        return priority, arrival

    @property
    def head(self) -> Job | None:
        """Whose turn it is; jobs cancelled meanwhile are dropped on the way."""
        while self._heap:
            share = _share(self._heap[0][2])
            # A share has as many places in the line as jobs: whoever pushed, its first job takes the place.
            job = self._heap[0][2] if share is None else self._shares[share][0][2]
            if job.status is Status.RUNNABLE:
                return job
            self.pop()
        return None

    def pop(self) -> Job:
        """Take the head out."""
        job = heapq.heappop(self._heap)[2]
        share = _share(job)
        if share is None:
            return job
        job = self._shares[share][0][2]
        self._pop_share(share)
        return job

    def _pop_share(self, share: tuple[str, str]) -> None:
        heapq.heappop(self._shares[share])
        if not self._shares[share]:
            del self._shares[share]


def _share(job: Job) -> tuple[str, str] | None:
    share = job.spec.share_identifier
    return None if share is None else (job.spec.queue_arn, share)
