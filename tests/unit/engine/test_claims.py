"""Who holds the claim of an attempt decides whose end counts, and the dispatcher takes it before it moves past."""

import json
from typing import Any

import pytest

from steprelay_core import keys
from steprelay_core.decide.light import LIGHT_GIVEN_UP, LIGHT_SILENCE
from steprelay_core.decide.overdue import JOB_SILENCE
from steprelay_core.state.events import CancelRequested, JobChanged, JobSubmitted, LightEnded
from steprelay_core.state.model import GroupKey, RunStatus, Submission, TaskKey
from tests.unit.engine.world import RUN, Died, Dying, EngineWorld

START, WORK = GroupKey("start"), GroupKey("work", (0,))
RETRYING: dict[str, dict[str, Any]] = {"start": {"batch": {}, "retry": {"times": 1, "minutes_between_retries": 0}}}
ARRAY: dict[str, dict[str, Any]] = {
    "start": {"next": {"to": ["work"], "foreach": "xs"}},
    "work": {"batch": {}, "retry": {"times": 1, "minutes_between_retries": 0}, "next": "join"},
    "join": {"join": True},
}


def job(world: EngineWorld, status: str, job_id: str, **more: Any) -> JobChanged:
    """An event of the first submission, whichever job of it this is."""
    return JobChanged(RUN, START, "1-0", job_id, status, **more)


def array_of(count: int) -> EngineWorld:
    """An array under way as `job-1`."""
    world = EngineWorld(ARRAY)
    world.start()
    world.leave_outcome("start", foreach_count=count)
    world.handle(LightEnded(RUN, START, 0, 1))
    return world


def submission(world: EngineWorld, key: GroupKey = START) -> Submission:
    return world.stored.groups[key].submissions[-1]


def test_the_claim_is_taken_before_the_state_calls_the_attempt_failed() -> None:
    world = EngineWorld(RETRYING)
    world.start()
    with pytest.raises(Died):
        world.build(store=Dying(world.store, "save", after=False)).handle(world.job("FAILED", exit_code=1))
    assert submission(world).attempt == 1
    assert world.claim("start")["owner"] == "dispatcher"
    world.handle(world.job("FAILED", exit_code=1))
    assert submission(world).attempt == 2


def test_a_claim_that_a_container_holds_is_taken_from_it_so_that_no_later_batch_attempt_takes_it_over() -> None:
    world = EngineWorld(RETRYING)
    world.start()
    world.claim("start", job_id="job-1", batch_attempt=1)
    world.handle(world.job("FAILED", exit_code=1))
    assert world.claim("start") == {"owner": "dispatcher", "held_by": "job-1"}


def test_a_container_that_claims_while_it_is_decided_is_noticed_and_decided_on() -> None:
    world = EngineWorld(RETRYING)
    world.start()
    world.build(objects=ClaimedMeanwhile(world, "job-9")).handle(world.job("FAILED", exit_code=1))
    assert (submission(world).attempt, submission(world).job_id) == (1, "job-9")
    assert world.claim("start")["owner"] == "runner:1"


def test_a_fence_whose_save_was_lost_does_not_keep_the_failure_from_being_seen() -> None:
    world = EngineWorld(RETRYING)
    world.start()
    world.claim("start", job_id="job-1", batch_attempt=1)
    with pytest.raises(Died):
        world.build(store=Dying(world.store, "save", after=False)).handle(world.job("FAILED", exit_code=1))
    world.handle(world.job("FAILED", exit_code=1))
    assert submission(world).attempt == 2


