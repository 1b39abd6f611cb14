"""Which tasks follow which, lap by lap: forward in the same lap, back to an earlier step in the next one.

A foreach or branch opens a level of laps, a join closes it. Within one level a task goes forward only, until it goes
back and its counter rises: so no task exists twice.
"""

from collections.abc import Collection, Iterator

from steprelay_core.spec import Flow
from steprelay_core.state.laps import Laps, lap_before, next_lap, trimmed
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
    if (key.step, position) in flow.graph.back:
        return next_lap(key.laps, flow.graph.levels(key.step))
    return laps_within(flow, following, key.laps)


def laps_within(flow: Flow, step: str, laps: Laps) -> Laps:
    """Those counters of these laps that a step at the same level, or further out, shares with them."""
    return trimmed(laps[: flow.graph.levels(step)])


def come_from(flow: Flow, key: GroupKey) -> Iterator[tuple[GroupKey, bool]]:
    """The groups from which tasks of a group that is no join may come, and whether they come as items of a foreach."""
    before = lap_before(key.laps, flow.graph.levels(key.step))
    for parent in flow.parents[key.step]:
        ways = [(place, way) for place, way in enumerate(flow.step(parent).next) if key.step in way.to]
        if any((parent, place) in flow.graph.back for place, _ in ways):
            if before is not None:
                yield GroupKey(parent, key.path, before), False
        elif flow.graph.levels(parent) == flow.graph.levels(key.step):
            yield GroupKey(parent, key.path, key.laps), False
        elif before is None:
            # Into a split: whoever has gone back inside it did not come from there.
            items = any(way.foreach is not None for _, way in ways)
            yield GroupKey(parent, key.path[:-1] if items else key.path, key.laps), items


def gathered(flow: Flow, places: Places, joining: GroupKey, path: tuple[int, ...]) -> Iterator[GroupKey]:
    """The groups at a path whose tasks a join waits for: each of them may have gone round another number of times."""
    for parent in flow.parents[joining.step]:
        if not flow.graph.back:
            yield GroupKey(parent, path)
            continue
        for key in places.at(parent, path):
            if laps_within(flow, joining.step, key.laps) == joining.laps:
                yield key
