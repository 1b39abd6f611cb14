"""The attempts that the tasks of a step succeeded with, and some of them to stand for all. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from steprelay_core.ports import Stored
from steprelay_core.state.model import Group, TaskKey
from steprelay_core.state.ranges import Ranges


@dataclass(frozen=True, slots=True)
class Winner:
    """An attempt that won, whose outcome can be asked for."""

    run: str
    task: TaskKey
    attempt: int


@dataclass(frozen=True, slots=True)
class Won:
    """Members of a group that succeeded, all in the same attempt."""

    group: Group
    attempt: int
    members: Ranges


def groups_of(stored: Stored, step: str) -> list[Group]:
    return [group for key, group in stored.groups.items() if key.step == step]


def won_by(stored: Stored, step: str) -> list[Won]:
    """All tasks of the step that succeeded in a run."""
    groups = groups_of(stored, step)
    return [Won(group, attempt, members) for group in groups for attempt, members in group.won.items()]


def spread(stored: Stored, step: str, limit: int) -> Iterator[Winner]:
    """At most `limit` of the step's tasks: the first, the last, and some in between at even distances."""
    parts = won_by(stored, step)
    total = sum(len(part.members) for part in parts)
    taken = min(total, limit)
    wanted = {place * (total - 1) // max(1, taken - 1) for place in range(taken)}
    before = 0
    for part in parts:
        size = len(part.members)
        for place in sorted(place - before for place in wanted if before <= place < before + size):
            yield Winner(stored.run.id, part.group.key.task(part.members.at(place)), part.attempt)
        before += size
