"""What can be seen from outside of a relay: facts, each checked by the invariants that speak of it."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from steprelay_core.commands import Announce
from steprelay_core.decide.array import ArrayEnd
from steprelay_core.ports import Attempt, OutboxEntry, Stored
from steprelay_core.state.claim import Claimed
from steprelay_core.state.events import Event, ResumeRequested, RetryRequested
from steprelay_core.state.model import Group, GroupKey, Run
from steprelay_core.state.outcome import Outcome

if TYPE_CHECKING:
    from tests.simulation.record import JobPlace


@dataclass(frozen=True)
class Attempted:
    """One attempt of one task of one run."""

    run: str
    group: GroupKey
    member: int
    attempt: int

    def __str__(self) -> str:
        return f"attempt {self.attempt} of {self.group.task(self.member)} of {self.run}"


@dataclass(frozen=True)
class Saved:
    """A run was saved, `given` as somebody wanted it. `events`: what was decided on, and maybe more that came with it;
    none for the answers of AWS."""

    given: Run
    given_groups: tuple[Group, ...]
    before: Stored | None
    after: Stored
    added: OutboxEntry | None
    done: tuple[OutboxEntry, ...]
    events: tuple[Event, ...]

    @property
    def goes_on(self) -> bool:
        """Whether a person has asked for it, who alone may set going again what had ended."""
        return any(isinstance(event, ResumeRequested | RetryRequested) for event in self.events)

    @cached_property
    def changed(self) -> list[tuple[Group, Group]]:
        """The groups that were saved, as they were before and as they are."""
        old = self.before.groups if self.before else {}
        keys = [group.key for group in self.given_groups]
        return [(old.get(key) or Group(key), self.after.groups[key]) for key in keys]


@dataclass(frozen=True)
class Cleared:
    """Entries were taken out of the outbox, with nothing to save."""

    run: str
    done: tuple[OutboxEntry, ...]


@dataclass(frozen=True)
class TakenUp:
    """Somebody carries out an entry of the outbox that somebody else has left."""

    run: str
    entry: str


@dataclass(frozen=True)
class Handled:
    """An event was handled to its end; `outcomes`, `claims`, `array`: what was read for it."""

    event: Event
    outcomes: dict[Attempt, Outcome]
    claims: dict[Attempt, Claimed | None]
    array: ArrayEnd | None


@dataclass(frozen=True)
class Raised:
    """Handling an event ended with an error that no fault explains."""

    event: Event
    error: Exception


@dataclass(frozen=True)
class ClaimPassed:
    """A container or light function goes on to user code. `job_id`: None for light; `inputs`: the tasks that its brief
    says it starts from, each with the attempt whose artifacts it takes."""

    attempted: Attempted
    owner: str
    job_id: str | None
    batch_attempt: int | None
    inputs: tuple[Attempt, ...] = ()


@dataclass(frozen=True)
class Submitted:
    """Batch took a job. `looked`: whether whoever submitted it had asked for the name before; `saved_ago`: seconds
    since they saved the intent; None where somebody else did, or nobody."""

    run: str
    group: GroupKey
    submission: str
    job_name: str
    job_id: str
    looked: bool
    saved_ago: float | None


@dataclass(frozen=True)
class SubmitCalled:
    """Somebody calls SubmitJob, in this second by its clock."""

    second: int


@dataclass(frozen=True)
class Published:
    """An announcement reached the bus."""

    announce: Announce


@dataclass(frozen=True)
class QueueTimedOut:
    """Somebody ends a job for having waited too long: where it is, and how long it has been in its queue (seconds), as
    they were told last."""

    place: "JobPlace"
    status: str
    waited: float


@dataclass(frozen=True)
class Buried:
    """A message was moved to a dead-letter queue by the function itself."""

    body: str
    reason: str


@dataclass(frozen=True)
class Swept:
    """A sweep has gone through, undisturbed."""


@dataclass(frozen=True)
class Calmed:
    """Everything is over: runs, jobs and messages."""


Fact = (
    Saved
    | Cleared
    | TakenUp
    | Handled
    | Raised
    | ClaimPassed
    | Submitted
    | SubmitCalled
    | Published
    | QueueTimedOut
    | Buried
    | Swept
    | Calmed
)
