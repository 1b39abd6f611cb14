"""What must hold when a step starts: the flow's graph read once more, and the outcomes as they lie in the bucket."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from steprelay_core.decide.draft import find_submission
from steprelay_core.state.model import Ahead, Group, GroupKey, RunStatus, Submission, TaskKey
from steprelay_core.state.ranges import Ranges
from tests.simulation.facts import Attempted, Calmed, ClaimPassed, Saved
from tests.simulation.invariants.rules import rule
from tests.simulation.record import outcome_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steprelay_core.ports import Stored
    from steprelay_core.spec import Flow
    from tests.simulation.simulation import Simulation

# A task, as the step, the path and member, and one counter of laps for each level, with its zeros.
Place = tuple[str, tuple[int, ...], tuple[int, ...]]


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


@rule(10, ClaimPassed)
def a_task_starts_from_what_leads_to_it(simulation: Simulation, passed: ClaimPassed) -> str | None:
    """The artifacts it is given are those of the tasks before it, of their attempts that won, or will have."""
    attempted = passed.attempted
    if attempted.group.step not in simulation.flow(attempted.run).spec.steps:
        return None
    expected = Look(simulation, simulation.relay.store.runs[attempted.run]).given(attempted)
    if sorted(expected) != sorted(passed.inputs):
        return f"{attempted} starts from {passed.inputs}, where {expected} lead to it"
    return None


@rule(13, Calmed)
def a_success_leaves_nothing_out(simulation: Simulation, _: Calmed) -> str | None:
    for stored in simulation.relay.store.runs.values():
        if stored.run.status is RunStatus.SUCCEEDED:
            left = Look(simulation, stored).left_out()
            if left is not None:
                return f"{stored.run.id} has succeeded without {left}"
    return None


def is_in_force(stored: Stored, key: GroupKey, behind: Ahead, member: int) -> bool:
    """Whether the attempt that a chained task presumes to win has won, or may still."""
    ahead = stored.groups.get(replace(key, step=behind.step), Group(key))
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
            return self.is_ready(key.task(member))
        return is_in_force(self._stored, key, submission.behind, member)

    def given(self, attempted: Attempted) -> list[tuple[TaskKey, int]]:
        """What an attempt that is under way starts from."""
        for submission in self._stored.groups[attempted.group].submissions:
            chained = submission.behind is not None and submission.attempt == attempted.attempt
            if chained and attempted.member in submission.open and submission.behind is not None:
                ahead = replace(attempted.group, step=submission.behind.step)
                return [(ahead.task(attempted.member), submission.behind.attempt)]
        return self.inputs(attempted.group.task(attempted.member))

    def is_ready(self, task: TaskKey) -> bool:
        closed = self._flow.graph.closes.get(task.step)
        if task == TaskKey(self._flow.spec.start, (), 0):
            return True
        came = self.inputs(task)
        if closed is None:
            return len(came) == 1
        split = self._way(TaskKey(closed.step, task.path, task.member, task.laps))
        if split is None:
            return False
        if closed.kind == "branch":
            return len(came) == len(self._flow.step(closed.step).next[split["transition"]].to)
        return sorted(one.member for one, _ in came) == list(range(split["foreach_count"]))

    def inputs(self, task: TaskKey) -> list[tuple[TaskKey, int]]:
        """All tasks that lead to this one, each with the attempt that won."""
        found, wanted = [], self._place(task)
        for key, group in self._stored.groups.items():
            if key.step in self._flow.parents[task.step]:
                won = [(key.task(member), attempt) for attempt, members in group.won.items() for member in members]
                found += [(parent, attempt) for parent, attempt in won if wanted in self._follow(parent)]
        return found

    def left_out(self) -> Place | None:
        """What a task leads to that was never started."""
        started = {
            self._place(key.task(member)) for key, group in self._stored.groups.items() for member in group.members
        }
        winners = [key.task(member) for key, group in self._stored.groups.items() for member in group.succeeded]
        return next((place for task in winners for place in self._follow(task) if place not in started), None)

    def _place(self, task: TaskKey) -> Place:
        levels = self._flow.graph.levels(task.step)
        return task.step, (*task.path, task.member), (*task.laps, *[0] * (levels - len(task.laps)))

    def _follow(self, task: TaskKey) -> Iterator[Place]:
        """Where a task that has won leads to."""
        way = self._way(task)
        if way is None or way["transition"] is None:
            return
        _, split, laps = self._place(task)
        transition = self._flow.step(task.step).next[way["transition"]]
        for step in transition.to:
            if (task.step, way["transition"]) in self._flow.graph.back:
                yield step, split, (*laps[:-1], laps[-1] + 1)
            elif transition.foreach is not None:
                for index in range(way["foreach_count"]):
                    yield step, (*split, index), (*laps, 0)
            elif self._flow.step(step).join:
                closed = self._flow.graph.closes[step]
                outer = split[:-1] if closed.kind == "foreach" else split
                yield step, outer, self._leave(closed.step, step, laps[:-1])
            else:
                yield step, split, (*laps, 0) if len(transition.to) > 1 else self._leave(task.step, step, laps)

    def _leave(self, step: str, following: str, laps: tuple[int, ...]) -> tuple[int, ...]:
        """Only within a loop, that is where the way leads back again at this level, does its counter mean something."""
        level, reached, queue = self._flow.graph.splits[step], {following}, [following]
        while self._flow.graph.back and queue:
            onwards = {name for way in self._flow.step(queue.pop()).next for name in way.to}
            inside = {name for name in onwards if self._flow.graph.splits[name][: len(level)] == level}
            queue += inside - reached
            reached |= inside
        return laps if step in reached else (*laps[:-1], 0)

    def _way(self, task: TaskKey) -> dict[str, Any] | None:
        """The outcome of the attempt that won; None for a task that has not succeeded."""
        attempt = self._stored.groups.get(task.group, Group(task.group)).winner(task.member)
        if attempt is None:
            return None
        ways = self._flow.step(task.step).next
        if not self._flow.step(task.step).package:
            return {"transition": 0 if ways else None, "foreach_count": None}
        key = outcome_key(Attempted(self._stored.run.id, task.group, task.member, attempt))
        outcome: dict[str, Any] = json.loads(self._objects[key])
        return outcome