def test_the_recorded_job_that_leaves_empty_handed_hands_over_to_the_one_that_holds_the_claim() -> None:
    world = EngineWorld(RETRYING)
    world.start()
    world.claim("start", job_id="job-9", batch_attempt=1)
    world.handle(job(world, "SUCCEEDED", "job-1"))
    assert (submission(world).attempt, submission(world).job_id) == (1, "job-9")
    world.leave_outcome("start")
    world.handle(job(world, "SUCCEEDED", "job-9"))
    assert world.run.status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_the_superfluous_job_that_leaves_empty_handed_costs_no_attempt(status: str) -> None:
    world = EngineWorld(RETRYING)
    world.start()
    world.claim("start", job_id="job-1", batch_attempt=1)
    world.handle(job(world, status, "job-9"))
    assert (submission(world).attempt, submission(world).job_id) == (1, "job-1")


def test_the_end_of_the_job_that_holds_the_claim_fails_the_attempt_though_another_is_recorded() -> None:
    world = EngineWorld(RETRYING)
    world.start()
    world.claim("start", job_id="job-9", batch_attempt=1)
    world.handle(job(world, "FAILED", "job-9", exit_code=1))
    assert submission(world).attempt == 2
    assert list(world.jobs.terminated) == ["job-1"]


def test_a_second_job_that_is_known_goes_on_when_the_recorded_one_never_came_to_the_claim() -> None:
    world = EngineWorld(RETRYING)
    world.start()
    world.handle(job(world, "RUNNABLE", "job-9"))
    world.handle(job(world, "FAILED", "job-1", reason="Host EC2 (instance i-1) terminated."))
    assert (submission(world).attempt, submission(world).job_id) == (1, "job-9")


def test_a_job_that_a_second_look_found_is_remembered_beside_the_recorded_one() -> None:
    world = EngineWorld(RETRYING)
    world.start()
    world.handle(JobSubmitted(RUN, START, "1-0", "job-9", "name"))
    assert (submission(world).job_id, submission(world).others) == ("job-1", ("job-9",))


def test_the_superfluous_job_is_terminated_once_the_attempt_is_decided() -> None:
    world = EngineWorld(RETRYING)
    world.start()
    world.handle(job(world, "RUNNABLE", "job-9"))
    world.jobs.jobs["job-9"] = world.jobs.jobs["job-1"] | {"jobId": "job-9"}
    world.leave_outcome("start")
    world.handle(job(world, "SUCCEEDED", "job-1"))
    assert list(world.jobs.terminated) == ["job-9"]


def test_a_job_that_turns_up_after_its_attempt_is_terminated() -> None:
    world = EngineWorld(RETRYING)
    world.start()
    world.handle(job(world, "FAILED", "job-1", exit_code=1))
    world.jobs.jobs["job-9"] = world.jobs.jobs["job-1"] | {"jobId": "job-9", "status": "RUNNABLE"}
    world.handle(job(world, "RUNNABLE", "job-9"))
    assert list(world.jobs.terminated) == ["job-9"]
    assert len(world.jobs.requests) == 2


def test_members_of_two_arrays_end_each_with_the_array_that_holds_their_claim() -> None:
    world = array_of(3)
    for member, holder in enumerate(["job-1:0", "job-9:1", "job-1:2"]):
        world.claim("work", member, path=(0,), job_id=holder)
    world.leave_outcome("work", 0, path=(0,))
    world.handle(world.job("SUCCEEDED", size=3))
    work = world.stored.groups[WORK]
    assert list(work.succeeded) == [0]
    assert [(item.attempt, str(item.open), item.job_id) for item in work.submissions] == [(1, "1", "job-9")]
    assert [(wait.attempt, str(wait.members)) for wait in work.waits] == [(2, "2")]


def test_the_sweep_looks_the_adopted_job_up_when_its_end_is_lost() -> None:
    world = EngineWorld(RETRYING)
    world.start()
    world.jobs.jobs["job-9"] = world.jobs.jobs["job-1"] | {"jobId": "job-9"}
    world.claim("start", job_id="job-9", batch_attempt=1)
    world.handle(job(world, "SUCCEEDED", "job-1"))
    world.jobs.move("job-9", "SUCCEEDED")
    world.leave_outcome("start")
    world.clock.advance(JOB_SILENCE + 1)
    world.sweep()
    assert world.run.status is RunStatus.SUCCEEDED


