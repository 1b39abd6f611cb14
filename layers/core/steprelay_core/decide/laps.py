"""Which tasks follow which, lap by lap: forward in the same lap, back to an earlier step in the next one.

A foreach or branch opens a level of laps, a join closes it; whoever leaves a loop leaves its laps behind. Within a loop
a task goes forward only, until it goes back and its counter rises: so no task exists twice.
"""

from collections.abc import Collection, Iterator

from steprelay_core.spec import Flow
from steprelay_core.state.laps import Laps, next_lap, trimmed
from steprelay_core.state.model import GroupKey


class Places:
    """Finds the groups of a step at a path, whatever their laps. `keys` may grow, but never shrinks."""

    def __init__(self, keys: Collection[GroupKey]) -> None:
        self._keys = keys
        self._known = 0
        self._places: dict[tuple[str, tuple[int, ...]], list[GroupKey]] = {}

    def at(self, step: str, path: tuple[int, ...]) -> list[GroupKey]:
        """Their keys, the first lap first."""
        # Read once for many questions: a run may have ten thousands of groups.
        if self._known != len(self._keys):
            self._known, self._places = len(self._keys), {}
            for key in sorted(self._keys):
                self._places.setdefault((key.step, key.path), []).append(key)
        return self._places.get((step, path), [])


def laps_after(flow: Flow, key: GroupKey, position: int, following: str) -> Laps:
    """The laps of what follows a task by the way on at this position of its step."""
    graph = flow.graph
    if (key.step, position) in graph.back:
        return next_lap(key.laps, graph.levels(key.step))
    if graph.levels(following) > graph.levels(key.step):
        return key.laps
    # A join follows the split that it closes, in whose laps it is.
    closed = graph.closes.get(following)
    came_from = key.step if closed is None else closed.step
    kept = graph.levels(following) if graph.hang_together(came_from, following) else graph.levels(following) - 1
    return trimmed(key.laps[:kept])


def laps_within(flow: Flow, split: str, laps: Laps) -> Laps:
    """The laps of the task that started a split, as seen from one inside it."""
    return trimmed(laps[: flow.graph.levels(split)])


def split_of(flow: Flow, key: GroupKey, join: str) -> GroupKey:
    """The group whose tasks started the split that a join closes, as seen from one that leads to the join."""
    closed = flow.graph.closes[join]
    path = key.path[:-1] if closed.kind == "foreach" else key.path
    return GroupKey(closed.step, path, laps_within(flow, closed.step, key.laps))


def gathered(flow: Flow, places: Places, joining: GroupKey, path: tuple[int, ...]) -> Iterator[GroupKey]:
    """The groups at a path whose tasks a join waits for: each of them may have gone round another number of times."""
    for parent in flow.parents[joining.step]:
        yield from _leading(flow, places, GroupKey(parent, path), _way_to(flow, parent, joining.step), joining)


def openers(flow: Flow, places: Places, joining: GroupKey) -> Iterator[GroupKey]:
    """The groups whose tasks started the foreachs that a join closes: one, or one for each lap that led to it."""
    split = flow.graph.closes[joining.step].step
    position = next(place for place, way in enumerate(flow.step(split).next) if way.foreach is not None)
    return _leading(flow, places, GroupKey(split, joining.path), position, joining)


def come_from(flow: Flow, places: Places, key: GroupKey) -> Iterator[tuple[GroupKey, bool]]:
    """The groups from which tasks of a group that is no join may come, and whether they come as items of a foreach."""
    for parent in flow.parents[key.step]:
        items = any(way.foreach is not None and key.step in way.to for way in flow.step(parent).next)
        place = GroupKey(parent, key.path[:-1] if items else key.path)
        for found in _leading(flow, places, place, _way_to(flow, parent, key.step), key):
            yield found, items


def _way_to(flow: Flow, step: str, following: str) -> int:
    return next(position for position, way in enumerate(flow.step(step).next) if following in way.to)


def _leading(flow: Flow, places: Places, place: GroupKey, position: int, target: GroupKey) -> Iterator[GroupKey]:
    """The groups at a place, in any laps, whose way on at `position` leads to the laps of `target`."""
    if not flow.graph.back:
        return iter([place])
    others = places.at(place.step, place.path)
    return (key for key in others if laps_after(flow, key, position, target.step) == target.laps)
