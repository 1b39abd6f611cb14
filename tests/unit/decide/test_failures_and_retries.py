"""What follows a failed attempt: another one, now or later, or the end."""

from typing import Any

import pytest

from steprelay_core.commands import FenceAttempt, SubmitJob, TerminateJob
from steprelay_core.decide.budget import delay_before
from steprelay_core.spec import Retry
from steprelay_core.state.model import GroupKey, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.unit.decide.world import World, batch, started, timers


def one_step(**step: object) -> World:
    return World({"start": batch(**step)})


def retrying(times: int = 2, minutes: float = 0, **more: object) -> World:
    return one_step(retry={"times": times, "minutes_between_retries": minutes, **more})


def test_a_failed_job_without_retry_fails_the_run_with_its_cause() -> None:
    world = one_step()
    world.job("start", "FAILED", reason="Essential container in task exited", exit_code=3)
    assert world.run.status is RunStatus.FAILED
    assert world.run.failure is not None
    assert (world.run.failure.task, world.run.failure.failure.class_) == ("start", "program")
    assert world.announced() == ["Run Started", "Step Failed", "Run Failed"]


def test_a_failed_attempt_is_fenced_before_the_next_is_submitted() -> None:
    world = retrying()
    commands = world.job("start", "FAILED", exit_code=1)
    assert [type(command) for command in commands] == [FenceAttempt, SubmitJob]
    assert world.submission("start").attempt == 2


def test_attempts_end_with_the_budget() -> None:
    world = retrying(times=2)
    for _ in range(3):
        world.job("start", "FAILED", exit_code=1)
    assert world.run.status is RunStatus.FAILED
    assert started(world.commands) == ["start"] * 3
    assert [line.attempt for line in world.group("start").history] == [1, 2, 3]


def test_a_delay_is_a_timer_and_not_a_job() -> None:
    world = retrying(minutes=2)
    commands = world.job("start", "FAILED", exit_code=1)
    assert started(commands) == []
    assert [timer.due for timer in timers(commands)] == [world.now + 120]


def test_the_next_attempt_starts_when_its_timer_is_due() -> None:
    world = retrying(minutes=2)
    world.job("start", "FAILED", exit_code=1)
    world.now += 120
    assert started(world.timer("start")) == ["start"]
    assert not world.group("start").waits


def test_a_timer_that_goes_off_early_is_set_again() -> None:
    world = retrying(minutes=2)
    world.job("start", "FAILED", exit_code=1)
    world.now += 60
    commands = world.timer("start")
    assert started(commands) == []
    assert [timer.due for timer in timers(commands)] == [1120.0]


def test_a_timer_delivered_twice_starts_one_attempt() -> None:
    world = retrying(minutes=2)
    world.job("start", "FAILED", exit_code=1)
    world.now += 120
    world.timer("start")
    assert world.timer("start") == []


@pytest.mark.parametrize(("attempt", "seconds"), [(2, 60), (3, 120), (4, 240)])
def test_backoff_multiplies_each_wait(attempt: int, seconds: float) -> None:
    assert delay_before(attempt, Retry(times=5, minutes_between_retries=1, backoff=2)) == seconds


def test_an_outcome_counts_even_when_the_job_reads_as_failed() -> None:
    world = one_step()
    world.leaves("start")
    world.job("start", "FAILED", reason="Host EC2 (instance i-0abc) terminated.")
    assert world.run.status is RunStatus.SUCCEEDED


def test_success_without_an_outcome_is_a_failure() -> None:
    world = one_step()
    world.job("start", "SUCCEEDED")
    (line,) = world.group("start").history
    assert (line.failure.class_, world.submission("start").attempt) == ("unknown_outcome", 2)


def test_a_step_without_our_runner_succeeds_by_its_exit_code() -> None:
    world = World({"start": {"batch": {"image": "alpine"}, "package": False}})
    world.job("start", "SUCCEEDED")
    assert world.run.status is RunStatus.SUCCEEDED


def test_events_of_an_earlier_attempt_change_nothing() -> None:
    world = retrying()
    world.job("start", "FAILED", exit_code=1)
    before = world.groups.copy()
    assert world.job("start", "FAILED", attempt=1, exit_code=1) == []
    assert world.groups == before


def test_the_same_event_twice_changes_nothing_more() -> None:
    world = one_step()
    world.job("start", "RUNNING", started_at=1001.0)
    before = world.groups.copy()
    assert world.job("start", "RUNNING", started_at=1001.0) == []
    assert world.groups == before


def test_a_late_earlier_status_does_not_turn_the_job_back() -> None:
    world = one_step()
    world.job("start", "RUNNING")
    world.job("start", "STARTING")
    assert world.submission("start").status == "RUNNING"


def test_a_batch_internal_retry_is_followed_as_news() -> None:
    world = one_step()
    world.job("start", "RUNNING", attempts=0)
    world.job("start", "RUNNABLE", attempts=1)
    assert world.submission("start").status == "RUNNABLE"


def test_failures_of_a_foreach_are_resubmitted_as_a_smaller_array() -> None:
    world = World(
        {
            "start": {"next": {"to": ["work"], "foreach": "xs"}},
            "work": batch(next="join", retry={"times": 1, "minutes_between_retries": 1}),
            "join": {"join": True},
        }
    )
    world.light("start", foreach_count=10)
    for index in (2, 7):
        world.job("work", "FAILED", (0,), index=index, job_id=f"job-1:{index}", exit_code=1)
    world.now += 60
    world.timer("work", 2, path=(0,))
    assert world.submission("work", 0, attempt=2).members == Ranges.of(2, 7)


