"""Flows of light steps that go round: played to their end by the ways that each task takes."""

from typing import Any

from steprelay_core.brief import build_brief
from steprelay_core.state.events import LightEnded
from steprelay_core.state.model import RunStatus, TaskKey
from steprelay_core.state.outcome import Outcome
from tests.unit.decide.world import RUN, World

Steps = dict[str, dict[str, Any]]


def ways(*steps: str) -> dict[str, Any]:
    """A step that chooses one of these."""
    return {"next": [{"to": [step]} for step in steps]}


def each(step: str) -> dict[str, Any]:
    return {"next": {"to": [step], "foreach": "items"}}


def join(**more: Any) -> dict[str, Any]:
    return {"join": True, **more}


class Played:
    """`ends`: by task as people see it, the step it goes on to, or of how many items it starts a foreach.

    A task that is not named takes its first way, with two items. Those that are live end one after the other, the last
    one first where `reverse`. `order`: the tasks as they ended.
    """

    def __init__(self, steps: Steps, ends: dict[str, str | int] | None = None, *, reverse: bool = False) -> None:
        self.world = World(steps)
        self.ends = {} if ends is None else ends
        self.order: list[str] = []
        self.inputs: dict[str, list[str]] = {}
        while live := self._live():
            self._end(*live[-1 if reverse else 0])

    def _live(self) -> list[tuple[TaskKey, int]]:
        if self.world.run.status is not RunStatus.RUNNING:
            return []
        groups = sorted(self.world.groups.values(), key=lambda group: group.key)
        open_now = [(group.key, item) for group in groups for item in group.submissions]
        return [(key.task(member), item.attempt) for key, item in open_now for member in item.open]

    def _end(self, task: TaskKey, attempt: int) -> None:
        self._note_inputs(task)
        self.order.append(str(task))
        following = self.world.flow.step(task.step).next
        told = self.ends.get(str(task), 2)
        position = next((place for place, way in enumerate(following) if told in way.to), 0) if following else None
        count = None
        if position is not None and following[position].foreach is not None:
            count = told if isinstance(told, int) else 2
        outcome = Outcome(
            outcome_version=1, status="succeeded", attempt=attempt, transition=position, foreach_count=count
        )
        self.world.outcomes[task, attempt] = outcome
        self.world.happen(LightEnded(RUN, task.group, task.member, attempt))

    def _note_inputs(self, task: TaskKey) -> None:
        """What the brief says that a task starts from."""
        world = self.world
        group = world.groups[task.group]
        submission = next(item for item in group.submissions if task.member in item.open)
        inputs = build_brief(world.flow, world.run, world.groups, task.group, submission, None)["inputs"]
        parents = [
            TaskKey(parent["step"], tuple(parent["path"]), member, tuple(parent.get("laps", ())))
            for parent in inputs["groups"]
            for spans in parent["won"].values()
            for first, last in spans
            for member in range(first, last + 1)
        ]
        meant = {
            "gather": [parent for parent in parents if parent.path == (*task.path, task.member)],
            "item": parents,
            "none": parents,
        }
        own = [parent for parent in parents if parent.member == task.member]
        self.inputs[str(task)] = [str(parent) for parent in meant.get(inputs["kind"], own)]
