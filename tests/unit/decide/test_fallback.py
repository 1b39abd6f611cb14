"""@catch after failures that no code of the step saw: one more attempt, which runs none of it."""

from typing import Any

import pytest

from steprelay_core.commands import FenceAttempt, InvokeLight
from steprelay_core.decide.failure import QUEUE_TIMEOUT_PREFIX
from steprelay_core.decide.fallback import FALLBACKS, REASON_LIMIT, TOLD_APART, told_together
from steprelay_core.state.events import ChildrenFailed, JobChanged, LightEnded, LightSilent, SubmitRefused
from steprelay_core.state.model import Caught, Failure, GroupKey, RunStatus, Submission
from steprelay_core.state.outcome import Outcome, OutcomeFailure
from steprelay_core.state.ranges import Ranges
from tests.unit.decide.world import RUN, World, batch, started

CATCH = {"catch": {"var": "problem"}}
OOM: dict[str, Any] = {"reason": "Essential container in task exited", "exit_code": 137}
OOM |= {"container_reason": "OutOfMemoryError: Container killed due to memory usage"}
NEVER = {"retry": {"times": 0}}
TWICE = {"retry": {"times": 1, "minutes_between_retries": 0}}
WORK = GroupKey("work", (0,))


def catching(**step: Any) -> World:
    """A job whose failure is caught, and a light step behind it."""
    return World({"start": batch(**{"next": "end", **CATCH, **step}), "end": {}})


def fallback_of(world: World, step: str = "start", *path: int) -> Submission:
    submission = world.submission(step, *path)
    assert submission.fallback, submission
    return submission


def test_a_failure_that_no_code_saw_leads_to_a_light_attempt_that_knows_it() -> None:
    world = catching()
    commands = world.job("start", "FAILED", log_stream="start/1", **OOM)
    assert [type(command) for command in commands] == [FenceAttempt, InvokeLight]
    submission = fallback_of(world)
    (cause,) = submission.fallback
    assert (submission.attempt, submission.light) == (2, True)
    assert (cause.attempt, cause.failure.class_, cause.failure.exit_code, cause.failure.log_stream) == (
        1,
        "oom",
        137,
        "start/1",
    )
    assert world.run.status is RunStatus.RUNNING
    assert world.announced() == ["Run Started"]


def test_the_flow_goes_on_once_that_attempt_has_left_its_outcome() -> None:
    world = catching()
    world.job("start", "FAILED", **OOM)
    world.light("start", attempt=2, caught=True)
    assert str(world.group("start").caught) == "0"
    assert [line.caught for line in world.group("start").history] == [True]
    world.light("end")
    assert world.run.status is RunStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("end", "class_"),
    [
        ({"reason": "Host EC2 (instance i-1) terminated."}, "spot"),
        ({"reason": "Job attempt duration exceeded timeout"}, "timeout"),
        ({"reason": f"{QUEUE_TIMEOUT_PREFIX}: after 60 s in queue spot"}, "queue_timeout"),
        ({"container_reason": "CannotPullContainerError: manifest unknown"}, "image_permanent"),
        ({"exit_code": 137}, "oom_suspected"),
    ],
)
def test_whatever_ended_the_last_attempt_is_caught(end: dict[str, Any], class_: str) -> None:
    world = catching(**NEVER)
    world.job("start", "FAILED", **end)
    assert [cause.failure.class_ for cause in fallback_of(world).fallback] == [class_]


def test_a_submission_that_batch_refuses_is_caught() -> None:
    world = catching()
    world.happen(SubmitRefused(RUN, GroupKey("start"), "1-0", "no such queue"))
    (cause,) = fallback_of(world).fallback
    assert (cause.failure.class_, cause.failure.reason) == ("config", "no such queue")


def test_a_light_step_whose_function_died_is_caught() -> None:
    world = World({"start": {"next": "end", **CATCH, **NEVER}, "end": {}})
    world.happen(LightEnded(RUN, GroupKey("start"), 0, 1, "the function died"))
    assert [cause.failure.class_ for cause in fallback_of(world).fallback] == ["host"]


def test_a_step_without_the_runner_is_caught_by_its_exit_code() -> None:
    world = catching(batch={"image": "alpine"}, package=False)
    world.job("start", "FAILED", exit_code=3)
    assert [cause.failure.reason for cause in fallback_of(world).fallback] == ["exit code 3"]


def test_only_the_last_attempt_is_caught() -> None:
    world = catching(**TWICE)
    world.job("start", "FAILED", **OOM)
    assert not world.submission("start").fallback
    world.job("start", "FAILED", **OOM)
    assert [cause.attempt for cause in fallback_of(world).fallback] == [2]
    assert [line.caught for line in world.group("start").history] == [False, True]


def test_what_an_outcome_tells_is_left_for_the_runner_to_read() -> None:
    world = catching()
    world.leaves_failure("start")
    world.job("start", "FAILED", exit_code=1)
    assert [cause.told for cause in fallback_of(world).fallback] == [True]


def test_a_step_without_catch_fails_as_ever() -> None:
    world = catching(catch=None)
    world.job("start", "FAILED", **OOM)
    assert world.run.status is RunStatus.FAILED


