"""Resuming, retrying and the run's limit in the loop: deaths in between, redeliveries, the sweep."""

import json
from typing import Any

import pytest

from steprelay_core import keys
from steprelay_core.decide.stop import UNRECORDED_FOR
from steprelay_core.ports import OUTBOX_ORPHANED_AFTER
from steprelay_core.state.events import CancelRequested, LightEnded, ResumeRequested, RetryRequested, RunTimerDue
from steprelay_core.state.model import GroupKey, RunStatus, TaskKey, TaskSelection
from tests.unit.engine.world import RUN, Died, Dying, EngineWorld

LINE: dict[str, dict[str, Any]] = {"start": {"next": "train"}, "train": {"batch": {}}}
NESTED: dict[str, dict[str, Any]] = {
    "start": {"next": {"to": ["outer"], "foreach": "xs"}},
    "outer": {"batch": {}, "next": {"to": ["inner"], "foreach": "ys"}},
    "inner": {"batch": {}, "next": "inner_join"},
    "inner_join": {"join": True, "next": "outer_join"},
    "outer_join": {"join": True},
}
RESUME = ResumeRequested(RUN, "resume-1")


def failed() -> EngineWorld:
    """`start` succeeded, `train` failed."""
    world = EngineWorld(LINE)
    world.start()
    world.handle(world.light_ends("start"))
    world.handle(world.job("FAILED", exit_code=1))
    assert world.run.status is RunStatus.FAILED
    return world


def cancelled(groups: int) -> EngineWorld:
    """A cancelled run whose `inner` ran in so many groups."""
    world = EngineWorld(NESTED)
    world.start()
    world.leave_outcome("start", foreach_count=groups)
    world.handle(LightEnded(RUN, GroupKey("start"), 0, 1))
    for member in range(groups):
        world.leave_outcome("outer", member, path=(0,), foreach_count=2)
    world.handle(world.job("SUCCEEDED", size=groups))
    world.handle(CancelRequested(RUN))
    return world


def names(world: EngineWorld) -> list[str]:
    return [event.detail_type for event in world.bus.published]


def test_a_resumed_run_ends_right_and_runs_no_finished_step_again() -> None:
    world = failed()
    world.handle(RESUME)
    world.leave_outcome("train", attempt=2)
    world.handle(world.job("SUCCEEDED", "job-2"))
    assert world.run.status is RunStatus.SUCCEEDED
    assert len(world.light.messages) == 1
    assert len(world.jobs.requests) == 2
    assert names(world) == ["Run Started", "Step Failed", "Run Failed", "Run Resumed", "Run Succeeded"]


def test_the_brief_of_a_resumed_attempt_says_how_many_it_has_from_now_on_and_where_its_inputs_lie() -> None:
    world = EngineWorld(LINE | {"train": {"batch": {}, "retry": {"times": 1, "minutes_between_retries": 0}}})
    world.start()
    world.handle(world.light_ends("start"))
    world.handle(world.job("FAILED", exit_code=1))
    world.handle(world.job("FAILED", "job-2", exit_code=1))
    world.handle(RESUME)
    brief = json.loads(world.objects.objects[keys.brief(RUN, GroupKey("train"), "3-0")])
    assert (brief["attempt"], brief["max_attempts"]) == (3, 4)
    assert brief["inputs"]["groups"] == [{"step": "start", "path": [], "won": {"1": [[0, 0]]}}]


def test_the_brief_says_after_which_failures_there_is_no_further_attempt() -> None:
    retry = {"times": 2, "minutes_between_retries": 0, "on": ["program", "timeout"], "exit_codes_no_retry": [3]}
    world = EngineWorld(LINE | {"train": {"batch": {}, "retry": retry}})
    world.start()
    world.handle(world.light_ends("start"))
    brief = json.loads(world.objects.objects[keys.brief(RUN, GroupKey("train"), "1-0")])
    assert brief["retry"] == {"on": ["program", "timeout"], "exit_codes_no_retry": [3]}


