"""Following a run from outside until it ends, as a stream of changes."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from steprelay.client.changes import AttemptFailed, Change, OutputLine, RunEnded, RunSeen, TaskChanged, Waiting
from steprelay.client.diff import Differ
from steprelay.client.hooks import HookDiffer, hook_attempts
from steprelay.client.jobs import LiveJobs
from steprelay.client.nodes import MAIN_NODE
from steprelay.client.output import OutputReader
from steprelay.client.pace import Pace
from steprelay.client.relay import RelayClient, Upload
from steprelay.client.results import LOG_TAIL, cause_of, final_artifacts
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow, Problem
from steprelay_core.state.model import RunStatus, TaskKey

# Seconds after which an upload that the relay has not taken up is spoken of.
SPEAK_OF_WAITING = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0)

# Looks for a new run between two looks for a rejection, which is the rarer answer.
VERDICT_EVERY = 3


class Rejected(Exception):
    """The relay has read the package and does not take it."""

    def __init__(self, upload: Upload, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"the relay rejected s3://{upload.bucket}/{upload.key}")
        self.upload = upload
        self.problems = problems


class NoSuchRun(Exception):
    """There is no run of this id."""


def stored_run(client: RelayClient, run: str) -> Stored:
    """The run as it is stored now.

    Raises:
        NoSuchRun: if there is none.
    """
    stored = client.load(run)
    if stored is None:
        raise NoSuchRun(run)
    return stored


@dataclass
class _Follower:
    client: RelayClient
    pace: Pace
    output: OutputReader
    jobs: LiveJobs
    tail: dict[tuple[str, int], deque[str]]
    hooks: HookDiffer = field(default_factory=HookDiffer)

    def step(self, differ: Differ, stored: Stored) -> Iterator[Change]:
        """All that one look at the run shows: an attempt's output before its end."""
        jobs = self.jobs.look(stored)
        yield from self._remember(self.output.live(stored, jobs))
        for task, change in differ.changes(stored, jobs, self.pace.now()):
            if task is not None and isinstance(change, AttemptFailed | TaskChanged):
                yield from self._remember(self.output.rest(stored, task, change.attempt))
            yield change
        for hook, change in self.hooks.changes(stored):
            for attempt in hook.attempts if change.state != "running" else ():
                yield from self.output.rest(stored, hook.task, attempt)
            yield change

    def end(self, flow: Flow, stored: Stored) -> Iterator[Change]:
        if self.pace.late_output and any(step.batch for step in flow.spec.steps.values()):
            self.pace.sleep(self.pace.late_output)
            yield from self._remember(self.output.late())
        yield describe_end(self.client, flow, stored, self._seen(stored))

    def _seen(self, stored: Stored) -> tuple[str, ...] | None:
        failure = stored.run.failure
        lines = self.tail.get((failure.task, failure.attempt)) if failure else None
        return tuple(lines) if lines else None

    def _remember(self, lines: Iterator[OutputLine]) -> Iterator[OutputLine]:
        for line in lines:
            # A task fails as its main node does.
            if line.node in (None, MAIN_NODE):
                self.tail.setdefault((line.task, line.attempt), deque(maxlen=LOG_TAIL)).append(line.text)
            yield line


def follow(client: RelayClient, run: str, pace: Pace, upload: Upload | None = None) -> Iterator[Change]:
    """Every change of a run from now to its end and that of its exit hooks; the last one is `RunEnded`.

    With the upload that starts it, the run may not be there yet.

    Raises:
        Rejected: if the relay does not take the upload.
        NoSuchRun: if there is no such run, and no upload that may still start it.
    """
    stored = yield from _appear(client, run, pace, upload)
    flow = client.flow(stored.run.digest)
    yield _seen(flow, stored)
    differ = Differ(flow)
    follower = _Follower(client, pace, OutputReader(client, flow, run), LiveJobs(client, flow, pace), {})
    while True:
        yield from follower.step(differ, stored)
        # Its end is known, but hooks that it has called may still have something to say.
        if stored.run.status.terminal and not stored.run.hooks_running:
            break
        stored = _next_look(client, stored, pace)
    yield from follower.end(flow, stored)


