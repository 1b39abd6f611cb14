"""The loop: what is saved before what, and what a death in between leaves behind."""

import json
from typing import Any

import pytest

from steprelay_core import keys
from steprelay_core.effects import INLINE_BRIEF
from steprelay_core.ports import OUTBOX_ORPHANED_AFTER, Conflict
from steprelay_core.state.events import CancelRequested, JobChanged, LightEnded, RunStarted
from steprelay_core.state.model import GroupKey, Origin, RunStatus, TaskKey
from tests.unit.engine.world import RUN, Died, Dying, EngineWorld

ONE_JOB: dict[str, dict[str, Any]] = {"start": {"batch": {}}}
LIGHT_THEN_JOB: dict[str, dict[str, Any]] = {"start": {"next": "end"}, "end": {"batch": {}}}


def test_a_run_goes_from_light_step_to_job_to_success() -> None:
    world = EngineWorld(LIGHT_THEN_JOB)
    world.start()
    assert [message["member"] for message in world.light.messages] == [0]
    world.handle(world.light_ends("start"))
    assert world.jobs.requests["job-1"]["jobQueue"] == "queue"
    world.leave_outcome("end")
    world.handle(world.job("SUCCEEDED"))
    assert world.run.status is RunStatus.SUCCEEDED
    assert [event.detail_type for event in world.bus.published] == ["Run Started", "Run Succeeded"]


def test_nothing_is_left_in_the_outbox_of_a_run_that_went_well() -> None:
    world = EngineWorld(LIGHT_THEN_JOB)
    world.start()
    world.handle(world.light_ends("start"))
    assert world.stored.outbox == ()


def test_the_job_id_is_remembered_once_batch_has_answered() -> None:
    world = EngineWorld(ONE_JOB)
    world.start()
    (submission,) = world.stored.groups[GroupKey("start")].submissions
    assert submission.job_id == "job-1"
    assert submission.job_name == world.jobs.requests["job-1"]["jobName"]


def test_one_upload_starts_one_run_however_often_its_event_comes() -> None:
    world = EngineWorld(ONE_JOB)
    world.start()
    assert world.start().note == "the run exists already"
    assert len(world.jobs.requests) == 1


def test_an_event_of_an_unknown_run_is_told_apart() -> None:
    world = EngineWorld(ONE_JOB)
    assert world.handle(CancelRequested("nobody")).note == "there is no such run"


def test_the_brief_says_where_the_inputs_lie() -> None:
    world = EngineWorld(LIGHT_THEN_JOB)
    world.start()
    world.handle(world.light_ends("start"))
    brief = json.loads(world.objects.objects[keys.brief(RUN, GroupKey("end"), "1-0")])
    assert brief["inputs"] == {
        "kind": "same",
        "groups": [{"step": "start", "path": [], "won": {"1": [[0, 0]]}}],
    }


def test_a_small_brief_travels_in_the_message_of_a_light_step_and_a_large_one_is_an_object() -> None:
    world = EngineWorld({"start": {}})
    world.start()
    assert world.light.messages[0]["brief"]["step"] == "start"
    world = EngineWorld({"start": {"environment": {"LONG": "x" * INLINE_BRIEF}}})
    world.start()
    assert world.light.messages[0]["brief"] in world.objects.objects


def test_a_refused_submission_fails_the_run_with_the_reason_of_batch() -> None:
    world = EngineWorld(ONE_JOB)
    world.jobs.refuse = "Job definition is too odd"
    world.start()
    assert world.run.status is RunStatus.FAILED
    assert world.run.failure is not None
    assert "too odd" in world.run.failure.failure.reason


def test_a_failed_attempt_is_fenced_before_its_successor_is_submitted() -> None:
    world = EngineWorld({"start": {"batch": {}, "retry": {"times": 1, "minutes_between_retries": 0}}})
    world.start()
    world.handle(world.job("FAILED", exit_code=1))
    claim = world.objects.objects[keys.claim(RUN, TaskKey("start", (), 0), 1)]
    assert json.loads(claim) == {"owner": "dispatcher"}
    assert len(world.jobs.requests) == 2


def test_a_delayed_retry_is_started_by_its_timer() -> None:
    world = EngineWorld({"start": {"batch": {}, "retry": {"times": 1, "minutes_between_retries": 5}}})
    world.start()
    world.handle(world.job("FAILED", exit_code=1))
    ((message, due),) = world.timers.started.values()
    assert due == world.clock.now() + 300
    assert message["detail"]["attempt"] == 2


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("port", "method"),
    [("store", "save"), ("objects", "put"), ("jobs", "ensure_definition"), ("jobs", "submit"), ("bus", "publish")],
)
def test_a_start_that_died_anywhere_ends_in_one_job_when_delivered_again(port: str, method: str, after: bool) -> None:
    world = EngineWorld(ONE_JOB)
    dying = world.build(**{port: Dying(getattr(world, port), method, after=after)})
    event = RunStarted(RUN, "Flow", "digest", Origin("upload"))
    with pytest.raises(Died):
        dying.handle(event)
    world.clock.advance(OUTBOX_ORPHANED_AFTER + 1)
    world.handle(event)
    assert len(world.jobs.requests) == 1
    assert {event.detail_type for event in world.bus.published} == {"Run Started"}
    assert world.stored.outbox == ()


