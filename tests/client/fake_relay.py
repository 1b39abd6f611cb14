"""A relay whose runs pass through scripted states, and a clock that only moves when somebody waits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from steprelay.client.changes import Change
from steprelay.client.cost.prices import Compute
from steprelay.client.follow import follow
from steprelay.client.pace import Pace
from steprelay.client.relay import JobSeen, LogPage, Purpose, Upload, Verdict
from steprelay_core.logs import Log, console_link
from steprelay_core.ports import Deployment, Stored
from steprelay_core.spec import Flow, validate_spec
from steprelay_core.state.model import (
    FailedAttempt,
    Failure,
    Group,
    GroupKey,
    Origin,
    Run,
    RunFailure,
    RunStatus,
    Submission,
    TaskKey,
    TaskSelection,
    Wait,
)
from steprelay_core.state.ranges import Ranges

T = TypeVar("T")
C = TypeVar("C")

RUN = "Flow-0123456789ab"
START = 1_790_000_000.0
ONE = Ranges.upto(1)


@dataclass
class FakeClock:
    """Time passes by waiting, and in no other way."""

    at: float = START
    waits: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += seconds

    def pace(self, **more: float) -> Pace:
        return Pace(**{"shortest": 0.5, "longest": 4.0, **more}, now=self.now, sleep=self.sleep)


def flow_of(steps: dict[str, dict[str, Any]], **more: Any) -> Flow:
    """A flow from its steps; each gets a command, so that it is a valid one."""
    written = {name: {"command": ["true"], **step} for name, step in steps.items()}
    return validate_spec({"spec_version": 1, "flow": "Flow", "steps": written, **more})


LINE = flow_of({"start": {"next": "train"}, "train": {"batch": {}, "next": "end"}, "end": {}})
FOREACH = flow_of(
    {
        "start": {"next": {"to": ["process"], "foreach": "shards"}},
        "process": {"batch": {}, "retry": {"times": 3}, "next": "join"},
        "join": {"join": True},
    }
)


def run_of(status: RunStatus = RunStatus.RUNNING, *, version: int = 1, **more: Any) -> Run:
    ended = START + 60 if status.terminal else None
    known = {"created_at": START, "origin": Origin("upload"), "status": status, "ended_at": ended, "version": version}
    return Run(**{"id": RUN, "flow": "Flow", "digest": "d" * 64, **known, **more})


SUCCEEDED = run_of(RunStatus.SUCCEEDED)


def stored(*groups: Group, run: Run | None = None) -> Stored:
    return Stored(run or run_of(), {group.key: group for group in groups})


def failed_run(task: str, attempt: int, failure: Failure) -> Run:
    return run_of(RunStatus.FAILED, failure=RunFailure(task, attempt, failure))


def group(step: str, path: tuple[int, ...] = (), **more: Any) -> Group:
    return Group(GroupKey(step, path), **{"started_at": START + 1, "version": 1, **more})


def won(step: str, *, attempt: int = 1, members: Ranges = ONE, path: tuple[int, ...] = (), **more: Any) -> Group:
    return group(step, path, won={attempt: members}, **{"ended_at": START + 3, "version": 9, **more})


def submitted(members: Ranges = ONE, *, attempt: int = 1, **more: Any) -> Submission:
    known = {"open": members, "light": False, "submitted_at": START + 1, "job_id": "job-1"}
    return Submission(attempt=attempt, members=members, **{**known, **more})


def failed_attempt(
    member: int, attempt: int, failure: Failure, began_at: float | None = None, budget: str = ""
) -> FailedAttempt:
    return FailedAttempt(member, attempt, START + 2, failure, began_at, budget)


def failed_foreach() -> Stored:
    """A run of `FOREACH` whose fourth task failed twice."""
    failure = Failure("program", "ValueError: no luck", 1)
    process = group(
        "process", (0,), failed=Ranges.of(3), won={1: Ranges.upto(3)},
        history=tuple(failed_attempt(3, attempt, failure) for attempt in (1, 2)), ended_at=START + 5,
    )  # fmt: skip
    run = failed_run("process.3", 2, failure)
    return stored(won("start"), process, run=run)


def waiting(attempt: int, *members: int, seconds: float) -> Wait:
    return Wait(attempt, Ranges.of(*members), START + 2 + seconds)


@dataclass
class FakeRelay:
    """Implements `RelayClient`. `states` are what looks at the run see, one after the other; the last one stays."""

    states: list[Stored | None] = field(default_factory=list)
    spec: Flow = field(default_factory=lambda: LINE)
    verdicts: list[Verdict | None] = field(default_factory=list)
    light_logs: dict[tuple[str, int], str] = field(default_factory=dict)
    job_streams: dict[str, str] = field(default_factory=dict)
    arrays: list[dict[str, JobSeen]] = field(default_factory=list)
    asked_for: list[list[str]] = field(default_factory=list)
    pages: dict[str, list[list[str]]] = field(default_factory=dict)
    outcomes: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    claims: dict[tuple[str, int], str] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    all_runs: list[Run] = field(default_factory=list)
    uploads: list[tuple[Purpose, str, bytes, dict[str, Any]]] = field(default_factory=list)
    computes: dict[str, Compute] = field(default_factory=dict)
    computes_asked: list[str] = field(default_factory=list)
    cancelled: list[tuple[str, str]] = field(default_factory=list)
    resumed: list[tuple[str, str | None]] = field(default_factory=list)

    def upload(self, purpose: Purpose, flow: str, package: Path, parameters: Mapping[str, Any]) -> Upload:
        self.uploads.append((purpose, flow, package.read_bytes(), dict(parameters)))
        return Upload("packages", f"{purpose}/{flow}/x/package.tar.gz", "v1", RUN)

    def verdict(self, upload: Upload) -> Verdict | None:
        return _next(self.verdicts)

    def deployment(self, flow: str) -> Deployment | None:
        return None

    def load(self, run: str) -> Stored | None:
        return _next(self.states)

    def list_runs(self, limit: int) -> list[Run]:
        return self.all_runs[:limit]

    def flow(self, digest: str) -> Flow:
        return self.spec

    def cancel(self, run: str, reason: str) -> None:
        self.cancelled.append((run, reason))

    def resume(self, run: str) -> str:
        self.resumed.append((run, None))
        return "request-1"

    def retry(self, run: str, tasks: TaskSelection) -> str:
        self.resumed.append((run, str(tasks)))
        return "request-1"

    def outcome(self, run: str, task: TaskKey, attempt: int) -> dict[str, Any] | None:
        return self.outcomes.get((str(task), attempt))

    def claimed_by(self, run: str, task: TaskKey, attempt: int) -> str | None:
        return self.claims.get((str(task), attempt))

    def artifact(self, flow: str, sha256: str) -> bytes | None:
        return self.artifacts.get(sha256)

    def light_log(self, run: str, task: TaskKey, attempt: int) -> str | None:
        return self.light_logs.get((str(task), attempt))

    def jobs(self, job_ids: Sequence[str]) -> dict[str, JobSeen]:
        """Each look takes the next of `arrays`; other jobs run, and have the streams of `job_streams`."""
        self.asked_for.append(list(job_ids))
        known = {job: JobSeen("RUNNING", stream) for job, stream in self.job_streams.items()}
        told = _next(self.arrays)
        known |= told or {}
        return {job: known[job] for job in job_ids if job in known}

    def compute(self, job_id: str) -> Compute | None:
        self.computes_asked.append(job_id)
        return self.computes.get(job_id)

    def read_stream(self, stream: str, token: str | None) -> LogPage:
        """Each page is there from a later look on: an empty page is what ends a read."""
        position = int(token or 0)
        pages = self.pages.get(stream, [])
        if position >= len(pages):
            return LogPage((), token)
        return LogPage(tuple(pages[position]), str(position + 1))

    def log_link(self, log: Log) -> str | None:
        return console_link(log, "eu-west-1", "data")


def _next(script: list[T]) -> T | None:
    if not script:
        return None
    return script.pop(0) if len(script) > 1 else script[0]


def versions(states: Iterable[Stored | None]) -> list[Stored | None]:
    """The states with rising versions, as the store would give them."""
    return [
        replace(state, run=replace(state.run, version=number)) if state is not None else None
        for number, state in enumerate(states, 1)
    ]


def followed(relay: FakeRelay, *, upload: Upload | None = None, **pace: float) -> list[Change]:
    return list(follow(relay, RUN, FakeClock().pace(**pace), upload))


def of_kind(changes: list[Change], kind: type[C]) -> list[C]:
    return [change for change in changes if isinstance(change, kind)]