def test_the_brief_of_a_free_attempt_has_as_many_retries_left_as_the_one_before() -> None:
    world = EngineWorld(LINE | {"train": {"batch": {}, "retry": {"times": 2, "minutes_between_retries": 0}}})
    world.start()
    world.handle(world.light_ends("start"))
    world.handle(world.job("FAILED", reason="Host EC2 (instance i-0abc) terminated."))
    brief = json.loads(world.objects.objects[keys.brief(RUN, GroupKey("train"), "2-0")])
    assert (brief["attempt"], brief["first_attempt"], brief["max_attempts"]) == (2, 2, 4)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("port", "method"),
    [("store", "save"), ("objects", "put"), ("jobs", "ensure_definition"), ("jobs", "submit"), ("bus", "publish")],
)
def test_a_resume_that_died_anywhere_ends_in_one_new_job_when_delivered_again(
    port: str, method: str, after: bool
) -> None:
    world = failed()
    dying = world.build(**{port: Dying(getattr(world, port), method, after=after)})
    with pytest.raises(Died):
        dying.handle(RESUME)
    world.clock.advance(OUTBOX_ORPHANED_AFTER + 1)
    world.handle(RESUME)
    assert len(world.jobs.requests) == 2
    assert names(world).count("Run Resumed") in (1, 2)
    assert len({event.id for event in world.bus.published if event.detail_type == "Run Resumed"}) == 1
    assert (world.run.generation, world.stored.outbox) == (2, ())


def test_a_resume_delivered_twice_submits_once() -> None:
    world = failed()
    world.handle(RESUME)
    assert world.handle(RESUME).note == "this request was carried out before"
    assert len(world.jobs.requests) == 2


def test_resuming_a_run_that_is_not_there_is_told_apart() -> None:
    assert EngineWorld(LINE).handle(RESUME).note == "there is no such run"


def test_nothing_that_a_dead_handler_left_of_the_end_stops_what_starts_anew() -> None:
    world = EngineWorld(LINE)
    world.start()
    world.handle(world.light_ends("start"))
    with pytest.raises(Died):
        world.build(jobs=Dying(world.jobs, "terminate", after=False)).handle(CancelRequested(RUN))
    first, second = (keys.claim(RUN, TaskKey("train", (), 0), attempt) for attempt in (1, 2))
    assert first in world.objects.objects
    world.handle(RESUME)
    world.clock.advance(OUTBOX_ORPHANED_AFTER + 1)
    world.sweep()
    assert list(world.jobs.terminated) == ["job-1"]
    assert (len(world.jobs.requests), second in world.objects.objects, world.stored.outbox) == (2, False, ())


def test_a_resume_does_not_wait_for_commands_that_cannot_be_carried_out() -> None:
    world = EngineWorld(LINE)
    world.start()
    world.handle(world.light_ends("start"))
    with pytest.raises(Died):
        world.build(jobs=Dying(world.jobs, "terminate", after=False)).handle(CancelRequested(RUN))
    world.build(jobs=Dying(world.jobs, "terminate", after=False)).handle(RESUME)
    assert (world.run.status, len(world.jobs.requests)) == (RunStatus.RUNNING, 2)


def test_a_job_without_a_known_id_is_looked_for_after_the_resume_and_that_of_the_new_attempt_is_left_alone() -> None:
    world = EngineWorld(LINE)
    world.start()
    with pytest.raises(Died):
        world.build(jobs=Dying(world.jobs, "submit", after=True)).handle(world.light_ends("start"))
    late, world.jobs.jobs = dict(world.jobs.jobs), {}
    world.handle(CancelRequested(RUN))
    world.handle(RESUME)
    world.jobs.jobs |= late
    world.clock.advance(OUTBOX_ORPHANED_AFTER + 1)
    world.sweep()
    world.clock.advance(UNRECORDED_FOR)
    world.sweep()
    (submission,) = world.stored.groups[GroupKey("train")].submissions
    assert (submission.attempt, submission.job_id) == (2, "job-2")
    assert (list(world.jobs.terminated), world.stored.outbox) == (["job-1"], ())


def test_a_job_that_batch_took_for_an_attempt_before_the_resume_is_not_taken_for_the_new_one() -> None:
    world = EngineWorld(LINE)
    world.start()
    world.handle(world.light_ends("start"))
    world.handle(CancelRequested(RUN))
    world.handle(RESUME)
    world.leave_outcome("train", attempt=1)
    world.handle(world.job("SUCCEEDED", "job-1"))
    (submission,) = world.stored.groups[GroupKey("train")].submissions
    assert (world.run.status, submission.job_id) == (RunStatus.RUNNING, "job-2")


