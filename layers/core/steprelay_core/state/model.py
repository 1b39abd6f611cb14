"""What the relay remembers of a run: frozen values, all times in seconds since the epoch.

A task is one execution of a step: `(step, path, member, laps)`. `path` holds the index in each enclosing foreach
but the innermost, starting with the root's 0, and `member` the index in the innermost one. A step outside any
foreach has path `()` and member 0; the tasks of a foreach directly under it have path `(0,)`. `laps` tells the
executions apart of a step that the flow went back to (`state.laps`).
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer

from steprelay_core.state.compact import counts_from_stored, counts_to_stored
from steprelay_core.state.laps import Laps, read_laps, written
from steprelay_core.state.ranges import Ranges

# How many of something each member has, stored in few bytes.
Counts = Annotated[dict[int, int], BeforeValidator(counts_from_stored), PlainSerializer(counts_to_stored)]

# AWS Batch: an array job has at most 10,000 children.
ARRAY_LIMIT = 10_000

# What the machines behind a job queue are.
Platform = Literal["ec2", "fargate"]


def whole_job(job_id: str) -> str:
    """The id of the job as a whole: AWS Batch calls a child of an array `<job id>:<index>`."""
    return job_id.partition(":")[0]


class RunStatus(StrEnum):
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def terminal(self) -> bool:
        return self is not RunStatus.RUNNING


@dataclass(frozen=True, slots=True, order=True)
class GroupKey:
    """The tasks of one step under one parent, in one lap."""

    step: str
    path: tuple[int, ...] = ()
    laps: Laps = ()

    def task(self, member: int) -> "TaskKey":
        return TaskKey(self.step, self.path, member, self.laps)

    def as_json(self) -> dict[str, Any]:
        """`step`, `path` and, where there are any, `laps`: as briefs and messages name it."""
        laps = {"laps": list(self.laps)} if self.laps else {}
        return {"step": self.step, "path": list(self.path), **laps}


@dataclass(frozen=True, slots=True, order=True)
class TaskKey:
    """One execution of a step in a run."""

    step: str
    path: tuple[int, ...]
    member: int
    laps: Laps = ()

    @property
    def group(self) -> GroupKey:
        return GroupKey(self.step, self.path, self.laps)

    @property
    def split(self) -> str:
        """The whole split path as text, root first: `0` outside any foreach, `0.3` for the fourth split.

        Laps stand before it, `2-0.3`, so that the splits of one group begin alike.
        """
        return "-".join([*map(str, self.laps), ".".join(str(index) for index in (*self.path, self.member))])

    def __str__(self) -> str:
        """What people see: `train`, or `train.3` and `train.3.0` inside foreach steps; `train.3@2` in a later lap."""
        inner = (*self.path, self.member)[1:]
        return ".".join([self.step, *(str(index) for index in inner)]) + _lap(self.laps or None)


_TASKS = re.compile(r"([^.@]+)((?:\.\d{1,9})*)(?:@(\d{1,9}(?:-\d{1,9})*))?", re.ASCII)


def _lap(laps: Laps | None) -> str:
    return "" if laps is None else f"@{written(laps) or 0}"


@dataclass(frozen=True, slots=True)
class TaskSelection:
    """Tasks as people name them: all of a step, or those whose split, without the root's 0, begins with `split`.

    `laps`: of these laps only; None for all.
    """

    step: str
    split: tuple[int, ...] = ()
    laps: Laps | None = None

    @classmethod
    def parse(cls, text: str) -> "TaskSelection":
        """What `str` wrote: `process`, `process.3`, `inner.3.1`, `train@2`, `process.3@0-2`.

        Raises:
            ValueError: if what follows the step is not numbers joined by dots, and laps.
        """
        match = _TASKS.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{text!r} is not STEP or STEP.SPLIT, as in process or process.3, nor that with @LAP, as in train@2"
            )
        step, split, laps = match.groups()
        return cls(step, tuple(map(int, split.split(".")[1:])), None if laps is None else read_laps(laps))

    def of(self, key: GroupKey, members: Ranges) -> Ranges:
        """Those of a group's members that are meant."""
        outer, split = key.path[1:], self.split
        if self.step != key.step or self.laps not in (None, key.laps) or (split and not key.path):
            return Ranges()
        if len(split) <= len(outer):
            return members if outer[: len(split)] == split else Ranges()
        return members & Ranges.of(split[-1]) if split[:-1] == outer else Ranges()

    def __str__(self) -> str:
        return ".".join([self.step, *(str(index) for index in self.split)]) + _lap(self.laps)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed. `class_` is an id of the failure classes (docs/failures.md)."""

    class_: str
    reason: str
    exit_code: int | None = None
    log_stream: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What an attempt is given beyond what its step says, because of how earlier ones failed.

    `queue`: the position in the step's queues; `growth`: how often memory has grown; `suspected`: whether once only
    because the attempt looked as if memory had run out. `spent`: of the free attempts of each failure class, how many
    were made, in the order of their names.
    """

    queue: int = 0
    growth: int = 0
    suspected: bool = False
    spent: tuple[tuple[str, int], ...] = ()

    def spent_of(self, class_: str) -> int:
        """How many free attempts were made because of failures of this class."""
        return dict(self.spent).get(class_, 0)


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a chained submission was handed over behind: a submission of the step before, under the same path."""

    step: str
    submission: str

    @property
    def attempt(self) -> int:
        """The attempt that is presumed to win."""
        return int(self.submission.partition("-")[0])


@dataclass(frozen=True, slots=True)
class Submission:
    """One attempt of some members of a group, handed to Batch as one job or array, or to the light function.

    Its identity in the group is `(attempt, first member)`: no member is in two submissions of one attempt.
    `members` keeps all it was submitted with (the index map of the array), `open` those still undecided.
    `first` is the attempt from which these members' budget of retries counts: 1 until somebody starts them anew, and
    one more with each attempt that costs none of that budget.
    `others`: jobs that were made of it besides `job_id`, where an answer was lost. `missing_since`: when AWS Batch was
    first found not to know its job any more. `sent_at`: when messages that no light function had received by then
    were sent again. `behind`: what it was chained to, which has the same members, and each has to win before its own.
    `told`: of an array, those whose own events have told that their children of `job_id` failed;
    `crowds`: how often some of them had to wait for others before their next attempt. `platform`: of the queue that
    took it.
    """

    attempt: int
    members: Ranges
    open: Ranges
    light: bool
    submitted_at: float
    job_id: str | None = None
    job_name: str | None = None
    status: str = "SUBMITTED"
    attempts_seen: int = 0
    started_at: float | None = None
    log_stream: str | None = None
    deadline: float | None = None
    terms: Terms = field(default_factory=Terms)
    first: int = 1
    others: tuple[str, ...] = ()
    missing_since: float | None = None
    sent_at: float | None = None
    behind: Ahead | None = None
    told: Ranges = field(default_factory=Ranges)
    crowds: int = 0
    platform: Platform | None = None

    @property
    def id(self) -> str:
        return f"{self.attempt}-{self.members.at(0)}"


@dataclass(frozen=True, slots=True)
class Wait:
    """Members between two attempts: `attempt` starts at `due`; `first` as in `Submission`.

    `ready`: when the last of them might have started, had they not waited for more of their array to come along.
    """

    attempt: int
    members: Ranges
    due: float
    terms: Terms = field(default_factory=Terms)
    first: int = 1
    ready: float = 0.0

    @property
    def earliest(self) -> float:
        """When all of them could have gone; relays that knew no crowds did not note it."""
        return self.ready or self.due


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """A line of a task's history: which attempt failed, and why; `began_at` where its job told when it started.

    `budget`: what pays for the attempt after it, or why there is none, as people read it.
    """

    member: int
    attempt: int
    at: float
    failure: Failure
    began_at: float | None = None
    budget: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The tasks of one step under one parent, each in exactly one place.

    `submissions[].open`, `waits`, `queued`, `won` or `failed`. `won` keeps which attempt won, because artifacts are
    written per attempt; `chosen` which transition the winners took; `fanout` the number of items of those that
    started a foreach. `tried` is the highest attempt that any member ever began: a later one than that is new to all of
    them. Relays before it was kept left it 0. `voided` is the highest attempt that was void for one of its members
    (`decide.chain`): those begin with the one after it. `queued` wait for room in the window of their foreach; those of
    them in `again` had failed, and are to begin that attempt.
    """

    key: GroupKey
    submissions: tuple[Submission, ...] = ()
    waits: tuple[Wait, ...] = ()
    won: dict[int, Ranges] = field(default_factory=dict)
    failed: Ranges = field(default_factory=Ranges)
    chosen: dict[int, Ranges] = field(default_factory=dict)
    fanout: Counts = field(default_factory=dict)
    history: tuple[FailedAttempt, ...] = ()
    started_at: float | None = None
    ended_at: float | None = None
    version: int = 0
    tried: int = 0
    voided: int = 0
    queued: Ranges = field(default_factory=Ranges)
    again: dict[int, Ranges] = field(default_factory=dict)

    @property
    def succeeded(self) -> Ranges:
        members = Ranges()
        for part in self.won.values():
            members |= part
        return members

    @property
    def in_flight(self) -> Ranges:
        """Members with an attempt under way, or between two: they keep a place in the window."""
        members = Ranges()
        for submission in self.submissions:
            members |= submission.open
        for wait in self.waits:
            members |= wait.members
        return members

    @property
    def live(self) -> Ranges:
        """Members with an attempt under way or still to come."""
        return self.in_flight | self.queued

    @property
    def members(self) -> Ranges:
        """Every task of the group that exists so far."""
        return self.live | self.succeeded | self.failed

    def winner(self, member: int) -> int | None:
        """The attempt that won for this member."""
        return next((attempt for attempt, members in self.won.items() if member in members), None)


