"""Job definitions: their use is remembered, and what nobody uses any more is swept away."""

from typing import Any

import pytest

from steprelay_core.definitions import DEFINITIONS_PER_SWEEP, SECONDS_A_DAY
from steprelay_core.ports import Refused, UsedDefinition
from steprelay_core.state.events import RunStarted
from steprelay_core.state.model import Origin, RunStatus
from steprelay_core.sweep import Sweeper
from tests.unit.engine.world import RELAY, EngineWorld

ONE_JOB: dict[str, dict[str, Any]] = {"start": {"batch": {}}}


def started(*runs: str) -> EngineWorld:
    world = EngineWorld(ONE_JOB)
    for run in runs:
        world.handle(RunStarted(run, "Flow", "digest", Origin("upload")))
    return world


def start(world: EngineWorld, run: str) -> None:
    world.handle(RunStarted(run, "Flow", "digest", Origin("upload")))


def sweep(world: EngineWorld, days: int = 30) -> int:
    return Sweeper(world.engine, RELAY, days).sweep().definitions


def test_the_use_of_a_definition_is_remembered() -> None:
    world = started("a")
    (name,) = world.jobs.registered
    assert world.store.definitions == {name: UsedDefinition(name, world.clock.now())}


def test_it_is_remembered_once_a_day_by_each_process() -> None:
    world = started("a")
    first, noted = world.clock.now(), world.store.definitions
    world.clock.advance(60)
    start(world, "b")
    assert [used.used_at for used in noted.values()] == [first]
    world.engine = world.build()
    start(world, "c")
    assert [used.used_at for used in noted.values()] == [first + 60]
    world.clock.advance(SECONDS_A_DAY)
    start(world, "d")
    assert [used.used_at for used in noted.values()] == [first + 60 + SECONDS_A_DAY]


def test_steps_that_need_the_same_share_one_definition() -> None:
    world = EngineWorld(
        {
            "start": {"batch": {"cpu": 1}, "next": "end"},
            "end": {"batch": {"cpu": 8, "memory": 32768, "aws_batch_tags": {"a": "b"}}},
        }
    )
    world.start()
    world.leave_outcome("start")
    world.handle(world.job("SUCCEEDED"))
    assert len(world.jobs.requests) == 2
    assert len(world.jobs.registered) == 1


def test_the_sweep_deregisters_what_was_not_used_for_days() -> None:
    world = started("a")
    world.clock.advance(30 * SECONDS_A_DAY)
    assert sweep(world) == 0
    assert len(world.jobs.definitions) == 1
    world.clock.advance(1)
    assert sweep(world) == 1
    assert (world.jobs.definitions, world.store.definitions) == ({}, {})
    assert sweep(world) == 0


def test_a_relay_that_keeps_definitions_never_deregisters_one() -> None:
    world = started("a")
    world.clock.advance(9999 * SECONDS_A_DAY)
    assert sweep(world, days=0) == 0
    assert len(world.jobs.definitions) == 1


def test_a_definition_that_was_swept_away_is_made_again_when_it_is_needed() -> None:
    world = started("a")
    world.clock.advance(31 * SECONDS_A_DAY)
    sweep(world)
    start(world, "b")
    assert len(world.jobs.requests) == 2
    assert len(world.jobs.registered) == 2
    assert len(world.store.definitions) == 1


def test_a_remembered_definition_that_another_relay_deregistered_is_made_again_and_the_job_submitted() -> None:
    world = started("a")
    world.jobs.deregister(world.jobs.registered[0])
    start(world, "b")
    assert world.store.runs["b"].run.status is RunStatus.RUNNING
    first, second = (request["jobDefinition"] for request in world.jobs.requests.values())
    assert first != second
    assert second in world.jobs.definitions


def test_a_definition_that_is_deregistered_over_and_over_fails_the_run_instead_of_going_round() -> None:
    world = EngineWorld(ONE_JOB)
    world.engine = world.build(jobs=AlwaysDeregistered(world))
    world.start()
    assert world.run.failure is not None
    assert "is not active" in world.run.failure.failure.reason
    assert len(world.jobs.registered) == 2


def test_one_sweep_has_a_bounded_number_of_definitions_to_deregister_and_the_next_goes_on() -> None:
    world = EngineWorld(ONE_JOB)
    for number in range(DEFINITIONS_PER_SWEEP + 3):
        world.store.note_definition(UsedDefinition(f"steprelay-{number:03}", float(number)))
    assert [sweep(world), sweep(world), sweep(world)] == [DEFINITIONS_PER_SWEEP, 3, 0]


def test_a_definition_used_while_the_sweep_looks_is_left_alone() -> None:
    world = started("a")
    world.clock.advance(31 * SECONDS_A_DAY)
    rival = EngineWorld(ONE_JOB)
    rival.store, rival.jobs, rival.clock = world.store, world.jobs, world.clock
    rival.engine = rival.build()
    world.engine = world.build(store=UsedMeanwhile(world, rival))
    assert sweep(world) == 0
    assert len(world.jobs.definitions) == 1


def test_a_definition_that_could_not_be_deregistered_is_left_for_a_later_sweep() -> None:
    world = started("a")
    world.clock.advance(31 * SECONDS_A_DAY)
    before = dict(world.store.definitions)
    world.engine = world.build(jobs=RefusesToRetire(world))
    with pytest.raises(Refused, match="not today"):
        sweep(world)
    assert world.store.definitions == before


class AlwaysDeregistered:
    """Somebody else's sweep is faster every time."""

    def __init__(self, world: EngineWorld) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.jobs, name)

    def submit(self, request: dict[str, Any]) -> str:
        self._world.jobs.deregister(self._world.jobs.registered[-1])
        return self._world.jobs.submit(request)


class UsedMeanwhile:
    """A store on which another function uses the definition between the sweep's look and its removal."""

    def __init__(self, world: EngineWorld, rival: EngineWorld) -> None:
        self._world, self._rival = world, rival

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.store, name)

    def forget_definition(self, used: UsedDefinition) -> bool:
        start(self._rival, "b")
        return self._world.store.forget_definition(used)


class RefusesToRetire:
    def __init__(self, world: EngineWorld) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.jobs, name)

    def retire_definition(self, name: str) -> int:
        raise Refused("not today")
