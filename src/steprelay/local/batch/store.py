"""Every job that can still be read, and the indexes that make reading cheap."""

from collections import defaultdict, deque
from collections.abc import Iterable

from steprelay.local.batch.model import Job


class JobStore:
    """Jobs by id; submissions (everything but children) by queue and by lower-case name."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._by_queue: defaultdict[str, dict[str, Job]] = defaultdict(dict)
        self._by_name: defaultdict[tuple[str, str], dict[str, Job]] = defaultdict(dict)
        self._ended: deque[Job] = deque()
        self._sequence = 0

    def next_sequence(self) -> int:
        """A number that grows with every job: the order of listings."""
        self._sequence += 1
        return self._sequence

    def add(self, job: Job) -> None:
        self._jobs[job.id] = job
        if job.parent is None:
            self._by_queue[job.spec.queue_arn][job.id] = job
            self._by_name[job.spec.queue_arn, job.spec.name.lower()][job.id] = job

    def get(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def submissions(self, queue_arn: str) -> Iterable[Job]:
        """The queue's single jobs and array parents, oldest first."""
        return self._by_queue.get(queue_arn, {}).values()

    def named(self, queue_arn: str, name: str) -> Iterable[Job]:
        """The queue's submissions of that name in any case, oldest first; a trailing `*` is a wildcard."""
        wanted = name.lower()
        if not wanted.endswith("*"):
            return self._by_name.get((queue_arn, wanted), {}).values()
        prefix = wanted[:-1]
        return (job for job in self.submissions(queue_arn) if job.spec.name.lower().startswith(prefix))

    def ended(self, job: Job) -> None:
        """Note that a submission is over, so that it can be forgotten one day."""
        self._ended.append(job)

    def forget_before(self, milliseconds: int) -> list[Job]:
        """Drop submissions, with their children, that ended before that time; what was dropped."""
        forgotten: list[Job] = []
        while self._ended and (self._ended[0].stopped_at or 0) < milliseconds:
            for job in self._ended.popleft().family:
                del self._jobs[job.id]
                if job.parent is None:
                    del self._by_queue[job.spec.queue_arn][job.id]
                    self._forget_name(job)
                forgotten.append(job)
        return forgotten

    def _forget_name(self, job: Job) -> None:
        key = (job.spec.queue_arn, job.spec.name.lower())
        del self._by_name[key][job.id]
        if not self._by_name[key]:
            del self._by_name[key]
