"""How long a job may wait for a machine: when it is looked, who has waited too long, and what it is told."""

from typing import Any

import pytest

from steprelay_core.commands import CancelWaiting, Command, StartQueueTimer, SubmitJob
from steprelay_core.decide.overdue import TIMER_SILENCE, find_overdue
from steprelay_core.decide.waiting import LOOK_AGAIN, Waiter, judge_waiting, waited_too_long, waiters_of
from steprelay_core.state.events import JobSubmitted, LightEnded, QueueTimerDue, WaitingSeen
from steprelay_core.state.model import GroupKey, RunStatus
from tests.unit.decide.world import RUN, World, batch

TRAIN = GroupKey("train")
LIMIT = 600
QUEUES = {"batch": {"queue": ["spot", "on-demand"]}, "queue_timeout_seconds": LIMIT}
RETRY = {"retry": {"times": 2, "minutes_between_retries": 0}}
TIMED_OUT = "steprelay: queue timeout: waited 10 min in queue spot, at most 10 min allowed"


def submitted(**more: Any) -> World:
    """A run whose only step waits for a machine; its job was made when the world began."""
    world = World({"train": QUEUES | more}, start="train")
    world.happen(JobSubmitted(RUN, TRAIN, "1-0", "job-1", "name"))
    return world


def timers(commands: list[Command]) -> list[StartQueueTimer]:
    return [command for command in commands if isinstance(command, StartQueueTimer)]


def due(world: World, at: float) -> list[Command]:
    """The timer for `at` goes off."""
    return world.happen(QueueTimerDue(RUN, TRAIN, "1-0", at))


def seen(world: World, **told: Any) -> list[Command]:
    return world.happen(WaitingSeen(RUN, TRAIN, "1-0", "job-1", **{"since": None, "due": None} | told))


def test_the_time_begins_when_the_job_is_made_and_not_when_that_was_decided() -> None:
    world = World({"train": QUEUES}, start="train")
    world.now += 250
    world.happen(JobSubmitted(RUN, TRAIN, "1-0", "job-1", "name"))
    assert timers(world.commands) == [StartQueueTimer(TRAIN, "1-0", world.now + LIMIT)]
    assert world.submission("train").queued_at == world.now


def test_a_step_without_a_limit_starts_no_timer() -> None:
    world = World({"train": batch()}, start="train")
    world.happen(JobSubmitted(RUN, TRAIN, "1-0", "job-1", "name"))
    assert timers(world.commands) == []


def test_an_answer_that_was_lost_is_made_up_for_by_the_jobs_own_event() -> None:
    world = World({"train": QUEUES}, start="train")
    world.job("train", "RUNNABLE")
    assert timers(world.commands) == [StartQueueTimer(TRAIN, "1-0", world.now + LIMIT)]


def test_a_second_event_starts_no_second_timer() -> None:
    world = submitted()
    world.job("train", "RUNNABLE")
    assert len(timers(world.commands)) == 1


def test_batch_is_asked_when_the_time_is_over_whatever_is_stored() -> None:
    world = submitted()
    world.job("train", "RUNNING")
    world.now += LIMIT
    assert due(world, world.now) == [CancelWaiting(TRAIN, "1-0")]


def test_a_timer_that_comes_too_early_is_started_anew() -> None:
    world = submitted()
    assert due(world, 1000.0 + LIMIT) == [StartQueueTimer(TRAIN, "1-0", 1000.0 + LIMIT)]


def test_a_timer_whose_look_was_put_off_leaves_it_to_the_later_one() -> None:
    world = submitted()
    world.now += LIMIT
    seen(world, since=1300.0, due=1300.0 + LIMIT)
    assert due(world, 1000.0 + LIMIT) == []
    assert world.note == "it is too early to look"


def test_a_timer_of_an_attempt_that_is_over_does_nothing() -> None:
    world = submitted()
    world.leaves("train")
    world.job("train", "SUCCEEDED")
    world.now += LIMIT
    assert due(world, world.now) == []


def test_a_run_that_was_cancelled_asks_for_nothing() -> None:
    world = submitted()
    world.cancel()
    world.now += LIMIT
    assert due(world, world.now) == []


def test_a_job_that_has_started_is_not_looked_at_again() -> None:
    world = submitted()
    assert seen(world) == []
    assert world.submission("train").queue_due is None


def test_a_job_that_goes_back_to_its_queue_has_its_whole_time_again() -> None:
    world = submitted()
    world.job("train", "RUNNING")
    world.now += LIMIT
    seen(world)
    world.now += 5000
    world.job("train", "RUNNABLE", attempts=1)
    assert timers(world.commands)[-1] == StartQueueTimer(TRAIN, "1-0", world.now + LIMIT)


def test_before_its_first_look_as_well_it_is_said_to_wait_since_it_went_back() -> None:
    world = submitted()
    world.job("train", "RUNNING")
    world.now += 100
    world.job("train", "RUNNABLE", attempts=1)
    assert world.submission("train").queued_at == 1100.0
    assert len(timers(world.commands)) == 1


def test_others_that_are_left_are_looked_at_at_once() -> None:
    world = submitted()
    assert seen(world, due=2000.0, after=499) == [StartQueueTimer(TRAIN, "1-0", world.now, 499)]
    event = QueueTimerDue(RUN, TRAIN, "1-0", world.now, 499)
    assert world.happen(event) == [CancelWaiting(TRAIN, "1-0", 499)]


def test_what_was_seen_of_a_job_that_another_took_the_place_of_changes_nothing() -> None:
    world = submitted()
    before = world.submission("train")
    world.happen(WaitingSeen(RUN, TRAIN, "1-0", "job-2", None, None))
    assert world.submission("train") == before


