"""Runs that have failed or were cancelled, and a resume played to its end."""

from typing import Any

from steprelay_core.commands import Announce, Command
from steprelay_core.state.model import GroupKey, RunStatus
from tests.unit.decide.world import World, batch

TWO_BRANCHES: dict[str, dict[str, Any]] = {
    "start": {"next": ["a", "b"]},
    "a": batch(next="join", retry={"times": 1, "minutes_between_retries": 0}),
    "b": batch(next="after_b"),
    "after_b": {"next": "join"},
    "join": {"join": True},
}
FOREACH: dict[str, dict[str, Any]] = {
    "start": {"next": {"to": ["work"], "foreach": "xs"}},
    "work": batch(next="join"),
    "join": {"join": True},
}
NESTED: dict[str, dict[str, Any]] = {
    "start": {"next": {"to": ["outer"], "foreach": "xs"}},
    "outer": {"next": {"to": ["inner"], "foreach": "ys"}},
    "inner": batch(next="inner_join"),
    "inner_join": {"join": True, "next": "outer_join"},
    "outer_join": {"join": True},
}


def failed_branches() -> World:
    """`a` failed for good while `b` still ran: `after_b` was never started."""
    world = World(TWO_BRANCHES)
    world.light("start")
    world.job("a", "FAILED", exit_code=1)
    world.job("a", "FAILED", exit_code=1)
    world.leaves("b")
    world.job("b", "SUCCEEDED")
    assert world.run.status is RunStatus.FAILED
    assert GroupKey("after_b") not in world.groups
    return world


def failed_foreach(*failed: int, of: int = 10) -> World:
    world = World(FOREACH)
    world.light("start", foreach_count=of)
    for member in range(of):
        world.leaves_failure("work", member, path=(0,)) if member in failed else world.leaves("work", member, path=(0,))
    world.job("work", "FAILED", (0,), size=of)
    assert world.run.status is RunStatus.FAILED
    return world


def of_kind(commands: list[Command], kind: str) -> list[Announce]:
    return [command for command in commands if isinstance(command, Announce) and command.detail_type == kind]


def until_through(world: World, tasks: str | None = None) -> int:
    """Let the engine decide on a request as often as it asks to; how often that is."""
    decisions = 0
    while decisions == 0 or world.more:
        world.resume() if tasks is None else world.retry(tasks)
        decisions += 1
    return decisions


def nested(outer: int) -> World:
    """All tasks of `inner` run, in as many groups as `outer` has splits."""
    world = World(NESTED)
    world.light("start", foreach_count=outer)
    for member in range(outer):
        world.light("outer", member, path=(0,), foreach_count=2)
    return world


def cancelled(world: World) -> World:
    while not world.run.status.terminal or world.more:
        world.cancel()
    return world