@pytest.mark.parametrize(
    "ways",
    [[{"to": ["one"]}, {"to": ["other"]}], {"to": ["each"], "foreach": "items"}],
    ids=["a choice", "a foreach"],
)
def test_where_the_step_had_to_choose_what_follows_the_run_fails(ways: Any) -> None:
    steps: dict[str, dict[str, Any]] = {"one": {"next": "end"}, "other": {"next": "end"}, "end": {}}
    if isinstance(ways, dict):
        steps = {"each": {"next": "end"}, "end": {"join": True}}
    world = World({"start": batch(next=ways, **CATCH), **steps})
    world.job("start", "FAILED", **OOM)
    assert world.run.status is RunStatus.FAILED


def test_a_branch_is_no_choice() -> None:
    sides: dict[str, dict[str, Any]] = {"one": {"next": "end"}, "other": {"next": "end"}, "end": {"join": True}}
    world = World({"start": batch(next=["one", "other"], **CATCH), **sides})
    world.job("start", "FAILED", **OOM)
    world.light("start", attempt=2, caught=True)
    assert started(world.commands)[-2:] == ["one", "other"]


def test_the_last_step_may_be_caught_as_well() -> None:
    world = World({"start": batch(**CATCH)})
    world.job("start", "FAILED", **OOM)
    world.light("start", attempt=2, caught=True)
    assert world.run.status is RunStatus.SUCCEEDED


def test_a_fallback_attempt_that_is_lost_is_made_again_but_not_for_ever() -> None:
    world = catching()
    world.job("start", "FAILED", **OOM)
    for attempt in range(2, 2 + FALLBACKS):
        assert (fallback_of(world).attempt, fallback_of(world).fallback[0].attempt) == (attempt, 1)
        world.happen(LightEnded(RUN, GroupKey("start"), 0, attempt, "the function died"))
    assert world.run.status is RunStatus.FAILED
    assert world.run.failure is not None
    assert (world.run.failure.attempt, world.run.failure.failure.class_) == (1, "oom")


def test_a_fallback_attempt_that_cannot_go_on_ends_the_run_with_the_first_failure() -> None:
    world = catching(**TWICE)
    world.job(
        "start",
        "FAILED",
        reason="CannotPullContainerError",
        container_reason="CannotPullContainerError: manifest unknown",
    )
    world.leaves_failure("start", attempt=2)
    world.light_ends("start", attempt=2)
    assert world.run.failure is not None
    assert (world.run.failure.attempt, world.run.failure.failure.class_) == (1, "image_permanent")


def test_a_fallback_attempt_that_nobody_received_is_sent_again() -> None:
    world = catching()
    world.job("start", "FAILED", **OOM)
    world.now += 4000
    event = LightSilent(RUN, GroupKey("start"), "2-0")
    world.claims[GroupKey("start").task(0), 2] = None
    assert started(world.happen(event)) == ["start"]
    assert fallback_of(world).sent_at == world.now


def test_a_run_that_has_failed_already_starts_none() -> None:
    branches = {name: batch(next="end", **catch) for name, catch in (("one", CATCH), ("other", {}))}
    world = World({"start": {"next": ["one", "other"]}, **branches, "end": {"join": True}})
    world.light("start")
    world.job("other", "FAILED", job_id="job-2", exit_code=1)
    world.job("one", "FAILED", **OOM)
    assert world.run.status is RunStatus.FAILED
    assert not world.group("one").submissions


def test_a_cancelled_run_starts_none() -> None:
    world = catching()
    world.cancel()
    world.job("start", "FAILED", **OOM)
    assert not world.group("start").submissions


def test_a_cancellation_fences_a_fallback_attempt() -> None:
    world = catching()
    world.job("start", "FAILED", **OOM)
    fences = [command for command in world.cancel() if isinstance(command, FenceAttempt)]
    assert [fence.attempt for fence in fences] == [2]


def test_who_is_resumed_begins_with_a_real_attempt() -> None:
    world = catching()
    world.job("start", "FAILED", **OOM)
    world.cancel()
    world.resume()
    submission = world.submission("start")
    assert (submission.attempt, submission.light, submission.fallback) == (3, False, ())


class Wide(World):
    """A foreach of so many jobs whose failures are caught."""

    def __init__(self, size: int, **work: Any) -> None:
        start = {"next": {"to": ["work"], "foreach": "items"}}
        super().__init__({"start": start, "work": batch(next="join", **CATCH, **work), "join": {"join": True}})
        self.light("start", foreach_count=size)

    def fail(self, *members: int, **end: Any) -> list[Any]:
        children = [
            JobChanged(
                RUN, WORK, "1-0", f"job-1:{member}", "FAILED", index=member, log_stream=f"work/{member}", **(end or OOM)
            )
            for member in members
        ]
        return self.happen(ChildrenFailed(tuple(children)))


def test_members_of_a_foreach_that_fail_together_fall_back_together() -> None:
    world = Wide(10)
    world.fail(2, 5, 7)
    assert str(fallback_of(world, "work", 0).open) == "2,5,7"


