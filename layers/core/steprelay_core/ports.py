"""The outside world as the engine needs it: small Protocols, implemented in `aws/` and by the tests' fakes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from steprelay_core.commands import Announce, Command
from steprelay_core.decide.draft import Decision
from steprelay_core.inbound.upload import Upload
from steprelay_core.job_queues import NoQueues, Queues
from steprelay_core.logs import Log
from steprelay_core.spec import Flow
from steprelay_core.state.claim import Claimed
from steprelay_core.state.model import Group, GroupKey, Run, RunStatus, TaskKey
from steprelay_core.state.outcome import Outcome
from steprelay_core.state.ranges import Ranges

Platform = Literal["ec2", "fargate"]

# Commands older than this (seconds) hardly have a living owner; if they do, carrying them out twice is harmless.
OUTBOX_ORPHANED_AFTER = 90.0

# One attempt of one task of a run.
Attempt = tuple[TaskKey, int]


class Conflict(Exception):
    """Someone else saved the run in between; load it again and decide anew."""


class Refused(Exception):
    """AWS will never take this request; the message says why."""


class Denied(Refused):
    """The relay's own role may not do this: a fault of how it is deployed, not of the request."""


class QueueRefused(Refused):
    """This job queue is not there, or does not take the job; another one may."""


class DefinitionGone(Refused):
    """The job definition is not active any more: somebody deregistered it since it was looked up."""