def test_who_waited_too_long_goes_to_the_next_queue() -> None:
    world = submitted(**RETRY)
    commands = world.job("train", "FAILED", reason=TIMED_OUT, stopped=True)
    assert SubmitJob(TRAIN, "2-0") in commands
    assert world.submission("train").terms.queue == 1
    assert world.group("train").history[0].failure.class_ == "queue_timeout"


def test_a_run_fails_with_how_long_its_job_waited_and_where() -> None:
    world = World({"train": batch(queue_timeout_seconds=LIMIT)}, start="train")
    world.happen(JobSubmitted(RUN, TRAIN, "1-0", "job-1", "name"))
    world.job("train", "FAILED", reason=TIMED_OUT, stopped=True)
    assert world.run.status is RunStatus.FAILED
    assert world.run.failure is not None
    assert (world.run.failure.failure.class_, world.run.failure.failure.reason) == ("queue_timeout", TIMED_OUT)


def test_the_sweep_makes_up_for_a_timer_that_was_lost() -> None:
    world = submitted()
    last = 1000.0 + LIMIT
    at = last + TIMER_SILENCE
    assert find_overdue(world.run, world.groups, (), at).events == ()
    assert find_overdue(world.run, world.groups, (), at + 1).events == (QueueTimerDue(RUN, TRAIN, "1-0", last),)


def test_a_step_that_limits_waiting_is_chained_behind_no_other() -> None:
    steps = {
        "start": {"next": {"to": ["first"], "foreach": "items"}},
        "first": batch(next="second", queue_timeout_seconds=LIMIT),
        "second": batch(next="third", queue_timeout_seconds=LIMIT),
        "third": batch(next="join"),
        "join": {"join": True},
    }
    world = World(steps)
    world.leaves("start", foreach_count=3)
    world.happen(LightEnded(RUN, GroupKey("start"), 0, 1))
    assert {key.step for key in world.groups} == {"start", "first"}


# What Batch says, and what follows.

NOW = 10_000.0


def job(status: str = "RUNNABLE", created: float = 9_000.0, **more: Any) -> dict[str, Any]:
    arn = "arn:aws:batch:eu-west-1:123456789012:job-queue/spot"
    return {"jobId": "job-1", "status": status, "createdAt": created * 1000, "jobQueue": arn, **more}


@pytest.mark.parametrize("status", ["SUBMITTED", "PENDING", "RUNNABLE"])
def test_a_job_without_a_machine_waits_since_it_was_made(status: str) -> None:
    assert waiters_of([job(status, statusReason="CAPACITY:X")]) == [Waiter("job-1", 9_000.0, "spot", "CAPACITY:X")]


@pytest.mark.parametrize("status", ["STARTING", "RUNNING", "SUCCEEDED", "FAILED"])
def test_a_job_that_has_a_machine_does_not_wait(status: str) -> None:
    assert waiters_of([job(status)]) == []


def test_a_job_that_batch_tries_again_waits_since_its_last_attempt_ended() -> None:
    attempts = [{"stoppedAt": 9_100_000}, {"stoppedAt": 9_700_000}, {}]
    assert waiters_of([job(attempts=attempts)])[0].since == 9_700.0


def waiter(since: float) -> Waiter:
    return Waiter(f"job-{since:.0f}", since, "spot")


def test_nobody_is_overdue_before_the_time_is_over() -> None:
    judged = judge_waiting([waiter(NOW - LIMIT + 1)], LIMIT, NOW, array=False)
    assert (judged.overdue, judged.since, judged.due) == ((), NOW - LIMIT + 1, NOW + 1)


def test_who_has_waited_for_as_long_as_allowed_is_overdue_and_is_looked_at_again() -> None:
    judged = judge_waiting([waiter(NOW - LIMIT)], LIMIT, NOW, array=False)
    assert (judged.overdue, judged.since, judged.due) == ((waiter(NOW - LIMIT),), None, NOW + LOOK_AGAIN)


def test_of_an_array_those_are_overdue_who_have_waited_long_and_the_next_look_is_for_who_is_next() -> None:
    waiters = [waiter(NOW - 2 * LIMIT), waiter(NOW - 100), waiter(NOW - 550)]
    judged = judge_waiting(waiters, LIMIT, NOW, array=True)
    assert (judged.overdue, judged.since, judged.due) == ((waiters[0],), NOW - 550, NOW + 50)


def test_an_array_of_which_nobody_waits_is_looked_at_again_since_children_may_go_back() -> None:
    assert judge_waiting([], LIMIT, NOW, array=True).due == NOW + LIMIT
    assert judge_waiting([], 10, NOW, array=True).due == NOW + LOOK_AGAIN


@pytest.mark.parametrize(
    ("waited", "words"),
    [(45.9, "45 s"), (60, "1 min"), (95, "1 min 35 s"), (1859, "30 min 59 s"), (3600, "1 h"), (7530, "2 h 5 min")],
)
def test_the_reason_says_how_long_where_and_how_long_was_allowed(waited: float, words: str) -> None:
    told = waited_too_long(waiter(NOW - waited), 30, NOW)
    assert told == f"steprelay: queue timeout: waited {words} in queue spot, at most 30 s allowed"


def test_what_batch_itself_said_of_the_waiting_is_kept() -> None:
    told = waited_too_long(Waiter("job-1", NOW - 60, "spot", "CAPACITY:INSUFFICIENT - none left"), 30, NOW)
    assert told.endswith("at most 30 s allowed; CAPACITY:INSUFFICIENT - none left")
