"""Notices: what a run says of its jobs that do not start, and for how long."""

from dataclasses import replace
from typing import Any

import pytest

from steprelay_core.commands import Announce, Command
from steprelay_core.decide.notices import NOTICES_KEPT
from steprelay_core.state.events import CancelRequested, JobSubmitted, JobWaits
from steprelay_core.state.model import GroupKey, Notice, RunStatus
from steprelay_core.state.placement import Environment, Head, InstanceSize, Needs, QueueState
from tests.unit.decide.world import RUN, World, batch

START = GroupKey("start")
NO_CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested"
QUEUE = "arn:aws:batch:eu-west-1:123456789012:job-queue/big"
SIZES = (InstanceSize("c6i.large", 2, 4096),)
STATE = QueueState("big", environments=(Environment("ce", max_vcpus=256, sizes=SIZES),))
FITTING, TOO_LARGE = Needs(1, 1024, 0, 1), Needs(64, 1024, 0, 64)


def submitted(steps: dict[str, dict[str, Any]] | None = None) -> World:
    """A run whose first step's job AWS Batch has taken."""
    world = World(steps or {"start": batch()})
    world.happen(JobSubmitted(RUN, START, "1-0", "job-1", "name"))
    return world


def waits(**more: Any) -> JobWaits:
    given: dict[str, Any] = {"submission": "1-0", "job_id": "job-1", "since": 900.0, "needs": FITTING, "state": STATE}
    return JobWaits(RUN, START, queue=QUEUE, **(given | more))


def told(commands: list[Command]) -> list[Announce]:
    return [command for command in commands if isinstance(command, Announce) and command.detail_type == "Step Stuck"]


def noticed(event: JobWaits) -> Notice:
    world = submitted()
    world.happen(event)
    (notice,) = world.run.notices
    return notice


def test_what_batch_says_of_a_waiting_job_is_noticed_with_what_to_change() -> None:
    notice = noticed(waits(reason=NO_CAPACITY))
    assert (notice.class_, notice.queue, notice.since, notice.at) == ("capacity", "big", 900.0, 1000.0)
    assert notice.reason == NO_CAPACITY
    assert "name a second queue" in notice.change


def test_what_the_queue_does_not_have_is_noticed_before_batch_says_anything() -> None:
    notice = noticed(waits(needs=TOO_LARGE))
    assert notice.class_ == "config"
    assert notice.reason == "no instance type of queue big has 64 vCPU; the largest is c6i.large with 2"
    assert notice.change == "ask for less, or let ce start larger instance types"


def test_batchs_own_words_follow_what_was_found_out() -> None:
    said = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - too much"
    assert noticed(waits(needs=TOO_LARGE, reason=said)).reason.endswith(f"c6i.large with 2; {said}")


def test_a_job_that_only_waits_for_its_turn_is_not_noticed() -> None:
    world = submitted()
    assert world.happen(waits()) == []
    assert world.run.notices == ()


def test_a_job_that_blocks_its_queue_is_noticed_even_without_a_reason() -> None:
    assert noticed(waits(blocked=True, state=None)).class_ == "unknown"


def test_a_job_behind_one_that_does_not_start_is_noticed_with_that_job() -> None:
    notice = noticed(waits(head=Head("job-9", "other-flow", NO_CAPACITY, FITTING)))
    assert (notice.class_, notice.behind) == ("capacity", "job-9")
    assert notice.reason == f"job other-flow is ahead of it in queue big and does not start: {NO_CAPACITY}"
    assert "job-9" in notice.change


def test_a_job_ahead_that_can_never_start_is_known_by_what_it_asks_for() -> None:
    notice = noticed(waits(head=Head("job-9", "other-flow", "", TOO_LARGE)))
    assert (notice.class_, notice.behind) == ("config", "job-9")
    assert "has 64 vCPU" in notice.reason


