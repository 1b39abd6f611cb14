"""What the relay remembers of a run: frozen values, all times in seconds since the epoch.

How tasks and groups of them are named: `state.tasks`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer

from steprelay_core.state.compact import counts_from_stored, counts_to_stored
from steprelay_core.state.ranges import Ranges
from steprelay_core.state.tasks import GroupKey as GroupKey
from steprelay_core.state.tasks import TaskKey as TaskKey
from steprelay_core.state.tasks import TaskSelection as TaskSelection

# How many of something each member has, stored in few bytes.
Counts = Annotated[dict[int, int], BeforeValidator(counts_from_stored), PlainSerializer(counts_to_stored)]

# How many failed attempts a group keeps word for word; the first ones tell the cause.
HISTORY_LIMIT = 50

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
class Caught:
    """Members whose last attempt failed alike, and whose step goes on in spite of it (`@catch`).

    `attempt`: the one that failed; `told`: its own outcome tells of it, and more than is kept here.
    """

    members: Ranges
    attempt: int
    failure: Failure
    told: bool = False


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
    took it. `fallback`: of an attempt that runs no user code, why: what it is to leave in the artifact of `@catch`
    (`decide.fallback`). `gone`: jobs made of it that have ended beside the one that counts. Of a step that limits
    waiting, `queued_at`: since when its job waits for a machine, as far as is known; `queue_due`: when it is looked
    whether it still does.
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
    fallback: tuple[Caught, ...] = ()
    gone: tuple[str, ...] = ()
    queued_at: float | None = None
    queue_due: float | None = None

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
    `caught`: whether the step goes on all the same, by `@catch`: in this very attempt, or by a fallback one after it.
    """

    member: int
    attempt: int
    at: float
    failure: Failure
    began_at: float | None = None
    budget: str = ""
    caught: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """The tasks of one step under one parent, each in exactly one place.

    `submissions[].open`, `waits`, `queued`, `won` or `failed`. `won` keeps which attempt won, because artifacts are
    written per attempt; `chosen` which transition the winners took; `fanout` the number of items of those that
    started a foreach. `tried` is the highest attempt that any member ever began: a later one than that is new to all of
    them. Relays before it was kept left it 0. `voided` is the highest attempt that was void for one of its members
    (`decide.chain`): those begin with the one after it. `queued` wait for room in the window of their foreach; those of
    them in `again` had failed, and are to begin that attempt. `caught`: those of the winners that have failed, but went
    on by `@catch`, as far as somebody has looked.
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
    caught: Ranges = field(default_factory=Ranges)

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


class HookStatus(StrEnum):
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class HookRun:
    """An exit hook that was started when its run had ended (`after`, for `cause`) for the `generation`-th time.

    `attempts`: those it had; the numbers of a hook count on over generations, where several may be under way at once.
    `started_at`: when it was handed over; `sent_at`: when its message was sent again, which nobody had received.
    """

    name: str
    attempts: tuple[int, ...]
    generation: int
    after: RunStatus
    started_at: float
    cause: RunFailure | None = None
    status: HookStatus = HookStatus.RUNNING
    ended_at: float | None = None
    failure: Failure | None = None
    sent_at: float | None = None

    @property
    def attempt(self) -> int:
        """The latest one."""
        return self.attempts[-1]

    @property
    def task(self) -> TaskKey:
        """Under which its claim, outcome and log lie, as if it were a step."""
        return TaskKey(self.name, (), 0)


@dataclass(frozen=True, slots=True)
class Resuming:
    """A request whose tasks are still being started anew, because they did not fit into one save; None: all failed."""

    request: str
    tasks: TaskSelection | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Why a submission's job does not start, for people; the run goes on waiting.

    `class_`: an id of the failure classes; `since`: when it began to wait; `at`: when that was noticed first (seconds
    since the epoch). `reason` says what keeps it, `change` what to do about it. `behind`: the id of the job ahead of it
    in the queue that is what keeps it.
    """

    group: GroupKey
    submission: str
    class_: str
    queue: str
    since: float
    at: float
    reason: str
    change: str
    behind: str | None = None

    @property
    def subject(self) -> tuple[GroupKey, str]:
        return self.group, self.submission


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a flow from one package (`digest`: sha256 of the archive, hex).

    `generation` counts how often it was set going: 1, and one more with each resume. `requests` are the latest ones
    that were carried out on it, so that none is twice. `deadline` is when its time limit is over. `stopping`: why it
    was cancelled, as long as not all of its tasks are stopped. `hooks`: the exit hooks that its ends have started.
    `notices`: which of its jobs do not start, and why, as far as that is known (`decide.notices`).
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
    hooks: tuple[HookRun, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be done for it."""
        return self.status.terminal and self.stopping is None and not self.hooks_running

    @property
    def hooks_running(self) -> tuple[HookRun, ...]:
        """Exit hooks that have not come to their end."""
        return tuple(hook for hook in self.hooks if hook.status is HookStatus.RUNNING)

    def next_attempt(self, hook: str) -> int:
        """An attempt that no claim of this hook has been made for."""
        return 1 + max((known.attempt for known in self.hooks if known.name == hook), default=0)
