"""What must hold of the windows of foreachs: the flow's `max_workers`, and how many items there are, read once more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from steprelay_core.state.model import Group, GroupKey, TaskKey
from tests.simulation.facts import Attempted, Saved
from tests.simulation.invariants.rules import rule
from tests.simulation.record import outcome_key

if TYPE_CHECKING:
    from steprelay_core.ports import Stored
    from steprelay_core.spec import Flow
    from tests.simulation.simulation import Simulation


@rule(21, Saved)
def windows_hold(simulation: Simulation, saved: Saved) -> str | None:
    run, after = saved.after.run, saved.after
    for _was, group in saved.changed:
        going = _going(simulation, after, group.key)
        most = _most(simulation, after, group.key)
        if most is not None and len(going) > most:
            return f"{len(going)} tasks of {group.key} are in flight, and no more than {most} may be"
        queued = set(group.queued)
        if queued and most is None:
            return f"{sorted(queued)} of {group.key} are queued without a window"
        if queued and (run.status.terminal or run.failure is not None) and len(saved.given_groups) < FEW:
            return f"{run.id} starts nothing any more, and {sorted(queued)} of {group.key} are queued"
        # A window is filled in eighths.
        if queued and most is not None and most - len(going) >= min(max(1, most // 8), len(queued)):
            return f"{sorted(queued)} of {group.key} are queued, but only {len(going)} of {most} are in flight"
    return None


# Far below how many groups one save takes.
FEW = 30


def _going(simulation: Simulation, stored: Stored, key: GroupKey) -> list[tuple[GroupKey, int]]:
    """The tasks in flight of a step under one parent, in whichever laps inside of it."""
    flow, found = simulation.flow(stored.run.id), []
    for other, group in stored.groups.items():
        if (other.step, other.path, _outside(flow, other)) == (key.step, key.path, _outside(flow, key)):
            found += [(other, member) for submission in group.submissions for member in submission.open]
            found += [(other, member) for wait in group.waits for member in wait.members]
    return found


def _outside(flow: Flow, key: GroupKey) -> tuple[int, ...]:
    """The laps of the task that started the foreach, with all their zeros."""
    places = [place for place, split in enumerate(flow.graph.splits[key.step]) if split.kind == "foreach"]
    levels = places[-1] + 1 if places else 0
    return (*key.laps, *[0] * levels)[:levels]


def _most(simulation: Simulation, stored: Stored, key: GroupKey) -> int | None:
    """How many tasks of a group may be in flight, by the way into its foreach that was taken."""
    flow = simulation.flow(stored.run.id)
    around = [split.step for split in flow.graph.splits[key.step] if split.kind == "foreach"]
    if not around:
        return None
    laps = [*_outside(flow, key)]
    while laps and not laps[-1]:
        laps.pop()
    task = TaskKey(around[-1], key.path[:-1], key.path[-1], tuple(laps))
    attempt = stored.groups.get(task.group, Group(task.group)).winner(task.member)
    if attempt is None:
        return None
    outcome = json.loads(
        simulation.relay.objects.objects[outcome_key(Attempted(stored.run.id, task.group, task.member, attempt))]
    )
    way = flow.step(task.step).next[outcome["transition"]]
    return way.max_workers or flow.spec.max_workers