class Unavailable(Exception):
    """AWS throttled a call or failed to answer it, also when asked again; nobody knows whether it was carried out."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """Commands saved with a state change and not yet known to be applied.

    `free_at`: from when on (seconds since the epoch) nobody is taken to be at work on them, so that anybody may be.
    """

    id: str
    created_at: float
    commands: tuple[Command, ...]
    free_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Stored:
    """A run as loaded: itself, its groups, and what is left in its outbox."""

    run: Run
    groups: dict[GroupKey, Group]
    outbox: tuple[OutboxEntry, ...] = ()

    def after(self, decision: Decision) -> "Stored":
        """The same with what a decision on it changes, which is not saved yet."""
        groups = self.groups | {group.key: group for group in decision.groups}
        return replace(self, run=decision.run or self.run, groups=groups)


@dataclass(frozen=True, slots=True)
class Deployment:
    """The version of a flow that schedules, events and requests start."""

    flow: str
    digest: str
    deployed_at: float
    triggers: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UsedDefinition:
    """A job definition that this relay used, by name, and when it last did (seconds since the epoch)."""

    name: str
    used_at: float


# Runs with commands left in their outbox, ended or not; runs that have not ended.
Unsettled = Literal["stuck", "live"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A run in a list, and its place there: texts that sort as the list does."""

    run: str
    place: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a sweep stopped: behind this place of a list, and behind this job of the runs that come next."""

    place: str = ""
    job: str = ""


class Store(Protocol):
    """Runs, groups, outboxes and deployments with optimistic versions; which job definitions are in use; and how far
    the sweep has come."""

    def load(self, run: str) -> Stored | None: ...

    def save(
        self, run: Run, groups: Sequence[Group], *, add: OutboxEntry | None = None, done: Iterable[str] = ()
    ) -> None:
        """Write all in one transaction: run and groups at their version + 1, one outbox entry added, others removed.

        Raises:
            Conflict: if the run or one of the groups has another version in the store (version 0: exists already).
        """

    def take_up(self, run: str, entry: OutboxEntry, until: float) -> bool:
        """Have an outbox entry free from then on only; False if it is gone, or somebody else has taken it up since it
        was loaded."""

    def clear(self, run: str, done: Iterable[str]) -> None:
        """Remove outbox entries whose commands are all applied; ones already gone are no error."""

    def list_runs(self, *, status: RunStatus | None = None, limit: int = 100) -> list[Run]:
        """Runs, newest first."""

    def unsettled(self, which: Unsettled, *, after: str = "", limit: int = 1000) -> list[Listed]:
        """Stuck runs, the longest stuck first (once for each entry in their outbox), or living ones, the oldest first;
        those behind the place `after`."""

    def cursor(self, which: Unsettled) -> Cursor:
        """What was kept last, or the beginning."""

    def keep_cursor(self, which: Unsettled, cursor: Cursor) -> None: ...

    def deploy(self, deployment: Deployment) -> Deployment | None:
        """Make this the flow's deployment, with the subscriptions that its triggers are; returns the one it replaces.

        Raises:
            Conflict: if the flow has a deployment with a later `deployed_at`; events may come out of order.
        """

    def deployment(self, flow: str) -> Deployment | None: ...

    def subscribers(self, event: str) -> list[Deployment]:
        """Deployments that a bus event of this name (detail-type) starts."""

    def note_definition(self, used: UsedDefinition) -> None:
        """Remember that a job definition was used; an earlier time than the one known changes nothing."""

    def unused_definitions(self, before: float, *, limit: int) -> list[UsedDefinition]:
        """Job definitions last used before this time (seconds since the epoch), the longest unused first."""

    def forget_definition(self, used: UsedDefinition) -> bool:
        """Remove a job definition unless it was used again since; whether it was removed by this call."""


@dataclass(frozen=True, slots=True)
class FailedChild:
    """A child of an array that failed, as Batch lists it; `index`: its place in the array, `started_at` in seconds."""

    index: int
    reason: str = ""
    exit_code: int | None = None
    container_reason: str = ""
    log_stream: str | None = None
    started_at: float | None = None


class Jobs(Protocol):
    """AWS Batch."""

    def platform(self, queue: str) -> Platform:
        """The platform that all compute environments of the queue have; unmanaged ones are EC2's. May be some minutes
        old.

        Raises:
            QueueRefused: if there is no such queue, it takes no jobs, or the relay cannot use its environments.
            Denied: if the relay may not look.
        """

    def ensure_definition(self, request: dict[str, Any], *, anew: bool = False) -> str:
        """The ARN of the definition with this content (its name carries the hash), registered if need be.

        Whoever races to register it gets the same one: the lowest revision that is active. What is remembered is
        not believed where `anew` is given.

        Raises:
            Refused: if Batch rejects it.
        """

    def retire_definition(self, name: str) -> int:
        """Deregister all active revisions of a definition; how many there were. Jobs submitted with it run on."""

    def submit(self, request: dict[str, Any]) -> str:
        """SubmitJob; returns the job id.

        Raises:
            QueueRefused: if it is the queue that does not take the job.
            DefinitionGone: if the definition is not active.
            Refused: if Batch rejects the job for any other reason.
            Unavailable: if Batch takes no job now, or did not answer.
        """

    def find(self, queue: str, job_name: str) -> list[str]:
        """The ids of the jobs with this name in this queue that ListJobs knows, the newest first.

        Raises:
            Refused: if there is no such queue.
        """

    def terminate(self, job_id: str, reason: str) -> None: ...

    def cancel(self, job_id: str, reason: str) -> None:
        """End a job that has not got as far as STARTING; any other is left alone, and so is one that is not known."""

    def waiting_children(self, job_id: str) -> list[int]:
        """The indices of an array's children that are SUBMITTED, PENDING or RUNNABLE, ascending, as ListJobs knows."""

    def describe(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        """DescribeJobs for any number of ids; jobs that Batch has forgotten are missing from the answer."""

    def failed_children(self, job_id: str) -> list[FailedChild]:
        """The children of an array that ListJobs knows to have failed, which may be too few, in any order.

        Only some of them have a log stream. None at all where Batch has forgotten the array.
        """


class Light(Protocol):
    """The queue in front of the light function."""

    def invoke(self, messages: Sequence[dict[str, Any]]) -> None: ...


class Timers(Protocol):
    """Messages to ourselves at a later time: to the second within 15 minutes, up to a minute early beyond."""

    def start(self, name: str, message: dict[str, Any], due: float) -> None: ...


class Bus(Protocol):
    """The relay's event bus."""

    def publish(self, events: Sequence[Announce]) -> None: ...


@dataclass(frozen=True, slots=True)
class Ended:
    """What a listing tells of an attempt: members with an outcome, those of which some container said it failed, and
    those of which one said that `@catch` made a success of it."""

    written: Ranges
    marked: Ranges
    caught: Ranges = field(default_factory=Ranges)


class Objects(Protocol):
    """The data bucket."""

    def flow(self, digest: str) -> Flow:
        """The validated spec of an accepted package."""

    def put_once(self, key: str, body: bytes) -> bool:
        """Write unless the key exists; whether it was written now."""

    def put(self, key: str, body: bytes) -> None: ...

    def exists(self, key: str) -> bool: ...

    def outcomes(self, run: str, tasks: Sequence[Attempt]) -> dict[Attempt, Outcome]:
        """The outcomes of these attempts that exist."""

    def ended(self, run: str, group: GroupKey, attempt: int, members: Ranges) -> Ended:
        """Which of these members have an outcome of this attempt, and which of them may be failures; none is read."""

    def claims(self, run: str, tasks: Sequence[Attempt]) -> dict[Attempt, Claimed | None]:
        """The claims of all these attempts; None where nobody holds one."""

    def fence(self, run: str, tasks: Sequence[Attempt], seen: Mapping[Attempt, Claimed | None]) -> list[Attempt]:
        """Take the claims of these attempts for the dispatcher, from whoever holds them; those that were in `seen`
        only if they are still as seen.

        Returns the attempts whose claim has changed hands meanwhile, which are left as they are.
        """


@dataclass(frozen=True, slots=True)
class UploadHead:
    """What S3 says of an uploaded object without reading it.

    `size` in bytes; `uploaded_at` in seconds; `sha256` (hex) where the uploader had S3 check one.
    """

    version: str | None
    size: int
    uploaded_at: float
    metadata: dict[str, str]
    sha256: str | None = None


class Uploads(Protocol):
    """The package bucket, as the dispatcher uses it: it reads, copies and tags, and never deletes."""

    def head(self, upload: Upload) -> UploadHead | None:
        """None if the object is gone, or is not the one that the event told of."""

    def read(self, upload: Upload, start: int, size: int) -> bytes:
        """At most `size` bytes from `start`: one ranged GET."""

    def store(self, upload: Upload, head: UploadHead) -> str:
        """Copy the object, without reading it, to `packages/<sha256>.tar.gz` in the data bucket; the sha256 in hex."""

    def tag(self, upload: Upload, tags: dict[str, str]) -> None:
        """Set these tags and leave the uploader's own."""


@dataclass(frozen=True, slots=True)
class WantedSchedule:
    """A schedule as it should be: `message` goes to the run-requests queue at `expression` in `timezone`."""

    name: str
    expression: str
    timezone: str
    message: dict[str, Any]


class Schedules(Protocol):
    """EventBridge Scheduler, in the relay's own group."""

    def put(self, schedule: WantedSchedule) -> None:
        """Create it; one of this name is left as it is, since the name tells the content.

        Raises:
            Refused: if Scheduler rejects the expression or the time zone.
        """

    def names(self, prefix: str) -> list[str]:
        """The schedules whose names begin so."""

    def delete(self, name: str) -> None:
        """Remove it; one already gone is no error."""


class Logs(Protocol):
    """What attempts have printed, as far as it can be read just now. Neither method raises."""

    def last_lines(self, log: Log, count: int) -> tuple[str, ...]:
        """The last lines, without their ends; none where they cannot be read within seconds."""

    def link(self, log: Log) -> str | None:
        """A page for people; None where there is none."""


class Pace(Protocol):
    """How often jobs are submitted, by all functions of the relay together."""

    def book(self, now: float) -> float:
        """When one SubmitJob may be made (seconds since the epoch): now, if this second has room, else in the second
        that begins then. A booking is spent by one call, made in its second or never."""


class Unpaced:
    """No limit."""

    def book(self, now: float) -> float:
        return now


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch."""

    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside, handed to the engine as one value."""

    store: Store
    jobs: Jobs
    light: Light
    timers: Timers
    bus: Bus
    objects: Objects
    clock: Clock
    pace: Pace = field(default_factory=Unpaced)
    logs: Logs | None = None
    queues: Queues = field(default_factory=NoQueues)