@dataclass(frozen=True, slots=True)
class Origin:
    """What started a run: `kind` and, per kind, the object, event or schedule it was."""

    kind: Literal["upload", "request", "schedule", "event", "resume"]
    detail: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunFailure:
    """The first cause of a failed run; `budget`: why there was no further attempt."""

    task: str
    attempt: int
    failure: Failure
    budget: str = ""


@dataclass(frozen=True, slots=True)
class Resuming:
    """A request whose tasks are still being started anew, because they did not fit into one save; None: all failed."""

    request: str
    tasks: TaskSelection | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a flow from one package (`digest`: sha256 of the archive, hex).

    `generation` counts how often it was set going: 1, and one more with each resume. `requests` are the latest ones
    that were carried out on it, so that none is twice. `deadline` is when its time limit is over. `stopping`: why it
    was cancelled, as long as not all of its tasks are stopped.
    """

    id: str
    flow: str
    digest: str
    created_at: float
    origin: Origin
    parameters: dict[str, Any] = field(default_factory=dict)
    status: RunStatus = RunStatus.RUNNING
    failure: RunFailure | None = None
    ended_at: float | None = None
    version: int = 0
    generation: int = 1
    requests: tuple[str, ...] = ()
    resuming: Resuming | None = None
    deadline: float | None = None
    stopping: str | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be done for it."""
        return self.status.terminal and self.stopping is None
