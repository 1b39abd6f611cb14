"""What tasks print: light attempts leave a log in the data bucket, Batch jobs write to CloudWatch as they run."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from steprelay.client.changes import OutputLine
from steprelay.client.progress import TASK_BY_TASK, Jobs, child_of, last_failure
from steprelay.client.relay import RelayClient
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.model import Group, Submission, TaskKey

Attempt = tuple[TaskKey, int]


@dataclass(slots=True)
class _Reading:
    """How far an attempt's log has been read."""

    stream: str | None = None
    token: str | None = None
    complete: bool = False


class OutputReader:
    """Reads each line of each attempt of a run once, whether it is still running or long over."""

    def __init__(self, client: RelayClient, flow: Flow, run: str) -> None:
        self._client = client
        self._flow = flow
        self._run = run
        self._readings: dict[Attempt, _Reading] = {}

    def live(self, stored: Stored, jobs: Jobs) -> Iterator[OutputLine]:
        """New lines of the Batch jobs that are running now; arrays too large to tell task by task are left out."""
        for group in stored.groups.values():
            if len(group.members) > TASK_BY_TASK:
                continue
            for submission in group.submissions:
                for member in submission.open:
                    self._notice_stream(group.key.task(member), submission, jobs)
                    yield from self._stream_lines(group.key.task(member), submission.attempt)

    def rest(self, stored: Stored, task: TaskKey, attempt: int) -> Iterator[OutputLine]:
        """The lines of an attempt that has ended which were not read yet."""
        if self._flow.step(task.step).batch is None:
            yield from self._light_lines(task, attempt)
            return
        self._find_ended_stream(stored, task, attempt)
        yield from self._stream_lines(task, attempt)

    def late(self) -> Iterator[OutputLine]:
        """What CloudWatch delivered after the jobs had ended."""
        for task, attempt in list(self._readings):
            yield from self._stream_lines(task, attempt)

    def _light_lines(self, task: TaskKey, attempt: int) -> Iterator[OutputLine]:
        reading = self._reading(task, attempt)
        if reading.complete:
            return
        text = self._client.light_log(self._run, task, attempt)
        reading.complete = text is not None
        yield from _as_lines(task, attempt, (text or "").splitlines())

    def _stream_lines(self, task: TaskKey, attempt: int) -> Iterator[OutputLine]:
        reading = self._reading(task, attempt)
        while reading.stream is not None:
            page = self._client.read_stream(reading.stream, reading.token)
            before, reading.token = reading.token, page.token
            yield from _as_lines(task, attempt, page.lines)
            # CloudWatch Logs gives the token back that it was given where there is no more.
            if not page.lines or page.token == before:
                return

    def _reading(self, task: TaskKey, attempt: int) -> _Reading:
        return self._readings.setdefault((task, attempt), _Reading())

    def _notice_stream(self, task: TaskKey, submission: Submission, jobs: Jobs) -> None:
        stream = submission.log_stream if len(submission.members) == 1 else None
        if stream is None and submission.job_id is not None:
            job = jobs.get(child_of(submission.job_id, submission, task.member))
            stream = job.stream if job is not None else None
        reading = self._reading(task, submission.attempt)
        reading.stream = reading.stream or stream

    def _find_ended_stream(self, stored: Stored, task: TaskKey, attempt: int) -> None:
        reading = self._reading(task, attempt)
        if reading.stream is not None:
            return
        group = stored.groups.get(task.group)
        reading.stream = _told_stream(group, task.member, attempt) if group else None
        if reading.stream is None:
            outcome = self._client.outcome(self._run, task, attempt)
            job = (outcome or {}).get("job_id")
            known = self._client.jobs([job]).get(job) if job else None
            reading.stream = known.stream if known is not None else None


def _told_stream(group: Group, member: int, attempt: int) -> str | None:
    failed = last_failure(group, member)
    return failed.failure.log_stream if failed is not None and failed.attempt == attempt else None


def _as_lines(task: TaskKey, attempt: int, lines: Iterable[str]) -> Iterator[OutputLine]:
    for line in lines:
        yield OutputLine(str(task), attempt, line)
