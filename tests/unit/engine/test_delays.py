"""A retry that waits is state and a message: it outlives the functions that began it, and ends with its run."""

import json
from typing import Any

import pytest

from steprelay_core.inbound import Ignored, read_timer_due
from steprelay_core.state.events import CancelRequested, Event
from steprelay_core.state.model import GroupKey, RunStatus
from tests.unit.engine.world import RUN, EngineWorld

START = GroupKey("start")


def waiting(minutes: float) -> EngineWorld:
    """A run whose only job has failed, and is to be tried again after so long."""
    retry = {"times": 1, "minutes_between_retries": minutes}
    world = EngineWorld({"start": {"batch": {}, "retry": retry}})
    world.start()
    world.handle(world.job("FAILED", exit_code=1))
    return world


def due(world: EngineWorld) -> list[dict[str, Any]]:
    return world.timers.pop_due(world.clock.now())


def timer(message: dict[str, Any]) -> Event:
    read = read_timer_due(json.dumps(message))
    assert not isinstance(read, Ignored)
    return read


@pytest.mark.parametrize("minutes", [1, 14, 600])
def test_a_delayed_retry_is_begun_by_functions_that_were_deployed_meanwhile(minutes: float) -> None:
    world = waiting(minutes)
    world.clock.advance(60 * minutes)
    (message,) = due(world)
    world.build().handle(timer(message))
    assert [request["parameters"]["submission"] for request in world.jobs.requests.values()] == ["1-0", "2-0"]


def test_a_timer_that_comes_a_minute_early_is_set_for_the_second() -> None:
    world = waiting(600)
    world.clock.advance(60 * 600 - 45)
    ((message, when),) = world.timers.started.values()
    world.timers.started.clear()
    world.handle(timer(message))
    ((_, again),) = world.timers.started.values()
    assert (again, len(world.jobs.requests)) == (when, 1)


def test_a_delayed_retry_is_cancelled_with_its_run() -> None:
    world = waiting(600)
    world.handle(CancelRequested(RUN, "enough", "cancel-1"))
    world.clock.advance(60 * 600)
    for message in due(world):
        assert world.handle(timer(message)).note == "nothing waits for this timer"
    assert (world.run.status, len(world.jobs.requests)) == (RunStatus.CANCELLED, 1)
    assert not world.stored.groups[START].waits
