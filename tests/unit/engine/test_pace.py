"""How jobs are spread over seconds: what one handler does with its turns, and many engines on one clock."""

import json
from collections import Counter
from typing import Any

import pytest

from steprelay_core.engine import Engine
from steprelay_core.inbound.timer import read_timer_due
from steprelay_core.pace import EARLY, PATIENCE, NotYet, Turns
from steprelay_core.ports import OUTBOX_ORPHANED_AFTER
from steprelay_core.state.events import CancelRequested, OutboxDue, RunStarted
from steprelay_core.state.model import GroupKey, Origin, RunStatus
from tests.fakes import FixedClock
from tests.fakes.pace import MemoryPace
from tests.unit.engine.world import RUN, EngineWorld

ONE_JOB: dict[str, dict[str, Any]] = {"start": {"batch": {}}}
NOW = FixedClock().now()


def filled(limit: int, seconds: int) -> MemoryPace:
    """So many seconds from now on are full."""
    pace = MemoryPace(limit)
    for second in range(seconds):
        pace.taken[int(NOW) + second] = limit
    return pace


# Windows of later seconds.


@pytest.mark.parametrize("full", [1, 10, 100, 1000, 10_000])
def test_a_backlog_of_many_seconds_costs_few_probes(full: int) -> None:
    pace = filled(40, full)
    pace.book(NOW)
    assert len(pace.probed) <= full.bit_length() + 3


def test_later_seconds_are_probed_in_windows_that_double() -> None:
    pace = filled(1, 100_000)
    pace.book(NOW)
    offsets = [second - int(NOW) for second in pace.probed]
    windows = [(0, 0)] + [(2**power, 2 ** (power + 1) - 1) for power in range(len(offsets) - 1)]
    assert all(first <= offset <= last for offset, (first, last) in zip(offsets, windows, strict=True))


# Turns.


def test_a_turn_in_a_second_with_room_is_taken_at_once() -> None:
    clock = FixedClock()
    Turns(MemoryPace(1), clock).turn()()
    assert clock.now() == NOW


def test_a_turn_in_the_next_seconds_is_waited_for() -> None:
    clock = FixedClock()
    Turns(filled(1, 1), clock).turn()()
    assert clock.now() == NOW + 1


def test_a_turn_that_is_far_off_is_not_waited_for() -> None:
    clock, pace = FixedClock(), filled(1, 20)
    with pytest.raises(NotYet) as raised:
        Turns(pace, clock).turn()()
    assert raised.value.due >= NOW + 20
    assert (pace.taken[int(raised.value.due)], clock.now()) == (1, NOW)


def test_one_handler_waits_no_longer_than_its_patience_in_all() -> None:
    clock = FixedClock()
    turns = Turns(MemoryPace(1), clock)
    for _ in range(1 + int(PATIENCE)):
        turns.turn()()
    with pytest.raises(NotYet):
        turns.turn()()
    assert clock.now() == NOW + PATIENCE


def test_a_booked_second_is_spent_without_another_booking() -> None:
    pace = MemoryPace(1)
    Turns(pace, FixedClock(NOW + 1.5)).turn(NOW + 1)()
    assert pace.probed == []


def test_a_booked_second_is_spent_once() -> None:
    pace = MemoryPace(1)
    turn = Turns(pace, FixedClock()).turn(NOW)
    turn()
    turn()
    assert pace.probed == [int(NOW)]


def test_a_booked_second_that_has_passed_is_lost() -> None:
    pace = MemoryPace(1)
    Turns(pace, FixedClock(NOW + 5)).turn(NOW)()
    assert pace.probed == [int(NOW) + 5]


# The engine.


class Watched:
    """AWS Batch, and in which seconds SubmitJob was called."""

    def __init__(self, world: EngineWorld) -> None:
        self._world = world
        self.calls: Counter[int] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.jobs, name)

    def submit(self, request: dict[str, Any]) -> str:
        self.calls[int(self._world.clock.now())] += 1
        return self._world.jobs.submit(request)


