"""The working copy of a run that one decision is made on."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from steprelay_core.commands import Announce, Command
from steprelay_core.decide.laps import Places
from steprelay_core.spec import Flow
from steprelay_core.state.claim import Claimed
from steprelay_core.state.model import Group, GroupKey, Run, Submission, TaskKey
from steprelay_core.state.ranges import Ranges

if TYPE_CHECKING:
    from steprelay_core.decide.array import ArrayEnd

# DynamoDB saves at most 100 items together; what a decision changes beyond this is left to the next.
GROUPS_AT_ONCE = 40

# Requests that a run remembers, so that a late redelivery of one changes nothing.
REQUESTS_KEPT = 100

# Who holds the claims of these attempts; None where nobody does.
Claims = dict[tuple[TaskKey, int], Claimed | None]


@dataclass(frozen=True, slots=True)
class Decision:
    """What an event leads to: the run and groups to save, and the commands that wait in the outbox.

    `note` says why nothing follows, where nothing does; `more` that the event is to be decided on once more, because
    all that follows from it would not fit into one save. `claims`: those it was decided on; it holds only as long
    as they do. `later`: commands to be saved, and carried out only when somebody goes through the outbox.
    """

    run: Run | None
    groups: tuple[Group, ...] = ()
    commands: tuple[Command, ...] = ()
    note: str | None = None
    more: bool = False
    claims: Claims = field(default_factory=dict)
    later: tuple[Command, ...] = ()

    def then(self, later: "Decision") -> "Decision":
        """This decision followed by one made on its result, as a single one."""
        groups = {group.key: group for group in (*self.groups, *later.groups)}
        run = later.run if later.run is not None else self.run
        return Decision(
            run,
            tuple(groups.values()),
            (*self.commands, *later.commands),
            later.note or self.note,
            more=later.more,
            claims=later.claims if self.claims is later.claims else self.claims | later.claims,
            later=(*self.later, *later.later),
        )


@dataclass
class Draft:
    """A run being decided on; only ever replaced values go in, so the stored ones stay as they were.

    `array`: what is known of the array whose end is decided on, where somebody has looked.
    """

    flow: Flow
    run: Run
    groups: dict[GroupKey, Group]
    now: float
    claims: Claims = field(default_factory=dict)
    changed: dict[GroupKey, None] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    later: list[Command] = field(default_factory=list)
    run_changed: bool = False
    note: str | None = None
    more: bool = False
    array: "ArrayEnd | None" = None
    places: Places = field(init=False)

    def __post_init__(self) -> None:
        self.places = Places(self.groups)

    @property
    def is_stopping(self) -> bool:
        """Whether the run has ended or is about to: it starts nothing any more."""
        return self.run.failure is not None or self.run.status.terminal

    def group(self, key: GroupKey) -> Group:
        """The group, or an empty one that has not begun."""
        return self.groups.get(key, Group(key))

    def put(self, group: Group) -> None:
        self.groups[group.key] = group
        self.changed[group.key] = None

    def set_run(self, **changes: Any) -> None:
        self.run = replace(self.run, **changes)
        self.run_changed = True

    def remember(self, request: str) -> None:
        """Note a person's request as carried out."""
        if request and request not in self.run.requests:
            self.set_run(requests=(*self.run.requests, request)[-REQUESTS_KEPT:])

    def ask(self, command: Command) -> None:
        self.commands.append(command)

    def announce(self, detail_type: str, subject: str, detail: dict[str, Any]) -> None:
        """Publish once the state is saved; the id is derived from run, kind, subject and generation, never drawn."""
        identity = ":".join(part for part in (self.run.id, detail_type.lower().replace(" ", "-"), subject) if part)
        if self.run.generation > 1:
            identity += f"#{self.run.generation}"
        known = {"id": identity, "run": self.run.id, "flow": self.run.flow, "at": self.now}
        self.ask(Announce(identity, detail_type, known | detail))

    def decision(self) -> Decision:
        groups = tuple(self.groups[key] for key in self.changed)
        if not (groups or self.run_changed or self.commands or self.later):
            return Decision(None, note=self.note)
        return Decision(self.run, groups, tuple(self.commands), self.note, self.more, self.claims, tuple(self.later))


def find_submission(group: Group, submission_id: str) -> Submission | None:
    """The submission of this id, while any of its members is undecided."""
    return next((submission for submission in group.submissions if submission.id == submission_id), None)


def swap_submission(group: Group, new: Submission) -> Group:
    """The group with a submission replaced; one with no open member is dropped."""
    kept = (new if submission.id == new.id else submission for submission in group.submissions)
    return replace(group, submissions=tuple(submission for submission in kept if len(submission.open)))


def settle_members(group: Group, members: Ranges) -> Group:
    """Take members out of the submissions that hold them open."""
    left = (replace(submission, open=submission.open - members) for submission in group.submissions)
    return replace(group, submissions=tuple(submission for submission in left if len(submission.open)))


def union(parts: Iterable[Ranges]) -> Ranges:
    total = Ranges()
    for part in parts:
        total |= part
    return total
