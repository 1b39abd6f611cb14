"""What tasks print: light attempts leave a log in the data bucket, Batch jobs write to CloudWatch as they run."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from steprelay.client.changes import OutputLine
from steprelay.client.nodes import Node, followed_nodes, job_of, main_node_of
from steprelay.client.progress import TASK_BY_TASK, Jobs, child_of
from steprelay.client.relay import RelayClient
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.model import Group, Submission, TaskKey


@dataclass(frozen=True, slots=True)
class _Source:
    """What has a log of its own: an attempt of a task, or a node of one."""

    task: TaskKey
    attempt: int
    node: Node = None


@dataclass(slots=True)
class _Reading:
    """How far a log has been read."""

    stream: str | None = None
    token: str | None = None
    complete: bool = False


class OutputReader:
    """Reads each line of each attempt of a run once, whether it is still running or long over."""

    def __init__(self, client: RelayClient, flow: Flow, run: str) -> None:
        self._client = client
        self._flow = flow
        self._run = run
        self._readings: dict[_Source, _Reading] = {}
        # The Batch jobs of attempts that were seen while they ran.
        self._jobs: dict[tuple[TaskKey, int], str] = {}

    def live(self, stored: Stored, jobs: Jobs) -> Iterator[OutputLine]:
        """New lines of the Batch jobs that are running now; arrays too large to tell task by task are left out."""
        for group in stored.groups.values():
            if len(group.members) > TASK_BY_TASK:
                continue
            nodes = followed_nodes(self._flow, group)
            for submission in group.submissions:
                for member in submission.open:
                    yield from self._live_lines(group.key.task(member), submission, nodes, jobs)

    def rest(
        self, stored: Stored, task: TaskKey, attempt: int, nodes: Sequence[Node] | None = None
    ) -> Iterator[OutputLine]:
        """The lines of an attempt that were not read yet: of these `nodes`, else of those that are followed."""
        step = self._flow.spec.steps.get(task.step)
        if step is None or step.batch is None:
            yield from self._light_lines(task, attempt)
            return
        group = stored.groups.get(task.group)
        if nodes is None:
            nodes = followed_nodes(self._flow, group) if group else (main_node_of(self._flow, task.step),)
        sources = [_Source(task, attempt, node) for node in nodes]
        streams = self._find_streams(group, sources)
        for source, stream in streams.items():
            yield from self._turn_to(source, stream)
            yield from self._stream_lines(source)
        if not any(streams.values()):
            # `@catch` goes on by a light attempt of a step on Batch as well.
            yield from self._light_lines(task, attempt)

    def stream(self, stored: Stored, task: TaskKey, attempt: int) -> str | None:
        """Where a Batch attempt writes, or its main node, as far as the run or AWS Batch tells."""
        source = _Source(task, attempt, main_node_of(self._flow, task.step))
        return self._find_streams(stored.groups.get(task.group), [source])[source]

    def late(self) -> Iterator[OutputLine]:
        """What CloudWatch delivered after the jobs had ended."""
        for source in list(self._readings):
            yield from self._stream_lines(source)

    def _live_lines(
        self, task: TaskKey, submission: Submission, nodes: Sequence[Node], jobs: Jobs
    ) -> Iterator[OutputLine]:
        if submission.job_id is None:
            return
        job = child_of(submission.job_id, submission, task.member)
        self._jobs[task, submission.attempt] = job
        for node in nodes:
            source = _Source(task, submission.attempt, node)
            known = jobs.get(job_of(job, node))
            yield from self._turn_to(source, _stream_of(submission, node) or (known.stream if known else None))
            yield from self._stream_lines(source)

    def _light_lines(self, task: TaskKey, attempt: int) -> Iterator[OutputLine]:
        source = _Source(task, attempt)
        reading = self._reading(source)
        if reading.complete:
            return
        text = self._client.light_log(self._run, task, attempt)
        reading.complete = text is not None
        yield from _as_lines(source, (text or "").splitlines())

    def _stream_lines(self, source: _Source) -> Iterator[OutputLine]:
        reading = self._reading(source)
        while reading.stream is not None:
            page = self._client.read_stream(reading.stream, reading.token)
            before, reading.token = reading.token, page.token
            yield from _as_lines(source, page.lines)
            # CloudWatch Logs gives the token back that it was given where there is no more.
            if not page.lines or page.token == before:
                return

    def _turn_to(self, source: _Source, stream: str | None) -> Iterator[OutputLine]:
        """Read in this stream from now on: where Batch itself starts a job again, that writes to another one."""
        reading = self._reading(source)
        if stream is not None and stream != reading.stream:
            yield from self._stream_lines(source)
            reading.stream, reading.token = stream, None

    def _reading(self, source: _Source) -> _Reading:
        return self._readings.setdefault(source, _Reading())

    def _find_streams(self, group: Group | None, sources: Sequence[_Source]) -> dict[_Source, str | None]:
        """Where an attempt writes: as the stored run tells or as we have seen, else as Batch knows."""
        found = {source: self._told_stream(group, source) or self._reading(source).stream for source in sources}
        unknown = [source for source in sources if found[source] is None]
        job = self._job(group, unknown[0]) if unknown else None
        if job is None:
            return found
        seen = self._client.jobs([job_of(job, source.node) for source in unknown])
        told = {source: seen.get(job_of(job, source.node)) for source in unknown}
        return found | {source: known.stream for source, known in told.items() if known is not None}

    def _told_stream(self, group: Group | None, source: _Source) -> str | None:
        """What the relay knows of where an attempt writes, or wrote until it failed; of its main node."""
        if group is None or source.node != main_node_of(self._flow, source.task.step):
            return None
        for failed in group.history:
            if (failed.member, failed.attempt) == (source.task.member, source.attempt):
                return failed.failure.log_stream
        submission = _submission(group, source)
        return _stream_of(submission, source.node) if submission is not None else None

    def _job(self, group: Group | None, source: _Source) -> str | None:
        """The Batch job of an attempt: it runs, or did while we looked, or has left its id."""
        task, attempt = source.task, source.attempt
        submission = _submission(group, source) if group else None
        if submission is not None and submission.job_id is not None:
            return child_of(submission.job_id, submission, task.member)
        if (task, attempt) in self._jobs:
            return self._jobs[task, attempt]
        outcome = self._client.outcome(self._run, task, attempt)
        found = outcome.get("job_id") if outcome else self._client.claimed_by(self._run, task, attempt)
        return str(found) if found else None


def _submission(group: Group, source: _Source) -> Submission | None:
    """The submission that still has the attempt under way."""
    for submission in group.submissions:
        if submission.attempt == source.attempt and source.task.member in submission.open:
            return submission
    return None


def _stream_of(submission: Submission, node: Node) -> str | None:
    """What Batch's events tell of the log: nothing of the children of an array, nor of nodes beside the main one."""
    return submission.log_stream if len(submission.members) == 1 and not node else None


def _as_lines(source: _Source, lines: Iterable[str]) -> Iterator[OutputLine]:
    for line in lines:
        yield OutputLine(str(source.task), source.attempt, line, source.node)