def _appear(client: RelayClient, run: str, pace: Pace, upload: Upload | None) -> Generator[Change, None, Stored]:
    """Wait for the run to be there."""
    began, spoken, looks = pace.now(), 0, 0
    while (stored := client.load(run)) is None:
        if upload is None:
            raise NoSuchRun(run)
        looks += 1
        verdict = client.verdict(upload) if looks % VERDICT_EVERY == 0 else None
        if verdict is not None and not verdict.accepted:
            raise Rejected(upload, verdict.problems)
        waited = pace.now() - began
        if spoken < len(SPEAK_OF_WAITING) and waited >= SPEAK_OF_WAITING[spoken]:
            spoken += 1
            yield Waiting(run, round(waited))
        pace.wait()
    return stored


def _next_look(client: RelayClient, before: Stored, pace: Pace) -> Stored:
    pace.wait()
    stored = stored_run(client, before.run.id)
    if stored.run.version != before.run.version:
        pace.moved()
    return stored


def _seen(flow: Flow, stored: Stored) -> RunSeen:
    run = stored.run
    origin = {"kind": run.origin.kind, "detail": dict(run.origin.detail)}
    return RunSeen(run.id, run.flow, run.created_at, origin, dict(run.parameters), tuple(flow.spec.steps))


def describe_end(client: RelayClient, flow: Flow, stored: Stored, seen: tuple[str, ...] | None = None) -> RunEnded:
    """How a run that has ended did so; `seen` are the last lines of its failure, where they were read before."""
    run = stored.run
    ended = run.ended_at if run.ended_at is not None else run.created_at
    return RunEnded(
        run=run.id,
        flow=run.flow,
        status=run.status.value,
        at=ended,
        seconds=round(ended - run.created_at, 3),
        artifacts=final_artifacts(client, flow, stored) if run.status is RunStatus.SUCCEEDED else (),
        failure=cause_of(client, flow, stored, OutputReader(client, flow, run.id), seen),
    )


def await_end(client: RelayClient, run: str, pace: Pace, patience: float) -> str | None:
    """Wait until a run has ended; its status, or None if it has not within `patience` seconds."""
    until = pace.now() + patience
    while (stored := client.load(run)) is not None and not stored.run.status.terminal:
        if pace.now() >= until:
            return None
        pace.wait()
    return stored.run.status.value if stored is not None else None


class Refused(Exception):
    """The relay does not do what a request asks for; the message says why, and what to do instead."""


def await_request(
    client: RelayClient, run: str, request: str, pace: Pace, patience: float, why_not: Callable[[Stored], str | None]
) -> Stored | None:
    """Wait until the relay has carried out a request; the run, or None if it has not within `patience` seconds.

    Raises:
        Refused: if meanwhile there is a reason (`why_not`) not to carry it out: somebody else was faster.
        NoSuchRun: if the run is gone.
    """
    until = pace.now() + patience
    while (stored := client.load(run)) is not None:
        if request in stored.run.requests:
            return stored
        if (refusal := why_not(stored)) is not None:
            raise Refused(refusal)
        if pace.now() >= until:
            return None
        pace.wait()
    raise NoSuchRun(run)


def attempts_of(stored: Stored, task: TaskKey) -> list[int]:
    """The attempts of a task that have begun, first to latest."""
    group = stored.groups.get(task.group)
    if group is None:
        return hook_attempts(stored, task)
    begun = {failed.attempt for failed in group.history if failed.member == task.member}
    begun |= {submission.attempt for submission in group.submissions if task.member in submission.open}
    winner = group.winner(task.member)
    return sorted(begun | ({winner} if winner is not None else set()))


def await_verdict(client: RelayClient, upload: Upload, pace: Pace, patience: float) -> bool:
    """Wait until the relay has read an upload; false if it has not within `patience` seconds.

    Raises:
        Rejected: if it does not take it.
    """
    until = pace.now() + patience
    while (verdict := client.verdict(upload)) is None:
        if pace.now() >= until:
            return False
        pace.wait()
    if not verdict.accepted:
        raise Rejected(upload, verdict.problems)
    return True
