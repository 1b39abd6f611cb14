"""Windows: how many tasks of each step of a foreach's body may be in flight at a time (`max_workers`)."""

from collections.abc import Mapping
from dataclasses import dataclass

from steprelay_core.decide.laps import Places, laps_within
from steprelay_core.spec import Flow, Transition
from steprelay_core.state.model import Group, GroupKey

# A window is filled in so many parts, each an array of its own: of an array we hear when all of it has ended, so a
# straggler keeps the places of its part, and the others go on.
PARTS = 8


@dataclass(frozen=True, slots=True)
class Window:
    """At most `size` tasks of a step under one parent in flight, in whichever laps they are."""

    size: int

    @property
    def portion(self) -> int:
        """How many members are handed over together."""
        return max(1, self.size // PARTS)

    def room(self, in_flight: int, queued: int) -> int:
        """How many queued members may start: none before there is room for a portion, or for all that are left."""
        free = min(self.size - in_flight, queued)
        return free if free >= min(self.portion, queued) else 0


def window_of(flow: Flow, groups: Mapping[GroupKey, Group], key: GroupKey) -> Window | None:
    """The window of a group's tasks; None where nothing bounds them, or not so many are there."""
    around = flow.graph.foreachs(key.step)
    if not around or not key.path:
        return None
    outside = laps_within(flow, around[-1], key.laps)
    parent, member = groups.get(GroupKey(around[-1], key.path[:-1], outside)), key.path[-1]
    way = _way(flow, parent, member) if parent is not None else None
    if parent is None or way is None:
        return None
    size = flow.max_workers(way)
    return Window(size) if size is not None and size < parent.fanout.get(member, 0) else None


def sharing(flow: Flow, places: Places, key: GroupKey) -> list[GroupKey]:
    """The groups that share the window of this one: of its step, under the same parent, in any laps since then."""
    around = flow.graph.foreachs(key.step)
    if not flow.graph.back or not around:
        return [key]
    outside = laps_within(flow, around[-1], key.laps)
    others = places.at(key.step, key.path)
    return [other for other in others if laps_within(flow, around[-1], other.laps) == outside]


def _way(flow: Flow, parent: Group, member: int) -> Transition | None:
    """The way on that a task took."""
    ways = flow.step(parent.key.step).next
    return next((ways[position] for position, chosen in parent.chosen.items() if member in chosen), None)