def test_an_outcome_that_is_written_after_the_dispatcher_moved_past_changes_nothing() -> None:
    world = EngineWorld(RETRYING)
    world.start()
    world.claim("start", job_id="job-1", batch_attempt=1)
    world.handle(job(world, "FAILED", "job-1", reason="Host EC2 (instance i-1) terminated."))
    world.leave_outcome("start")
    world.handle(job(world, "SUCCEEDED", "job-1"))
    assert (world.run.status, submission(world).attempt) == (RunStatus.RUNNING, 2)


def test_a_cancel_takes_the_claims_of_all_that_runs() -> None:
    world = array_of(3)
    world.claim("work", 1, path=(0,), job_id="job-1:1", batch_attempt=1)
    world.handle(CancelRequested(RUN))
    claims = [world.objects.objects[keys.claim(RUN, TaskKey("work", (0,), member), 1)] for member in range(3)]
    assert [json.loads(claim)["owner"] for claim in claims] == ["dispatcher"] * 3


def test_a_light_step_that_nobody_has_received_is_sent_again_and_not_given_up() -> None:
    world = EngineWorld({"start": {}})
    world.start()
    world.clock.advance(LIGHT_SILENCE + 1)
    world.sweep()
    assert world.run.status is RunStatus.RUNNING
    assert len(world.light.messages) == 2
    world.clock.advance(LIGHT_SILENCE - 1)
    world.sweep()
    assert len(world.light.messages) == 2
    world.clock.advance(3)
    world.sweep()
    assert len(world.light.messages) == 3


def test_a_light_step_that_nobody_receives_for_days_is_given_up() -> None:
    world = EngineWorld({"start": {"retry": {"times": 0}}})
    world.start()
    world.clock.advance(LIGHT_GIVEN_UP + 1)
    world.sweep()
    assert world.run.failure is not None
    assert world.run.failure.failure.class_ == "host"


def test_a_light_step_whose_function_is_at_work_is_left_alone() -> None:
    world = EngineWorld({"start": {}})
    world.start()
    world.clock.advance(LIGHT_SILENCE)
    world.claim("start", owner="light:1", until=world.clock.now() + 900)
    world.clock.advance(60)
    world.sweep()
    assert (world.run.status, len(world.light.messages)) == (RunStatus.RUNNING, 1)


def test_a_silent_light_step_that_left_an_outcome_has_ended_by_it() -> None:
    world = EngineWorld({"start": {}})
    world.start()
    world.leave_outcome("start")
    world.clock.advance(LIGHT_SILENCE + 1)
    world.sweep()
    assert world.run.status is RunStatus.SUCCEEDED


class ClaimedMeanwhile:
    """Objects among which a container puts its claim just before the dispatcher puts its own."""

    def __init__(self, world: EngineWorld, job_id: str) -> None:
        self._world, self._job_id = world, job_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.objects, name)

    def fence(self, *args: Any) -> Any:
        self._world.claim("start", job_id=self._job_id, batch_attempt=1)
        return self._world.objects.fence(*args)


def test_a_late_event_of_a_superfluous_job_that_has_ended_does_not_bring_it_back() -> None:
    world = EngineWorld(RETRYING)
    world.start()
    world.claim("start", job_id="job-1", batch_attempt=1)
    world.handle(job(world, "RUNNABLE", "job-9"))
    world.handle(job(world, "FAILED", "job-9"))
    world.handle(job(world, "RUNNABLE", "job-9"))
    assert submission(world).others == ()


def test_nor_does_one_of_the_recorded_job_that_handed_over() -> None:
    world = EngineWorld(RETRYING)
    world.start()
    world.claim("start", job_id="job-9", batch_attempt=1)
    world.handle(job(world, "SUCCEEDED", "job-1"))
    world.handle(job(world, "RUNNING", "job-1"))
    assert (submission(world).job_id, submission(world).others) == ("job-9", ())
