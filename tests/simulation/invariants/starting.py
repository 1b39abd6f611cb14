"""What must hold when a step starts: the flow's graph read once more, and the outcomes as they lie in the bucket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from steprelay_core.state.model import Group, GroupKey, TaskKey
from steprelay_core.state.ranges import Ranges
from tests.simulation.facts import Attempted, Saved
from tests.simulation.invariants.rules import rule
from tests.simulation.record import outcome_key

if TYPE_CHECKING:
    from steprelay_core.ports import Stored
    from steprelay_core.spec import Flow
    from tests.simulation.simulation import Simulation


@rule(10, Saved)
def steps_start_when_ready(simulation: Simulation, saved: Saved) -> str | None:
    for was, group in saved.changed:
        before = was.members
        look = _Look(simulation, saved.after)
        for submission in group.submissions:
            for member in submission.members if submission.attempt == 1 else ():
                if member not in before and not look.is_ready(group.key, member):
                    return f"{group.key.task(member)} of {saved.given.id} was started too early"
    return None


@rule(10, Saved)
def winners_left_a_success(simulation: Simulation, saved: Saved) -> str | None:
    """Whatever told of it: nobody wins whose attempt has not left an outcome that says so."""
    for was, group in saved.changed:
        if not simulation.flow(saved.given.id).step(group.key.step).package:
            continue
        for attempt, members in group.won.items():
            for member in members - was.won.get(attempt, Ranges()):
                attempted = Attempted(saved.given.id, group.key, member, attempt)
                body = simulation.relay.objects.objects.get(outcome_key(attempted))
                if body is None or json.loads(body)["status"] != "succeeded":
                    return f"{attempted} is taken for a success, and left {body!r}"
    return None


class _Look:
    """The winners of one run, and the ways they took."""

    def __init__(self, simulation: Simulation, stored: Stored) -> None:
        self._objects = simulation.relay.objects.objects
        self._stored = stored
        self._flow: Flow = simulation.flow(stored.run.id)

    def is_ready(self, key: GroupKey, member: int) -> bool:
        closed = self._flow.graph.closes.get(key.step)
        if key.step == self._flow.spec.start:
            return (key.path, member) == ((), 0)
        if closed is None:
            return any(self._leads_here(parent, key, member) for parent in self._flow.parents[key.step])
        split = self._way(TaskKey(closed.step, key.path, member))
        if split is None:
            return False
        if closed.kind == "branch":
            sides = len(self._flow.step(closed.step).next[split["transition"]].to)
            return sides == self._arrived(key.step, key.path, member)
        inner = (*key.path, member)
        return all(self._arrived(key.step, inner, index) == 1 for index in range(split["foreach_count"]))

    def _leads_here(self, parent: str, key: GroupKey, member: int) -> bool:
        """Ordinary ways, and the way into a foreach: there the parent is a level higher."""
        if self._goes_to(TaskKey(parent, key.path, member), key.step):
            return True
        if not key.path:
            return False
        task = TaskKey(parent, key.path[:-1], key.path[-1])
        way = self._way(task)
        return way is not None and self._goes_to(task, key.step) and member < (way["foreach_count"] or 0)

    def _arrived(self, join: str, path: tuple[int, ...], member: int) -> int:
        return sum(self._goes_to(TaskKey(parent, path, member), join) for parent in self._flow.parents[join])

    def _goes_to(self, task: TaskKey, step: str) -> bool:
        way = self._way(task)
        return way is not None and step in self._flow.step(task.step).next[way["transition"]].to

    def _way(self, task: TaskKey) -> dict[str, Any] | None:
        """The outcome of the attempt that won; None for a task that has not succeeded."""
        attempt = self._stored.groups.get(task.group, Group(task.group)).winner(task.member)
        if attempt is None:
            return None
        if not self._flow.step(task.step).package:
            return {"transition": 0, "foreach_count": None}
        key = outcome_key(Attempted(self._stored.run.id, task.group, task.member, attempt))
        outcome: dict[str, Any] = json.loads(self._objects[key])
        return outcome