def test_members_that_fail_later_join_those_before() -> None:
    world = Wide(10)
    world.fail(2)
    commands = world.fail(5, 7)
    (invoked,) = [command for command in commands if isinstance(command, InvokeLight)]
    assert (invoked.submission, Ranges(invoked.members or ()).spans) == ("2-2", Ranges.of(5, 7).spans)
    submission = fallback_of(world, "work", 0)
    assert str(submission.members) == "2,5,7"
    assert {cause.failure.log_stream for cause in submission.fallback} == {"work/2", "work/5", "work/7"}


def test_members_that_are_tried_again_keep_apart_from_those_that_fall_back() -> None:
    start = {"next": {"to": ["work"], "foreach": "items"}}
    work = {"next": "join", **CATCH, **TWICE}
    world = World({"start": start, "work": work, "join": {"join": True}})
    world.light("start", foreach_count=2)
    final = OutcomeFailure(class_="config", type="Wrong", message="for good")
    world.outcomes[WORK.task(0), 1] = Outcome(outcome_version=1, status="failed", attempt=1, failure=final)
    world.happen(LightEnded(RUN, WORK, 0, 1))
    world.happen(LightEnded(RUN, WORK, 1, 1, "the function died"))
    by_id = {item.id: bool(item.fallback) for item in world.group("work", 0).submissions}
    assert by_id == {"2-0": True, "2-1": False}


def test_the_join_follows_when_the_last_member_was_caught() -> None:
    world = Wide(2)
    world.leaves("work", 0, path=(0,))
    world.fail(1)
    world.job("work", "FAILED", (0,), attempt=1, size=2)
    world.light("work", 1, 2, (0,), caught=True)
    assert started(world.commands)[-1] == "join"
    assert str(world.group("work", 0).caught) == "1"


def test_thousands_that_fall_back_are_few_submissions_and_a_bounded_state() -> None:
    world = Wide(10_000)
    for first in range(0, 10_000, 1000):
        world.fail(*range(first, first + 1000))
    (submission,) = [item for item in world.group("work", 0).submissions if item.fallback]
    assert str(submission.open) == "0-9999"
    assert len(submission.fallback) == TOLD_APART + 1
    assert sum(len(cause.members) for cause in submission.fallback) == 10_000


def test_beyond_some_failures_others_are_told_without_what_belongs_to_one_task() -> None:
    causes = [Caught(Ranges.of(member), 1, Failure("oom", "r", member, f"log/{member}")) for member in range(50)]
    causes += [Caught(Ranges.of(99), 1, Failure("spot", "gone", None, "log/99"))]
    *_, ooms, spots = told_together(causes)
    assert (str(ooms.members), ooms.failure) == (f"{TOLD_APART}-49", Failure("oom", "r"))
    assert (str(spots.members), spots.failure) == ("99", Failure("spot", "gone"))


def test_failures_alike_are_told_once_and_long_reasons_cut() -> None:
    causes = [Caught(Ranges.of(member), 1, Failure("config", "x" * 9999)) for member in range(3)]
    (cause,) = told_together(causes)
    assert (str(cause.members), len(cause.failure.reason)) == ("0-2", REASON_LIMIT)


def test_a_failure_that_the_runner_caught_has_its_line_of_history() -> None:
    world = catching()
    failure = OutcomeFailure(class_="program", type="ValueError", message="no luck")
    world.leaves("start", caught=True, caught_failure=failure)
    world.job("start", "SUCCEEDED")
    (line,) = world.group("start").history
    assert (line.attempt, line.failure.reason, line.caught) == (1, "ValueError: no luck", True)
    assert line.budget == "none: the step has no @retry"
    assert str(world.group("start").caught) == "0"


def test_a_failure_that_retry_does_not_take_is_caught_in_the_first_attempt() -> None:
    world = catching(retry={"times": 3, "minutes_between_retries": 0, "on": ["timeout"]})
    world.leaves_failure("start")
    world.job("start", "FAILED", exit_code=1)
    assert [(cause.attempt, cause.told) for cause in fallback_of(world).fallback] == [(1, True)]


def test_free_attempts_come_before_catch() -> None:
    world = catching()
    for _ in range(10):
        world.job("start", "FAILED", reason="Host EC2 (instance i-1) terminated.")
        assert not world.submission("start").fallback
    world.job("start", "FAILED", reason="Host EC2 (instance i-1) terminated.")
    assert fallback_of(world).attempt == 12
    assert world.group("start").history[-1].budget.startswith("none")


def test_what_pays_for_a_fallback_attempt_is_told() -> None:
    world = catching(**NEVER)
    world.job("start", "FAILED", **OOM)
    for attempt in range(2, 2 + FALLBACKS):
        world.happen(LightEnded(RUN, GroupKey("start"), 0, attempt, "the function died"))
    told = [(line.attempt, line.caught, line.budget) for line in world.group("start").history]
    assert told[1:] == [
        (2, True, "free: @catch is tried again"),
        (3, True, "free: @catch is tried again"),
        (4, False, "none: @catch could not go on either"),
    ]