def crowded(seconds: int = 20) -> tuple[EngineWorld, Engine]:
    """A run of one job that was started while all seconds were full."""
    world = EngineWorld(ONE_JOB)
    engine = world.build(pace=filled(1, seconds))
    engine.handle(RunStarted(RUN, "Flow", "digest", Origin("upload")))
    return world, engine


def test_a_submission_that_has_no_room_is_put_off_until_the_second_that_is_booked_for_it() -> None:
    world, engine = crowded()
    assert world.jobs.requests == {}
    (entry,) = world.stored.outbox
    (command,) = entry.commands
    due = command.due  # type: ignore[union-attr]
    assert due is not None
    assert due >= NOW + 20
    world.clock.time = due - EARLY
    (message,) = world.timers.pop_due(world.clock.now())
    event = read_timer_due(json.dumps(message))
    assert event == OutboxDue(RUN)
    engine.handle(event)
    assert (len(world.jobs.requests), world.stored.outbox, int(world.clock.now())) == (1, (), due)


def test_what_was_put_off_needs_no_handler_to_be_dead() -> None:
    world, engine = crowded(seconds=5)
    world.clock.advance(10)
    assert world.clock.now() - world.stored.outbox[0].created_at < OUTBOX_ORPHANED_AFTER
    engine.handle(OutboxDue(RUN))
    assert len(world.jobs.requests) == 1


def test_who_comes_before_the_second_that_is_booked_leaves_it_alone() -> None:
    world, engine = crowded()
    before = world.stored
    world.clock.advance(5)
    engine.handle(OutboxDue(RUN))
    assert world.stored == before


def test_a_submission_that_was_put_off_is_forgotten_when_its_run_is_cancelled() -> None:
    world, engine = crowded()
    engine.handle(CancelRequested(RUN))
    world.clock.advance(3000)
    engine.handle(OutboxDue(RUN))
    assert (world.jobs.requests, world.run.status) == ({}, RunStatus.CANCELLED)


def test_of_two_who_come_across_an_outbox_entry_one_carries_it_out() -> None:
    world, engine = crowded(seconds=5)
    world.clock.advance(10)
    seen = world.store.load(RUN)
    assert seen is not None
    assert [engine.redrive(seen), world.engine.redrive(seen)] == [1, 0]
    assert len(world.jobs.requests) == 1


@pytest.mark.parametrize(("engines", "runs", "limit"), [(1, 30, 2), (7, 200, 5), (40, 300, 40)])
def test_no_second_has_more_submissions_than_the_limit_whatever_number_of_engines_works(
    engines: int, runs: int, limit: int
) -> None:
    world = EngineWorld(ONE_JOB)
    jobs, pace = Watched(world), MemoryPace(limit)
    made = [world.build(jobs=jobs, pace=pace) for _ in range(engines)]
    for number in range(runs):
        made[number % engines].handle(RunStarted(f"Flow-{number}", "Flow", "digest", Origin("upload")))
    deadline = world.clock.now() + 10 * runs / limit + 60
    turn = 0
    while len(world.jobs.requests) < runs and world.clock.now() < deadline:
        for message in world.timers.pop_due(world.clock.now()):
            turn += 1
            made[turn % engines].handle(OutboxDue(message["detail"]["run"]))
        world.clock.advance(0.25)
    assert len(world.jobs.requests) == runs
    assert max(jobs.calls.values()) <= limit


def test_each_queue_that_refuses_a_job_costs_a_turn_of_its_own() -> None:
    world = EngineWorld({"start": {"batch": {"queue": ["full", "queue"]}}})
    world.jobs.queues |= {"full": "ec2"}
    world.jobs.full.add("full")
    pace = MemoryPace(5)
    world.build(pace=pace).handle(RunStarted(RUN, "Flow", "digest", Origin("upload")))
    assert sum(pace.taken.values()) == 2
    assert world.stored.groups[GroupKey("start")].submissions[0].job_id == "job-1"
