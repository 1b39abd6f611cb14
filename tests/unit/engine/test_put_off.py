"""What cannot be done now stays in the outbox: throttled submissions, and jobs of a cancelled run that may turn up."""

import json
from typing import Any

import pytest

from steprelay_core.decide.stop import UNRECORDED_FOR
from steprelay_core.effects import PUT_OFF_FOR, PUT_OFF_SPREAD
from steprelay_core.inbound.timer import read_timer_due
from steprelay_core.ports import OUTBOX_ORPHANED_AFTER
from steprelay_core.state.events import CancelRequested, OutboxDue, RunStarted
from steprelay_core.state.model import GroupKey, Origin, RunStatus
from tests.unit.engine.world import RUN, Died, EngineWorld

START = GroupKey("start")
ONE_JOB: dict[str, dict[str, Any]] = {"start": {"batch": {}}}
BRANCHES: dict[str, dict[str, Any]] = {
    "start": {"next": ["a", "b", "c"]},
    "a": {"batch": {}, "next": "join"},
    "b": {"batch": {}, "next": "join"},
    "c": {"next": "join"},
    "join": {"join": True},
}


def throttled() -> EngineWorld:
    """Two jobs and a light step that were to start while Batch took no jobs."""
    world = EngineWorld(BRANCHES)
    world.start()
    world.jobs.throttled = True
    world.handle(world.light_ends("start"))
    return world


def test_a_throttled_submission_costs_no_attempt_and_holds_up_nobody_else() -> None:
    world = throttled()
    assert world.run.status is RunStatus.RUNNING
    assert [message["brief"]["step"] for message in world.light.messages] == ["start", "c"]
    assert [world.stored.groups[GroupKey(step)].history for step in "ab"] == [(), ()]
    assert len(world.stored.outbox) == 1


def test_a_throttled_submission_is_tried_again_by_a_timer() -> None:
    world = throttled()
    world.jobs.throttled = False
    world.clock.advance(PUT_OFF_FOR + PUT_OFF_SPREAD)
    (message,) = world.timers.pop_due(world.clock.now())
    event = read_timer_due(json.dumps(message))
    assert event == OutboxDue(RUN)
    world.handle(event)
    assert len(world.jobs.requests) == 2
    assert world.stored.outbox == ()
    assert [world.stored.groups[GroupKey(step)].submissions[0].attempt for step in "ab"] == [1, 1]


def test_a_submission_that_stays_throttled_stays_in_the_outbox() -> None:
    world = throttled()
    for _ in range(3):
        world.clock.advance(300)
        world.sweep()
        assert len(world.stored.outbox) == 1
    world.jobs.throttled = False
    world.clock.advance(300)
    world.sweep()
    assert len(world.jobs.requests) == 2


def test_a_throttled_submission_that_went_through_after_all_is_found_and_not_made_twice() -> None:
    world = EngineWorld(ONE_JOB)
    engine = world.build(jobs=ThrottledAfterAll(world))
    engine.handle(RunStarted(RUN, "Flow", "digest", Origin("upload")))
    world.clock.advance(PUT_OFF_FOR)
    world.handle(OutboxDue(RUN))
    assert len(world.jobs.requests) == 1
    assert world.stored.groups[START].submissions[0].job_id == "job-1"


def test_what_was_throttled_is_forgotten_when_the_run_is_cancelled() -> None:
    world = throttled()
    world.handle(CancelRequested(RUN))
    world.jobs.throttled = False
    for _ in range(4):
        world.clock.advance(UNRECORDED_FOR)
        world.sweep()
    assert (world.jobs.requests, world.stored.outbox) == ({}, ())


def test_a_job_whose_answer_was_lost_is_terminated_when_its_run_is_cancelled() -> None:
    world = EngineWorld(ONE_JOB)
    with pytest.raises(Died):
        world.build(jobs=DyingWithAnswer(world)).handle(RunStarted(RUN, "Flow", "digest", Origin("upload")))
    world.handle(CancelRequested(RUN))
    assert list(world.jobs.terminated) == ["job-1"]


def test_a_job_that_turns_up_after_the_cancel_is_terminated_by_the_sweep_and_told_once() -> None:
    world = EngineWorld(ONE_JOB)
    with pytest.raises(Died):
        world.build(jobs=DyingWithAnswer(world)).handle(RunStarted(RUN, "Flow", "digest", Origin("upload")))
    late, world.jobs.jobs = world.jobs.jobs, {}
    world.handle(CancelRequested(RUN))
    world.jobs.jobs = late
    world.clock.advance(OUTBOX_ORPHANED_AFTER + 1)
    world.sweep()
    assert list(world.jobs.terminated) == ["job-1"]
    world.clock.advance(UNRECORDED_FOR)
    world.sweep()
    assert world.stored.outbox == ()
    assert [event.detail_type for event in world.bus.published].count("Run Cancelled") == 1


class DyingWithAnswer:
    """Batch takes the job, and the handler dies before it hears so."""

    def __init__(self, world: EngineWorld) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.jobs, name)

    def submit(self, request: dict[str, Any]) -> str:
        self._world.jobs.submit(request)
        raise Died("submit")


class ThrottledAfterAll(DyingWithAnswer):
    """Batch takes the job, and its answer is an error of the server."""

    def submit(self, request: dict[str, Any]) -> str:
        self._world.jobs.submit(request)
        self._world.jobs.throttled = True
        try:
            return self._world.jobs.submit(request)
        finally:
            self._world.jobs.throttled = False
