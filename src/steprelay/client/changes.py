"""What can be seen of a run while it goes on: plain values, the same for the screen, for pipes and for `--json`.

Times are seconds since the epoch, durations are seconds. `task` is what people see (`process.3`).
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

# `catch`: the step goes on all the same, by `@catch`.
NextStep = Literal["retry", "catch", "fail", "undecided"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The package lies in the bucket and the relay has not answered for `seconds`."""

    kind: Literal["waiting"] = field(default="waiting", init=False)
    run: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RunSeen:
    """The relay has accepted the run."""

    kind: Literal["run_seen"] = field(default="run_seen", init=False)
    run: str
    flow: str
    at: float
    origin: dict[str, Any]
    parameters: dict[str, Any]
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepProgress:
    """A step with all its tasks taken together; `tasks` counts those that exist so far.

    `queued`: those of them that wait for room in the window of their foreach (`max_workers`). `caught`: those of the
    `done` ones whose last attempt failed, but whose step goes on by `@catch`.
    """

    kind: Literal["step"] = field(default="step", init=False)
    step: str
    state: str
    done: int
    failed: int
    tasks: int
    attempt: int
    started_at: float | None = None
    ended_at: float | None = None
    retry_at: float | None = None
    queued: int = 0
    caught: int = 0


@dataclass(frozen=True, slots=True)
class TaskChanged:
    """A task reached another state; only for groups small enough to be told task by task.

    `caught`: it has failed, but its step goes on by `@catch`.
    """

    kind: Literal["task"] = field(default="task", init=False)
    task: str
    step: str
    attempt: int
    state: str
    at: float
    seconds: float | None = None
    caught: bool = False


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """An attempt failed, and what follows from it; `retry_at` is set where the next attempt waits.

    `memory` (MiB) and `queue` are what the next attempt asks for, where that is more or another than this one did.
    `budget`: what pays for the next attempt, or why there is none; empty where an older relay did not note it.
    """

    kind: Literal["attempt_failed"] = field(default="attempt_failed", init=False)
    task: str
    step: str
    attempt: int
    at: float
    failure_class: str
    reason: str
    exit_code: int | None
    then: NextStep
    retry_at: float | None = None
    memory: int | None = None
    queue: str | None = None
    budget: str = ""


@dataclass(frozen=True, slots=True)
class JobStuck:
    """Tasks whose job does not start: `reason` says what keeps it, `change` what to do about it.

    `task` is the step where there are several `tasks`. They have waited in `queue` since `since`; `at` is when that was
    noticed. `behind`: the id of the job ahead that holds them up.
    """

    kind: Literal["stuck"] = field(default="stuck", init=False)
    task: str
    step: str
    tasks: int
    attempt: int
    failure_class: str
    reason: str
    change: str
    queue: str
    since: float
    at: float
    behind: str | None = None


@dataclass(frozen=True, slots=True)
class OutputLine:
    """A line that a task printed; `node` where it runs on several."""

    kind: Literal["output"] = field(default="output", init=False)
    task: str
    attempt: int
    text: str
    node: int | None = None


@dataclass(frozen=True, slots=True)
class HookChanged:
    """An exit hook of the run began, was tried again, or has ended; `generation`: after which of the run's ends."""

    kind: Literal["hook"] = field(default="hook", init=False)
    hook: str
    state: Literal["running", "succeeded", "failed"]
    attempt: int
    generation: int
    at: float
    seconds: float | None = None
    failure_class: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Artifact:
    """What the run left: `value` is the repr of plain data that is small enough to show."""

    name: str
    type: str
    size: int
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """The first failure of a run, with the last lines its attempt printed.

    `memory`: the MiB that the attempt had; `max_memory`: how far it may grow, where it may. `log_link`: the page of the
    AWS console that has all it printed. `budget`: why there was no further attempt.
    """

    task: str
    step: str
    attempt: int
    failure_class: str
    reason: str
    exit_code: int | None
    log_tail: tuple[str, ...] = ()
    memory: int | None = None
    max_memory: int | None = None
    log_link: str | None = None
    budget: str = ""


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The end of a run: always the last change."""

    kind: Literal["result"] = field(default="result", init=False)
    run: str
    flow: str
    status: str
    at: float
    seconds: float
    artifacts: tuple[Artifact, ...] = ()
    failure: Cause | None = None


Change = Waiting | RunSeen | StepProgress | TaskChanged | AttemptFailed | JobStuck | OutputLine | HookChanged | RunEnded


def as_json(change: Change) -> dict[str, Any]:
    """A change as one JSON object, its `kind` first."""
    return asdict(change)