def test_hundreds_of_groups_are_resumed_by_one_request_in_parts() -> None:
    world = cancelled(100)
    before = len(world.jobs.requests)
    world.handle(RESUME)
    assert len(world.jobs.requests) == before + 100
    assert world.run.resuming is None


@pytest.mark.parametrize("event", [RESUME, RetryRequested(RUN, TaskSelection("inner"), "retry-1")])
def test_the_sweep_goes_on_with_what_a_dead_handler_resumed_in_part(event: ResumeRequested | RetryRequested) -> None:
    world = cancelled(60)
    before = len(world.jobs.requests)
    with pytest.raises(Died):
        world.build(store=DyingAtSave(world, 2)).handle(event)
    assert world.run.resuming is not None
    world.clock.advance(OUTBOX_ORPHANED_AFTER + 1)
    world.sweep()
    world.sweep()
    assert world.run.resuming is None
    assert len(world.jobs.requests) == before + 60


def test_a_failed_split_is_retried_beyond_its_budget() -> None:
    world = failed()
    world.handle(RetryRequested(RUN, TaskSelection("train"), "retry-1"))
    world.leave_outcome("train", attempt=2)
    world.handle(world.job("SUCCEEDED", "job-2"))
    assert world.run.status is RunStatus.SUCCEEDED


def test_the_limit_of_a_run_is_a_timer_that_says_which_generation_it_is_for() -> None:
    world = EngineWorld(LINE, timeout_seconds=60)
    world.start()
    ((message, due),) = world.timers.started.values()
    assert due == world.clock.now() + 60
    assert (message["detail-type"], message["detail"]["generation"]) == ("Run Timer Due", 1)


def test_a_resumed_run_has_a_timer_of_its_own() -> None:
    world = EngineWorld(LINE, timeout_seconds=60)
    world.start()
    world.handle(CancelRequested(RUN))
    world.handle(RESUME)
    assert [message["detail"]["generation"] for message, _ in world.timers.started.values()] == [1, 2]


def limited() -> EngineWorld:
    """`train` runs, and the time is up."""
    world = EngineWorld(LINE, timeout_seconds=60)
    world.start()
    world.handle(world.light_ends("start"))
    world.clock.advance(61)
    return world


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("port", "method"), [("store", "save"), ("objects", "fence"), ("jobs", "terminate"), ("bus", "publish")]
)
def test_a_limit_that_died_anywhere_ends_the_run_and_its_jobs_when_its_timer_comes_again(
    port: str, method: str, after: bool
) -> None:
    world = limited()
    dying = world.build(**{port: Dying(getattr(world, port), method, after=after)})
    with pytest.raises(Died):
        dying.handle(RunTimerDue(RUN, 1))
    world.clock.advance(OUTBOX_ORPHANED_AFTER + 1)
    world.handle(RunTimerDue(RUN, 1))
    assert world.run.status is RunStatus.FAILED
    assert "job-1" in world.jobs.terminated
    assert len({event.id for event in world.bus.published if event.detail_type == "Run Failed"}) == 1


def test_the_sweep_ends_a_run_whose_timer_never_went_off() -> None:
    world = limited()
    world.clock.advance(600)
    world.sweep()
    assert world.run.failure is not None
    assert world.run.failure.failure.class_ == "timeout"
    assert "job-1" in world.jobs.terminated


def test_the_sweep_leaves_a_run_alone_whose_time_is_not_up() -> None:
    world = EngineWorld(LINE, timeout_seconds=6000)
    world.start()
    world.handle(world.light_ends("start"))
    world.clock.advance(1000)
    world.sweep()
    assert world.run.status is RunStatus.RUNNING


class DyingAtSave:
    """Dies at the save of a decision, and every one after it, once so many of them went well."""

    def __init__(self, world: EngineWorld, saves: int) -> None:
        self._world, self._left = world, saves

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.store, name)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._left:
            raise Died("save")
        self._left -= 1
        self._world.store.save(*args, **kwargs)