def test_a_job_behind_one_that_only_waits_for_its_turn_is_not_noticed() -> None:
    world = submitted()
    world.happen(waits(head=Head("job-9", "other-flow", "", FITTING)))
    assert world.run.notices == ()


def test_what_batch_says_of_the_child_at_the_head_holds_for_its_array() -> None:
    notice = noticed(waits(head=Head("job-1:4", "name", NO_CAPACITY, FITTING)))
    assert (notice.reason, notice.behind) == (NO_CAPACITY, None)


def test_a_notice_is_announced_once_with_all_that_it_says() -> None:
    world = submitted()
    (event,) = told(world.happen(waits(reason=NO_CAPACITY)))
    assert event.id == f"{RUN}:step-stuck:start:0:1:capacity"
    wanted = {"step": "start", "task": "start", "tasks": 1, "attempt": 1, "queue": "big", "job": "job-1"}
    assert event.detail | wanted == event.detail
    assert (event.detail["class"], event.detail["reason"], event.detail["since"]) == ("capacity", NO_CAPACITY, 900.0)
    assert told(world.happen(waits(reason=NO_CAPACITY))) == []
    assert world.note == "nothing new is known of this job"


def test_more_that_is_found_out_changes_the_notice_and_another_class_is_announced_anew() -> None:
    world = submitted()
    world.happen(waits(reason=NO_CAPACITY, state=None))
    world.now = 1300.0
    assert [event.detail["class"] for event in told(world.happen(waits(needs=TOO_LARGE)))] == ["config"]
    (notice,) = world.run.notices
    assert (notice.class_, notice.at) == ("config", 1000.0)


def test_a_reason_that_is_gone_takes_its_notice_along() -> None:
    world = submitted()
    world.happen(waits(reason=NO_CAPACITY))
    world.happen(waits())
    assert world.run.notices == ()


def test_a_notice_stays_while_nobody_can_look_at_the_queue() -> None:
    world = submitted()
    world.happen(waits(reason=NO_CAPACITY))
    assert world.happen(waits(state=None)) == []
    assert len(world.run.notices) == 1


def test_a_late_word_of_somebody_who_has_not_looked_does_not_replace_what_was_found_out() -> None:
    world = submitted()
    world.happen(waits(needs=TOO_LARGE))
    before = world.run.notices
    assert world.happen(waits(reason=NO_CAPACITY, blocked=True, state=None)) == []
    assert world.run.notices == before


def test_a_job_of_which_nobody_tells_since_when_it_waits_waits_since_it_was_handed_over() -> None:
    assert noticed(waits(reason=NO_CAPACITY, since=0.0)).since == 1000.0


@pytest.mark.parametrize("status", ["STARTING", "RUNNING"])
def test_a_notice_goes_when_its_job_starts(status: str) -> None:
    world = submitted()
    world.happen(waits(reason=NO_CAPACITY))
    world.job("start", status)
    assert world.run.notices == ()


def test_a_notice_goes_when_its_array_has_ended_though_not_all_children_have_told_how() -> None:
    world = fanned_out(1)
    block(world, 0)
    group = world.groups[GroupKey("inner", (0, 0))]
    ended = tuple(replace(submission, status="FAILED") for submission in group.submissions)
    world.groups[group.key] = replace(group, submissions=ended)
    world.job("inner", "RUNNING", path=(0, 0), job_id="job-0")
    assert world.run.notices == ()


def test_a_late_word_of_a_job_that_has_started_is_not_noticed() -> None:
    world = submitted()
    world.job("start", "RUNNING")
    world.happen(waits(reason=NO_CAPACITY, blocked=True))
    assert world.run.notices == ()
    assert world.note == "the job has started since"


def test_a_job_that_batch_put_back_into_its_queue_may_be_noticed_again() -> None:
    world = submitted()
    world.job("start", "RUNNING", attempts=0)
    world.job("start", "RUNNABLE", attempts=1)
    world.happen(waits(reason=NO_CAPACITY))
    assert len(world.run.notices) == 1


