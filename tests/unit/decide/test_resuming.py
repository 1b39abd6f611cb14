"""A person's word that a run is to go on: what starts anew, what is kept, and what is refused."""

from dataclasses import replace

import pytest

from steprelay_core.commands import Announce, FenceAttempt, StartRunTimer, TerminateJob
from steprelay_core.state.model import RunStatus
from steprelay_core.state.ranges import Ranges
from tests.unit.decide.resumed import (
    NESTED,
    TWO_BRANCHES,
    cancelled,
    failed_branches,
    failed_foreach,
    nested,
    until_through,
)
from tests.unit.decide.world import World, batch, started


def test_a_failed_run_goes_on_from_its_failed_task_and_keeps_what_succeeded() -> None:
    world = failed_branches()
    commands = world.resume()
    assert started(commands) == ["a", "after_b"]
    assert (world.run.status, world.run.failure, world.run.ended_at) == (RunStatus.RUNNING, None, None)
    assert world.group("b").won == {1: Ranges.of(0)}


def test_what_was_never_started_because_the_run_had_failed_is_started_by_the_resume() -> None:
    world = failed_branches()
    world.resume()
    assert world.submission("after_b").attempt == 1
    world.leaves("a", attempt=3)
    world.job("a", "SUCCEEDED")
    world.light("after_b")
    world.light("join")
    assert world.run.status is RunStatus.SUCCEEDED


def test_attempts_go_on_rising_and_have_their_whole_budget_again() -> None:
    world = failed_branches()
    world.resume()
    assert (world.submission("a").attempt, world.submission("a").first) == (3, 3)
    assert started(world.job("a", "FAILED", exit_code=1)) == ["a"]
    assert world.submission("a").attempt == 4
    assert started(world.job("a", "FAILED", exit_code=1)) == []
    world.light("after_b")
    assert world.run.status is RunStatus.FAILED


def test_a_retry_after_a_resume_waits_as_long_as_the_first_retry_did() -> None:
    world = World({"start": batch(retry={"times": 2, "minutes_between_retries": 1, "backoff": 2})})
    for attempt in (1, 2, 3):
        world.now += 1000
        world.job("start", "FAILED", exit_code=1)
        if attempt < 3:
            world.now += 1000
            world.timer("start", attempt=attempt + 1)
    world.resume()
    world.job("start", "FAILED", exit_code=1)
    assert [(wait.attempt, wait.due - world.now) for wait in world.group("start").waits] == [(5, 60.0)]
    world.now += 60
    assert started(world.timer("start", attempt=5)) == ["start"]
    assert world.submission("start").first == 4


def test_all_failed_splits_go_on_together_as_one_smaller_array() -> None:
    world = failed_foreach(2, 7)
    assert started(world.resume()) == ["work"]
    assert world.submission("work", 0).members == Ranges.of(2, 7)
    assert world.submission("work", 0).attempt == 2


def test_the_join_starts_once_the_resumed_splits_have_succeeded_too() -> None:
    world = failed_foreach(2, 7)
    world.resume()
    world.leaves("work", 2, attempt=2, path=(0,))
    world.leaves("work", 7, attempt=2, path=(0,))
    assert started(world.job("work", "SUCCEEDED", (0,), size=2)) == ["join"]
    assert world.group("work", 0).won == {1: Ranges.upto(10) - Ranges.of(2, 7), 2: Ranges.of(2, 7)}


def test_a_cancelled_run_goes_on_with_what_was_stopped() -> None:
    world = World({"start": batch()})
    world.job("start", "RUNNING")
    world.cancel()
    assert started(world.resume()) == ["start"]
    assert (world.run.status, world.submission("start").attempt) == (RunStatus.RUNNING, 2)


def test_events_of_an_attempt_before_the_resume_change_nothing() -> None:
    world = World({"start": batch()})
    world.cancel()
    world.resume()
    before = world.groups.copy()
    assert world.job("start", "FAILED", submission="1-0", exit_code=1) == []
    world.leaves("start", attempt=1)
    assert world.job("start", "SUCCEEDED", submission="1-0") == []
    assert (world.groups, world.run.status) == (before, RunStatus.RUNNING)


def test_each_end_of_a_run_is_announced_with_an_id_of_its_own() -> None:
    world = World({"start": batch()})
    world.job("start", "FAILED", exit_code=1)
    world.resume()
    world.job("start", "FAILED", exit_code=1)
    assert world.announced() == ["Run Started", "Step Failed", "Run Failed", "Run Resumed", "Step Failed", "Run Failed"]
    ids = [command.id for command in world.commands if isinstance(command, Announce)]
    assert ids[2::3] == ["Flow-abc:run-failed", "Flow-abc:run-failed#2"]
    assert len(set(ids)) == len(ids)


def test_a_request_delivered_twice_resumes_once() -> None:
    world = failed_branches()
    world.resume("r-1")
    assert world.resume("r-1") == []
    assert world.note == "this request was carried out before"