def test_the_sweep_carries_out_what_a_dead_handler_left() -> None:
    world = EngineWorld(ONE_JOB)
    dying = world.build(jobs=Dying(world.jobs, "submit", after=False))
    with pytest.raises(Died):
        dying.handle(RunStarted(RUN, "Flow", "digest", Origin("upload")))
    world.clock.advance(OUTBOX_ORPHANED_AFTER + 1)
    assert world.sweep().redriven == 1
    assert len(world.jobs.requests) == 1


def test_the_sweep_leaves_alone_what_a_living_handler_still_works_on() -> None:
    world = EngineWorld(ONE_JOB)
    dying = world.build(jobs=Dying(world.jobs, "submit", after=False))
    with pytest.raises(Died):
        dying.handle(RunStarted(RUN, "Flow", "digest", Origin("upload")))
    assert world.sweep().redriven == 0


def test_the_sweep_delivers_commands_of_a_run_that_has_ended() -> None:
    world = EngineWorld(ONE_JOB)
    world.start()
    world.leave_outcome("start")
    dying = world.build(bus=Dying(world.bus, "publish", after=False))
    with pytest.raises(Died):
        dying.handle(world.job("SUCCEEDED"))
    world.clock.advance(OUTBOX_ORPHANED_AFTER + 1)
    world.sweep()
    assert [event.detail_type for event in world.bus.published] == ["Run Started", "Run Succeeded"]


def test_the_sweep_makes_up_for_a_lost_end_of_a_job() -> None:
    world = EngineWorld(ONE_JOB)
    world.start()
    world.leave_outcome("start")
    world.jobs.move("job-1", "SUCCEEDED")
    world.clock.advance(600)
    world.sweep()
    assert world.run.status is RunStatus.SUCCEEDED


def test_the_sweep_starts_an_attempt_whose_timer_never_went_off() -> None:
    world = EngineWorld({"start": {"batch": {}, "retry": {"times": 1, "minutes_between_retries": 5}}})
    world.start()
    world.handle(world.job("FAILED", exit_code=1))
    world.clock.advance(600)
    world.sweep()
    assert len(world.jobs.requests) == 2


def test_the_sweep_gives_up_on_a_light_attempt_whose_function_ended_without_a_word() -> None:
    world = EngineWorld({"start": {}})
    world.start()
    world.claim("start", owner="light:1", until=world.clock.now() + 900)
    world.clock.advance(3600)
    world.sweep()
    (line,) = world.stored.groups[GroupKey("start")].history
    assert (line.failure.class_, line.budget) == ("host", "free: host 1 of 5")
    assert [message["brief"]["attempt"] for message in world.light.messages] == [1, 2]


def test_two_handlers_at_once_lose_neither_event() -> None:
    world = EngineWorld(
        {
            "start": {"next": ["a", "b"]},
            "a": {"batch": {}, "next": "join"},
            "b": {"batch": {}, "next": "join"},
            "join": {"join": True},
        }
    )
    world.start()
    world.handle(world.light_ends("start"))
    world.leave_outcome("a")
    world.leave_outcome("b")
    rival = world.job("SUCCEEDED", "job-2")
    world.build(store=Rivalled(world, rival)).handle(world.job("SUCCEEDED", "job-1"))
    assert GroupKey("join") in world.stored.groups


def test_hundreds_of_splits_that_each_start_a_foreach_are_saved_in_parts() -> None:
    world = EngineWorld(
        {
            "start": {"next": {"to": ["outer"], "foreach": "xs"}},
            "outer": {"batch": {}, "next": {"to": ["inner"], "foreach": "ys"}},
            "inner": {"next": "inner_join"},
            "inner_join": {"join": True, "next": "outer_join"},
            "outer_join": {"join": True},
        }
    )
    counting = Counting(world)
    world.engine = world.build(store=counting)
    world.start()
    world.leave_outcome("start", foreach_count=250)
    world.handle(LightEnded(RUN, GroupKey("start"), 0, 1))
    for member in range(250):
        world.leave_outcome("outer", member, path=(0,), foreach_count=2)
    world.handle(world.job("SUCCEEDED", size=250))
    assert len(world.stored.groups[GroupKey("outer", (0,))].succeeded) == 250
    assert sum(key.step == "inner" for key in world.stored.groups) == 250
    assert counting.most <= 98


def test_endless_conflicts_are_given_back_to_the_queue() -> None:
    world = EngineWorld(ONE_JOB)
    world.start()
    engine = world.build(store=AlwaysConflicting(world))
    with pytest.raises(Conflict):
        engine.handle(world.job("RUNNING"))


class Rivalled:
    """A store on which another handler saves first, once."""

    def __init__(self, world: EngineWorld, event: JobChanged) -> None:
        self._world, self._event = world, event
        self._done = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.store, name)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._done:
            self._done = True
            self._world.handle(self._event)
        self._world.store.save(*args, **kwargs)


class Counting:
    """A store that remembers how many groups were saved at once at the most."""

    def __init__(self, world: EngineWorld) -> None:
        self._world = world
        self.most = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.store, name)

    def save(self, run: Any, groups: Any, **kwargs: Any) -> None:
        self.most = max(self.most, len(groups))
        self._world.store.save(run, groups, **kwargs)


class AlwaysConflicting:
    """A store that others always save first."""

    def __init__(self, world: EngineWorld) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.store, name)

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise Conflict("somebody was faster")