def test_a_look_that_finds_children_at_work_takes_the_notice_of_their_array_away() -> None:
    world = submitted()
    world.happen(waits(reason=NO_CAPACITY))
    world.happen(waits(waits=False, state=None))
    assert world.run.notices == ()


def test_a_notice_goes_with_the_attempt_it_is_about() -> None:
    world = submitted({"start": batch(retry={"times": 1, "minutes_between_retries": 0})})
    world.happen(waits(reason=NO_CAPACITY))
    world.job("start", "FAILED", reason="Host EC2 (instance i-1) terminated.")
    assert world.submission("start").attempt == 2
    assert world.run.notices == ()


def test_a_run_that_is_cancelled_has_no_notices() -> None:
    world = submitted()
    world.happen(waits(reason=NO_CAPACITY))
    world.happen(CancelRequested(RUN))
    assert world.run.status is RunStatus.CANCELLED
    assert world.run.notices == ()


@pytest.mark.parametrize("other", [{"job_id": "job-2"}, {"submission": "2-0"}])
def test_a_job_that_does_not_count_is_not_noticed(other: dict[str, str]) -> None:
    world = submitted()
    world.happen(waits(reason=NO_CAPACITY, **other))
    assert world.run.notices == ()


def test_a_state_change_that_says_why_the_job_waits_is_noticed_by_its_words() -> None:
    world = submitted()
    world.job("start", "RUNNABLE", reason=NO_CAPACITY, queue=QUEUE)
    (notice,) = world.run.notices
    assert (notice.class_, notice.queue, notice.reason) == ("capacity", "big", NO_CAPACITY)


def test_a_state_change_says_nothing_anew_of_what_was_found_out_before() -> None:
    world = submitted()
    world.happen(waits(needs=TOO_LARGE))
    before = world.run.notices
    world.job("start", "RUNNABLE", reason=NO_CAPACITY, queue=QUEUE)
    assert world.run.notices == before


def fanned_out(splits: int) -> World:
    """Each split of a foreach starts a foreach of its own: as many groups, each with a job."""
    steps = {
        "start": {"next": {"to": ["outer"], "foreach": "xs"}},
        "outer": {"next": {"to": ["inner"], "foreach": "ys"}},
        "inner": batch(next="join_inner"),
        "join_inner": {"join": True, "next": "join"},
        "join": {"join": True},
    }
    world = World(steps)
    world.light("start", foreach_count=splits)
    for member in range(splits):
        world.light("outer", member, path=(0,), foreach_count=2)
    return world


def block(world: World, split: int, **more: Any) -> list[Announce]:
    event = replace(waits(reason=NO_CAPACITY, **more), group=GroupKey("inner", (0, split)), job_id=f"job-{split}")
    return told(world.happen(event))


def test_what_many_tasks_of_a_step_wait_for_is_announced_once() -> None:
    world = fanned_out(3)
    assert [len(block(world, split)) for split in range(3)] == [1, 0, 0]
    assert len(world.run.notices) == 3


def test_a_run_keeps_so_many_notices_and_takes_up_another_when_one_goes() -> None:
    world = fanned_out(NOTICES_KEPT + 2)
    for split in range(NOTICES_KEPT + 2):
        block(world, split)
    assert len(world.run.notices) == NOTICES_KEPT
    block(world, 0, waits=False)
    block(world, NOTICES_KEPT + 1)
    assert world.run.notices[-1].group == GroupKey("inner", (0, NOTICES_KEPT + 1))


def test_notices_change_neither_tasks_nor_the_end_of_a_run() -> None:
    world = submitted()
    before = world.groups
    world.happen(waits(reason=NO_CAPACITY))
    assert world.groups == before
    world.leaves("start")
    world.job("start", "SUCCEEDED")
    assert (world.run.status, world.run.notices) == (RunStatus.SUCCEEDED, ())
