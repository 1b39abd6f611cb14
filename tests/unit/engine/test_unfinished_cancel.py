"""A cancel of more groups than go into one save, whose handler dies in between."""

from typing import Any

import pytest

from steprelay_core.decide.draft import GROUPS_AT_ONCE
from steprelay_core.ports import OUTBOX_ORPHANED_AFTER
from steprelay_core.state.events import CancelRequested, ResumeRequested
from steprelay_core.state.model import Group, GroupKey, Origin, Run, RunStatus, Submission
from steprelay_core.state.ranges import Ranges
from tests.unit.engine.world import RUN, Died, Dying, EngineWorld

STEPS: dict[str, dict[str, Any]] = {
    "start": {"next": {"to": ["outer"], "foreach": "xs"}},
    "outer": {"next": {"to": ["inner"], "foreach": "ys"}},
    "inner": {"batch": {}, "next": "joined"},
    "joined": {"join": True, "next": "end"},
    "end": {"join": True},
}
MANY = 2 * GROUPS_AT_ONCE + 5


def wide() -> EngineWorld:
    """A run with a job in each of many groups."""
    world = EngineWorld(STEPS)
    one = Ranges.of(0)
    groups = [
        Group(GroupKey("inner", (0, index)), (Submission(1, one, one, False, 1.0, f"job-{index}"),), tried=1)
        for index in range(MANY)
    ]
    world.store.save(Run(RUN, "Flow", "digest", world.clock.now(), Origin("upload")), groups)
    return world


def live(world: EngineWorld) -> int:
    return sum(len(group.live) for group in world.stored.groups.values())


def half_cancelled() -> EngineWorld:
    """The handler of the cancel has died after the first save."""
    world = wide()
    with pytest.raises(Died):
        world.build(store=Dying(world.store, "clear", after=False)).handle(CancelRequested(RUN, "enough", "ask-1"))
    assert (world.run.status, live(world)) == (RunStatus.CANCELLED, MANY - GROUPS_AT_ONCE)
    return world


def test_a_cancel_of_many_groups_stops_them_all_and_leaves_nothing_to_be_stopped() -> None:
    world = wide()
    world.handle(CancelRequested(RUN, "enough", "ask-1"))
    assert (live(world), world.run.stopping) == (0, None)


def test_the_sweep_finishes_a_cancel_whose_handler_died() -> None:
    world = half_cancelled()
    world.sweep()
    assert (live(world), world.run.stopping) == (0, None)
    told = [event.detail_type for event in world.bus.published]
    assert told.count("Run Cancelled") <= 1


def test_the_jobs_of_a_cancel_that_the_sweep_finished_are_all_terminated() -> None:
    world = half_cancelled()
    world.jobs.jobs = {f"job-{index}": {"status": "RUNNING"} for index in range(MANY)}
    world.clock.advance(OUTBOX_ORPHANED_AFTER + 1)
    world.sweep()
    assert len(world.jobs.terminated) == MANY


def test_a_second_request_to_cancel_goes_on_with_the_first_and_is_remembered() -> None:
    world = half_cancelled()
    world.handle(CancelRequested(RUN, "again", "ask-2"))
    assert (live(world), world.run.stopping) == (0, None)
    assert world.run.requests == ("ask-1", "ask-2")


def test_a_run_that_is_resumed_during_its_cancel_is_stopped_first_and_then_goes_on_as_a_whole() -> None:
    world = half_cancelled()
    world.handle(ResumeRequested(RUN, "resume-1"))
    assert (world.run.status, world.run.stopping, world.run.generation) == (RunStatus.RUNNING, None, 2)
    attempts = {submission.attempt for group in world.stored.groups.values() for submission in group.submissions}
    assert attempts == {2}
    world.sweep()
    assert world.run.status is RunStatus.RUNNING
