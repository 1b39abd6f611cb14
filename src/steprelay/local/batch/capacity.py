"""Which job runs next, and whether it fits. Pure."""

import heapq
from collections import defaultdict
from dataclasses import dataclass, field

from steprelay.local.batch.model import Job, Status


@dataclass(slots=True)
class Capacity:
    """The machine's vCPUs and memory, and what running jobs hold of them."""

    vcpus: float
    memory_mib: int
    _vcpus_held: float = 0.0
    _memory_held: int = 0
    _holders: set[Job] = field(default_factory=set)

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
    keep a large one waiting for ever.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Job]] = []
        self._shares: defaultdict[tuple[str, str], list[tuple[int, int, Job]]] = defaultdict(list)
        self._arrivals = 0

    def push(self, job: Job) -> None:
        self._arrivals += 1
        heapq.heappush(self._heap, (-job.spec.priority, self._arrivals, job))
        share = _share(job)
        if share is not None:
            heapq.heappush(self._shares[share], (-(job.spec.scheduling_priority or 0), self._arrivals, job))

    def pop_if_fits(self, capacity: Capacity) -> Job | None:
        """The head of the line if it fits now; jobs cancelled meanwhile are dropped on the way."""
        while self._heap:
            share = _share(self._heap[0][2])
            # A share has as many places in the line as jobs: whoever pushed, its first job takes the place.
            job = self._heap[0][2] if share is None else self._shares[share][0][2]
            if job.status is Status.RUNNABLE and not capacity.fits(job):
                return None
            heapq.heappop(self._heap)
            if share is not None:
                self._pop_share(share)
            if job.status is Status.RUNNABLE:
                return job
        return None

    def line(self, queue_arn: str) -> list[Job]:
        """Who waits of a queue, in the order of the line."""
        waiting = (job for _, _, job in sorted(self._heap, key=lambda entry: entry[:2]))
        return [job for job in waiting if job.spec.queue_arn == queue_arn and job.status is Status.RUNNABLE]

    def _pop_share(self, share: tuple[str, str]) -> None:
        heapq.heappop(self._shares[share])
        if not self._shares[share]:
            del self._shares[share]


def _share(job: Job) -> tuple[str, str] | None:
    share = job.spec.share_identifier
    return None if share is None else (job.spec.queue_arn, share)