def test_a_request_delivered_again_after_the_run_has_failed_again_changes_nothing() -> None:
    world = World({"start": batch()})
    world.job("start", "FAILED", exit_code=1)
    world.resume("r-1")
    world.job("start", "FAILED", exit_code=1)
    assert world.resume("r-1") == []
    assert started(world.resume("r-2")) == ["start"]
    assert world.run.generation == 3


def test_a_cancellation_delivered_again_after_the_resume_does_not_stop_the_run_again() -> None:
    world = World({"start": batch()})
    world.cancel()
    world.resume()
    assert world.cancel() == []
    assert world.run.status is RunStatus.RUNNING
    world.cancel("another")
    assert world.run.status.terminal


@pytest.mark.parametrize(("ends", "says"), [(True, "it succeeded: start a new run"), (False, "it is running")])
def test_a_run_that_succeeded_or_runs_is_not_resumed_and_the_reason_says_what_to_do(ends: bool, says: str) -> None:
    world = World({"start": batch()})
    if ends:
        world.leaves("start")
        world.job("start", "SUCCEEDED")
    assert world.resume() == []
    assert world.note is not None
    assert says in world.note


def test_a_run_that_is_about_to_fail_is_not_resumed_before_its_end() -> None:
    world = World(TWO_BRANCHES)
    world.light("start")
    world.job("b", "FAILED", exit_code=1)
    assert world.resume() == []
    assert world.note is not None
    assert "wait for its end, or cancel it" in world.note


def test_resuming_a_run_of_hundreds_of_groups_takes_several_decisions() -> None:
    world = cancelled(nested(100))
    world.commands.clear()
    assert until_through(world) == 3
    assert started(world.commands) == ["inner"] * 100
    assert world.announced() == ["Run Resumed"]
    assert world.run.resuming is None


def test_hundreds_of_groups_that_were_never_started_take_several_decisions_too() -> None:
    world = World({**NESTED, "outer": batch(next={"to": ["inner"], "foreach": "ys"})})
    world.light("start", foreach_count=91)
    world.job("outer", "FAILED", (0,), index=90, job_id="job-1:90", exit_code=1)
    for member in range(90):
        world.leaves("outer", member, path=(0,), foreach_count=2)
    while not world.run.status.terminal:
        world.job("outer", "FAILED", (0,), size=91)
    assert not any(key.step == "inner" for key in world.groups)
    world.commands.clear()
    assert until_through(world) == 3
    assert sorted(started(world.commands)) == ["inner"] * 90 + ["outer"]


def test_a_run_does_not_end_while_a_part_of_it_has_still_to_be_resumed() -> None:
    world = cancelled(nested(41))
    world.resume()
    assert world.more
    resumed = [key for key, group in world.groups.items() if group.submissions]
    for key in resumed:
        for member in range(2):
            world.leaves("inner", member, attempt=2, path=key.path)
        world.job("inner", "SUCCEEDED", key.path, size=2)
        world.light("inner_join", key.path[-1], path=key.path[:-1])
    assert (len(resumed), world.run.status) == (40, RunStatus.RUNNING)
    assert started(world.resume()) == ["inner"]


def test_a_failure_before_all_is_resumed_leaves_the_rest_as_it_was() -> None:
    world = cancelled(nested(41))
    world.resume()
    first, *others = [key for key, group in world.groups.items() if group.submissions]
    world.job("inner", "FAILED", first.path, exit_code=1)
    assert world.resume() == []
    for key in others:
        for member in range(2):
            world.leaves("inner", member, attempt=2, path=key.path)
        world.job("inner", "SUCCEEDED", key.path, size=2)
    assert world.run.status is RunStatus.FAILED
    assert sum(len(group.failed) for group in world.groups.values()) == 4


def test_what_a_cancellation_saved_in_part_has_left_is_stopped_before_anything_is_resumed() -> None:
    world = nested(60)
    world.job("inner", "RUNNING", (0, 59), job_id="job-59")
    world.cancel()
    assert world.more
    first = world.resume()
    assert started(first) == []
    assert [command.job_id for command in first if isinstance(command, TerminateJob)] == ["job-59"]
    assert sum(isinstance(command, FenceAttempt) for command in first) == 20
    until_through(world)
    attempts = {group.submissions[0].attempt for key, group in world.groups.items() if key.step == "inner"}
    assert attempts == {2}


def test_state_of_a_relay_that_did_not_count_attempts_is_resumed_beyond_the_whole_budget() -> None:
    world = failed_branches()
    world.groups = {key: replace(group, tried=0) for key, group in world.groups.items()}
    world.resume()
    assert world.submission("a").attempt == 3
    assert world.submission("after_b").attempt == 1


def test_a_resumed_run_has_its_whole_time_again() -> None:
    world = World({"start": batch()}, timeout_seconds=60)
    world.job("start", "FAILED", exit_code=1)
    world.now += 50
    timers = [command for command in world.resume() if isinstance(command, StartRunTimer)]
    assert timers == [StartRunTimer(2, world.now + 60)]
    assert world.run.deadline == world.now + 60
