"""What pays for another attempt: the failure class's own budget first, then the step's `@retry`."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steprelay_core.commands import Announce
from steprelay_core.decide.budget import LONGEST_DELAY, delay_before, judge_failure, with_jitter
from steprelay_core.failure import CLASSES, RETRYABLE
from steprelay_core.spec import Batch, Retry, Step
from steprelay_core.state.events import JobSubmitted
from steprelay_core.state.model import Failure, GroupKey, Platform, RunStatus, Submission, TaskKey, Terms
from steprelay_core.state.ranges import Ranges
from tests.unit.decide.world import RUN, World, batch, started, timers

SPOT: dict[str, Any] = {"reason": "Host EC2 (instance i-0abc) terminated."}
HOST: dict[str, Any] = {"reason": "Task failed to start"}
QUEUE_TIMEOUT: dict[str, Any] = {"reason": "Canceled by JobStateTimeLimit action due to reason: CAPACITY:INSUFFICIENT"}
SLOW_REGISTRY: dict[str, Any] = {"container_reason": "CannotPullContainerError: i/o timeout"}
OOM: dict[str, Any] = {"container_reason": "OutOfMemoryError: Container killed due to memory usage", "exit_code": 137}
PROGRAM: dict[str, Any] = {"reason": "Essential container in task exited", "exit_code": 1}
TASK = TaskKey("start", (), 0)


def one_step(**step: Any) -> World:
    return World({"start": batch(**step)})


def fail(world: World, failure: dict[str, Any], times: int = 1) -> None:
    """The newest attempt fails so, again and again; every wait is waited for."""
    for _ in range(times):
        world.job("start", "FAILED", **failure)
        for wait in world.group("start").waits:
            world.now = wait.due
            world.timer("start", 0, wait.attempt)


def budgets(world: World) -> list[str]:
    return [line.budget for line in world.group("start").history]


@pytest.mark.parametrize("failure", [SPOT, HOST, SLOW_REGISTRY])
def test_a_class_has_so_many_attempts_of_its_own_and_then_the_task_fails(failure: dict[str, Any]) -> None:
    world = one_step()
    fail(world, failure)
    free = CLASSES[world.group("start").history[0].failure.class_].free
    fail(world, failure, free)
    assert started(world.commands) == ["start"] * (free + 1)
    assert world.run.status is RunStatus.FAILED


def test_what_is_free_leaves_the_budget_of_retry_as_it_was() -> None:
    world = one_step(retry={"times": 2, "minutes_between_retries": 0})
    fail(world, PROGRAM)
    fail(world, SPOT, 3)
    fail(world, PROGRAM)
    fail(world, HOST)
    assert budgets(world) == [
        *("retry 1 of 2", "free: spot 1 of 10", "free: spot 2 of 10", "free: spot 3 of 10"),
        *("retry 2 of 2", "free: host 1 of 5"),
    ]
    assert (world.submission("start").attempt, world.submission("start").first) == (7, 5)
    fail(world, PROGRAM)
    assert budgets(world)[-1] == "none: all retries are used up, 2 of 2"


def test_a_class_that_has_spent_its_own_budget_spends_that_of_retry() -> None:
    world = one_step(retry={"times": 1, "minutes_between_retries": 0})
    fail(world, HOST, 7)
    assert budgets(world)[4:] == ["free: host 5 of 5", "retry 1 of 1", "none: all retries are used up, 1 of 1"]


def test_without_retry_the_end_says_that_the_free_attempts_are_spent() -> None:
    world = one_step()
    fail(world, HOST, 6)
    assert budgets(world)[-1] == "none: the step has no @retry, and host had its 5 free attempts"


def test_no_times_means_no_second_attempt_of_any_kind() -> None:
    world = one_step(retry={"times": 0})
    fail(world, SPOT)
    assert world.run.status is RunStatus.FAILED
    assert budgets(world) == ["none: @retry(times=0) allows no second attempt"]


def test_the_pause_before_a_free_attempt_doubles_where_the_class_backs_off() -> None:
    world = one_step(retry={"times": 1, "minutes_between_retries": 60})
    waits = []
    for _ in range(5):
        (timer,) = timers(world.job("start", "FAILED", **SLOW_REGISTRY))
        waits.append(timer.due - world.now)
        world.now = timer.due
        world.timer("start", 0, timer.attempt)
    assert waits == [10, 20, 40, 80, 160]
    assert CLASSES["image_transient"].pause(30) == 600


def test_a_lost_machine_is_made_up_for_at_once_whatever_retry_asks_for() -> None:
    world = one_step(retry={"times": 1, "minutes_between_retries": 60})
    assert started(world.job("start", "FAILED", **SPOT)) == ["start"]


def test_a_light_step_whose_function_died_is_tried_again_for_nothing() -> None:
    world = World({"start": {}})
    for attempt in range(1, 8):
        world.light_ends("start", attempt=attempt)
    assert [line.failure.class_ for line in world.group("start").history] == ["host"] * 6
    assert world.run.status is RunStatus.FAILED


def test_light_tasks_whose_functions_died_go_on_in_one_submission() -> None:
    world = World(
        {
            "start": {"next": {"to": ["work"], "foreach": "xs"}},
            "work": {"next": "join"},
            "join": {"join": True},
        }
    )
    world.light("start", foreach_count=5)
    for member in (1, 3, 4):
        world.light_ends("work", member, path=(0,))
    (again,) = [item for item in world.group("work", 0).submissions if item.attempt == 2]
    assert again.members == Ranges.of(1, 3, 4)


def test_each_queue_is_tried_once_for_nothing_by_a_job_that_waited_too_long() -> None:
    world = one_step(batch={"queue": ["a", "b", "c"]}, retry={"times": 3, "minutes_between_retries": 0})
    fail(world, QUEUE_TIMEOUT, 3)
    assert budgets(world) == ["free: the next queue", "free: the next queue", "none: there is no further queue"]


def test_a_job_that_waited_too_long_in_the_last_queue_is_retried_where_a_person_asks_for_it() -> None:
    world = one_step(retry={"times": 1, "minutes_between_retries": 0, "on": ["queue_timeout"]})
    fail(world, QUEUE_TIMEOUT)
    assert budgets(world) == ["retry 1 of 1"]


def test_only_classes_that_retry_names_spend_it() -> None:
    world = one_step(retry={"times": 2, "minutes_between_retries": 0, "on": ["timeout", "unknown"]})
    fail(world, SPOT)
    fail(world, PROGRAM)
    assert budgets(world) == ["free: spot 1 of 10", "none: @retry is for timeout, unknown only"]


@pytest.mark.parametrize("failure", [PROGRAM, {"reason": "Essential container in task exited", "exit_code": 137}])
def test_an_exit_code_can_be_final(failure: dict[str, Any]) -> None:
    world = one_step(batch={"max_memory": 65536}, retry={"times": 2, "exit_codes_no_retry": [1, 137]})
    fail(world, failure)
    assert budgets(world) == [f"none: exit code {failure['exit_code']} is one of exit_codes_no_retry"]


def test_an_exception_counts_as_the_exit_code_of_its_job_where_there_is_no_job() -> None:
    world = World({"start": {"retry": {"times": 2, "exit_codes_no_retry": [1]}}})
    world.leaves_failure("start")
    world.light_ends("start")
    assert world.run.status is RunStatus.FAILED


def test_other_exit_codes_are_retried() -> None:
    world = one_step(retry={"times": 2, "minutes_between_retries": 0, "exit_codes_no_retry": [3]})
    fail(world, PROGRAM)
    assert budgets(world) == ["retry 1 of 2"]


@pytest.mark.parametrize("class_", sorted(CLASSES.keys() - set(RETRYABLE)))
def test_what_no_attempt_can_mend_is_never_retried_and_says_why(class_: str) -> None:
    given_ = Submission(1, Ranges.of(0), Ranges.of(0), False, 0.0)
    verdict = judge_failure(Step(batch=Batch(), retry=Retry(times=9)), given_, Failure(class_, "why"))
    assert (verdict.again, verdict.budget.partition(",")[0]) == (None, f"none: {class_} is never retried")


@pytest.mark.parametrize("class_", CLASSES)
def test_explain_says_of_every_class_what_the_engine_does(class_: str) -> None:
    step = Step(batch=Batch(queue=["spot", "on-demand"]), retry=Retry(times=1))
    verdict = judge_failure(step, Submission(1, Ranges.of(0), Ranges.of(0), False, 0.0), Failure(class_, "why"))
    assert (verdict.again is not None) == CLASSES[class_].retried


def test_growth_is_free_as_long_as_the_memory_really_grows() -> None:
    world = one_step(batch={"memory": 4096, "max_memory": 10_000}, retry={"times": 1, "minutes_between_retries": 0})
    fail(world, OOM, 4)
    assert budgets(world) == [
        *("free: oom 1 of 10", "free: oom 2 of 10", "retry 1 of 1", "none: all retries are used up, 1 of 1")
    ]


def test_a_small_factor_does_not_make_attempts_without_end() -> None:
    world = one_step(batch={"memory": 4096, "max_memory": 65_536}, retry={"times": 1, "memory_factor": 1.0001})
    fail(world, OOM, 12)
    assert budgets(world)[9:] == ["free: oom 10 of 10", "retry 1 of 1", "none: all retries are used up, 1 of 1"]


def test_memory_that_is_not_to_grow_is_a_matter_of_retry() -> None:
    world = one_step(batch={"memory": 4096, "max_memory": 65_536}, retry={"times": 1, "memory_factor": 1})
    fail(world, OOM)
    assert (budgets(world), world.submission("start").terms) == (["retry 1 of 1"], Terms())


def _submitted_to(platform: Platform) -> World:
    # 8 vCPUs on Fargate have 16384 MiB at least: to double 4096 once, or twice, changes nothing there.
    asked = {"cpu": 8, "memory": 4096, "max_memory": 32_768, "round_up": True}
    world = one_step(batch=asked)
    world.happen(JobSubmitted(RUN, GroupKey("start"), "1-0", "job-1", "name", platform=platform))
    return world


@pytest.mark.parametrize(("platform", "growth"), [("ec2", 1), ("fargate", 3)])
def test_a_growth_that_fargate_would_not_notice_is_passed_over(platform: Platform, growth: int) -> None:
    world = _submitted_to(platform)
    fail(world, OOM)
    assert world.submission("start").terms.growth == growth


def test_a_child_that_may_be_tried_again_is_not_the_cause_of_the_run_s_failure() -> None:
    world = World(
        {
            "start": {"next": {"to": ["work"], "foreach": "xs"}},
            "work": batch(next="join", retry={"times": 1, "minutes_between_retries": 0, "on": ["timeout"]}),
            "join": {"join": True},
        }
    )
    world.light("start", foreach_count=3)
    world.leaves_failure("work", 1, path=(0,))
    world.job("work", "SUCCEEDED", (0,), size=3)
    assert [(line.member, line.budget) for line in world.group("work", 0).history] == [
        (0, "none: the run has failed"),
        (1, "none: @retry is for timeout only"),
        (2, "none: the run has failed"),
    ]
    assert world.run.failure is not None
    assert (world.run.failure.task, world.run.failure.budget) == ("work.1", "none: @retry is for timeout only")


def test_the_failure_that_is_announced_says_why_nothing_follows() -> None:
    world = one_step()
    fail(world, PROGRAM)
    (told,) = [each for each in world.commands if isinstance(each, Announce) and each.detail_type == "Step Failed"]
    assert told.detail["budget"] == "none: the step has no @retry"


def test_after_a_resume_every_budget_is_whole_again() -> None:
    world = one_step()
    fail(world, HOST, 6)
    world.resume()
    fail(world, HOST)
    assert budgets(world)[-1] == "free: host 1 of 5"


def test_children_that_failed_for_free_and_not_for_free_each_go_when_their_array_is_over() -> None:
    world = World(
        {
            "start": {"next": {"to": ["work"], "foreach": "xs"}},
            "work": batch(next="join", retry={"times": 1, "minutes_between_retries": 0}),
            "join": {"join": True},
        }
    )
    world.light("start", foreach_count=2)
    world.job("work", "FAILED", (0,), index=0, job_id="job-1:0", **SPOT)
    world.job("work", "FAILED", (0,), index=1, job_id="job-1:1", **PROGRAM)
    assert {item.members: item.first for item in world.group("work", 0).submissions} == {
        Ranges.of(0): 2,
        Ranges.of(1): 1,
    }


WAIT = Retry(times=5, minutes_between_retries=1, backoff=2, jitter=0.5)


@given(st.text(), st.integers(1, 100), st.floats(0, 1), st.floats(0, 1e6))
def test_jitter_stays_within_its_part_and_is_drawn_once(run: str, attempt: int, jitter: float, delay: float) -> None:
    retry = WAIT.model_copy(update={"jitter": jitter})
    drawn = with_jitter(delay, retry, run, TASK, attempt)
    assert delay * (1 - jitter) - 1e-6 <= drawn <= delay * (1 + jitter) + 1e-6
    assert drawn == with_jitter(delay, retry, run, TASK, attempt)


def test_jitter_differs_from_task_to_task_and_from_attempt_to_attempt() -> None:
    drawn = [with_jitter(60, WAIT, run, TASK, attempt) for run in ("a", "b") for attempt in (2, 3)]
    assert len(set(drawn)) == 4


def test_jitter_moves_the_wait_of_a_retry() -> None:
    world = one_step(retry={"times": 1, "minutes_between_retries": 10, "jitter": 0.5})
    (timer,) = timers(world.job("start", "FAILED", **PROGRAM))
    assert 300 <= timer.due - world.now <= 900
    assert timer.due - world.now != 600


def test_no_backoff_leads_out_of_the_calendar() -> None:
    assert delay_before(99, Retry(times=99, minutes_between_retries=1e300, backoff=1e300)) == LONGEST_DELAY


def test_the_terms_of_a_step_that_never_failed_are_its_own() -> None:
    assert one_step().submission("start").terms == Terms()
