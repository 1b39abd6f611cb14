"""What must hold when a step starts: the flow's graph read once more, and the outcomes as they lie in the bucket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from steprelay_core.decide.draft import find_submission
from steprelay_core.state.model import Ahead, Group, GroupKey, Submission, TaskKey
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
        before = {submission.id for submission in was.submissions}
        look = Look(simulation, saved.after)
        for submission in group.submissions:
            for member in submission.members if submission.id not in before else ():
                if not look.may_be_handed_over(group.key, submission, member):
                    return f"{group.key.task(member)} of {saved.given.id} was started too early"
    return None


def is_in_force(stored: Stored, key: GroupKey, behind: Ahead, member: int) -> bool:
    """Whether the attempt that a chained task presumes to win has won, or may still."""
    ahead = stored.groups.get(GroupKey(behind.step, key.path), Group(key))
    open_ = find_submission(ahead, behind.submission)
    return ahead.winner(member) == behind.attempt or (open_ is not None and member in open_.open)


class Look:
    """The winners of one run, and the ways they took."""

    def __init__(self, simulation: Simulation, stored: Stored) -> None:
        self._objects = simulation.relay.objects.objects
        self._stored = stored
        self._flow: Flow = simulation.flow(stored.run.id)

    def may_be_handed_over(self, key: GroupKey, submission: Submission, member: int) -> bool:
        """Once all it depends on has won; chained, once that has been handed over which it waits for."""
        if submission.behind is None:
            return self.is_ready(key, member)
        return is_in_force(self._stored, key, submission.behind, member)

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