def test_failures_that_the_array_s_own_event_tells_of_together_go_on_together() -> None:
    world = World(
        {
            "start": {"next": {"to": ["work"], "foreach": "xs"}},
            "work": batch(next="join", retry={"times": 1, "minutes_between_retries": 0}),
            "join": {"join": True},
        }
    )
    world.light("start", foreach_count=10)
    for member in range(10):
        world.leaves_failure("work", member, path=(0,)) if member % 3 == 0 else world.leaves("work", member, path=(0,))
    commands = world.job("work", "FAILED", (0,), size=10)
    assert started(commands) == ["work"]
    assert world.submission("work", 0, attempt=2).members == Ranges.of(0, 3, 6, 9)


@pytest.mark.parametrize("told_by", [{"index": 1, "job_id": "job-1:1", "exit_code": 1}, {"size": 3}])
def test_a_failed_child_reads_the_same_whether_it_or_its_array_tells_first(told_by: dict[str, Any]) -> None:
    world = World(
        {
            "start": {"next": {"to": ["work"], "foreach": "xs"}},
            "work": batch(next="join"),
            "join": {"join": True},
        }
    )
    world.light("start", foreach_count=3)
    for member in (0, 2):
        world.leaves("work", member, path=(0,))
    world.leaves_failure("work", 1, path=(0,))
    world.job("work", "FAILED", (0,), **told_by)
    (line,) = world.groups[GroupKey("work", (0,))].history
    assert (line.member, line.failure.class_, line.failure.exit_code) == (1, "program", 1)


def test_a_child_s_end_that_comes_again_changes_nothing() -> None:
    world = World(
        {
            "start": {"next": {"to": ["work"], "foreach": "xs"}},
            "work": batch(next="join"),
            "join": {"join": True},
        }
    )
    world.light("start", foreach_count=3)
    world.job("work", "FAILED", (0,), index=1, job_id="job-1:1", exit_code=1)
    before = world.groups.copy()
    assert world.job("work", "FAILED", (0,), index=1, job_id="job-1:1", exit_code=1) == []
    assert world.groups == before


def test_siblings_of_a_failed_task_may_finish_but_nothing_new_starts() -> None:
    world = World(
        {
            "start": {"next": ["a", "b"]},
            "a": batch(next="join"),
            "b": batch(next="join", retry={"times": 3, "minutes_between_retries": 0}),
            "join": {"join": True},
        }
    )
    world.light("start")
    world.job("a", "FAILED", exit_code=1)
    assert not world.run.status.terminal
    assert started(world.job("b", "FAILED", exit_code=1)) == []
    assert world.run.status is RunStatus.FAILED
    assert world.run.failure is not None
    assert world.run.failure.task == "a"


def test_a_configuration_error_is_not_tried_again() -> None:
    world = retrying(times=3)
    world.job("start", "FAILED", reason="Container Overrides length must be at most 8192")
    assert world.run.status is RunStatus.FAILED


def test_cancelling_terminates_what_runs_and_starts_nothing_more() -> None:
    world = one_step()
    world.job("start", "RUNNING")
    commands = world.cancel()
    assert [command.job_id for command in commands if isinstance(command, TerminateJob)] == ["job-1"]
    assert world.run.status is RunStatus.CANCELLED
    assert world.job("start", "FAILED", attempt=1) == []


def test_cancelling_a_run_of_hundreds_of_groups_takes_several_decisions() -> None:
    world = World(
        {
            "start": {"next": {"to": ["outer"], "foreach": "xs"}},
            "outer": {"next": {"to": ["inner"], "foreach": "ys"}},
            "inner": {"next": "inner_join"},
            "inner_join": {"join": True, "next": "outer_join"},
            "outer_join": {"join": True},
        }
    )
    world.light("start", foreach_count=100)
    for member in range(100):
        world.light("outer", member, path=(0,), foreach_count=2)
    decisions = 0
    while decisions == 0 or world.more:
        world.cancel()
        decisions += 1
    assert decisions == 3
    assert not any(len(group.live) for group in world.groups.values())
    assert world.announced().count("Run Cancelled") == 1


def test_retries_that_still_wait_when_the_run_fails_are_given_up_at_the_latest_by_their_timers() -> None:
    world = World(
        {
            "start": {"next": ["fan", "b"]},
            "fan": {"next": {"to": ["outer"], "foreach": "xs"}},
            "outer": {"next": {"to": ["inner"], "foreach": "ys"}},
            "inner": batch(next="inner_join", retry={"times": 1, "minutes_between_retries": 1}),
            "inner_join": {"join": True, "next": "outer_join"},
            "outer_join": {"join": True, "next": "meet"},
            "b": batch(next="meet"),
            "meet": {"join": True},
        }
    )
    world.light("start")
    world.light("fan", foreach_count=50)
    for member in range(50):
        world.light("outer", member, path=(0,), foreach_count=1)
        world.job("inner", "FAILED", (0, member), exit_code=1)
    world.job("b", "FAILED", exit_code=1)
    waiting = [key for key, group in world.groups.items() if group.waits]
    assert len(waiting) == 10
    world.now += 60
    for key in waiting:
        assert started(world.timer("inner", path=key.path)) == []
    assert world.run.status is RunStatus.FAILED


def test_a_job_that_turns_up_after_the_run_has_ended_is_terminated() -> None:
    world = one_step()
    world.cancel()
    commands = world.job("start", "RUNNING", attempt=1, job_id="late")
    assert [command.job_id for command in commands if isinstance(command, TerminateJob)] == ["late"]
