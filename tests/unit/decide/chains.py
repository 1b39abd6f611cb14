"""A run whose foreach has a chain of static steps, and what happens to it."""

from typing import Any

from steprelay_core.commands import Command, FenceAttempt
from steprelay_core.state.model import GroupKey
from steprelay_core.state.ranges import Ranges
from tests.unit.decide.world import World, batch

NOW = {"minutes_between_retries": 0}
CHAIN: dict[str, dict[str, Any]] = {
    "start": {"next": {"to": ["a"], "foreach": "xs"}},
    "a": batch(next="b", retry={"times": 2, **NOW}),
    "b": batch(next="c", retry={"times": 1, **NOW}),
    "c": batch(next="join", retry={"times": 1, **NOW}),
    "join": {"join": True},
}
PATH = (0,)


def chain(of: int = 3, **steps: dict[str, Any]) -> World:
    """A run whose foreach has begun."""
    world = World(CHAIN | steps)
    world.light("start", foreach_count=of)
    return world


def wins(world: World, step: str, *members: int, attempt: int = 1) -> None:
    for member in members:
        world.leaves(step, member, attempt, PATH)


def ends(world: World, step: str, status: str = "SUCCEEDED", *, of: int = 3, **more: Any) -> list[Command]:
    """The event of an array as a whole."""
    return world.job(step, status, PATH, size=of, job_id=f"job-{step}", **more)


def child_fails(world: World, step: str, index: int, **more: Any) -> list[Command]:
    return world.job(
        step, "FAILED", PATH, index=index, job_id=f"job-{step}:{index}", **({"exit_code": 1, "attempt": 1} | more)
    )


def comes(world: World, step: str, member: int) -> list[Command]:
    """Who failed while its array goes on waits a moment for others; its next attempt."""
    world.now += 1
    return world.timer(step, member, path=PATH)


def fenced(commands: list[Command]) -> list[tuple[str, int, tuple[tuple[int, int], ...]]]:
    found = [command for command in commands if isinstance(command, FenceAttempt)]
    return [(fence.group.step, fence.attempt, fence.members) for fence in found]


def members_of(world: World, step: str) -> Ranges:
    return world.groups[GroupKey(step, PATH)].members if GroupKey(step, PATH) in world.groups else Ranges()
