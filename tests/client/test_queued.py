"""Which jobs wait for a machine, where that is limited, as `runs show` tells it."""

from dataclasses import replace
from typing import Any

from steprelay.cli.render.queued import queued_line
from steprelay.cli.render.words import clock_time
from steprelay.client.queued import queued_jobs
from steprelay.client.relay import JobSeen
from steprelay_core.spec import Flow, validate_spec
from steprelay_core.state.model import RunStatus, Terms
from steprelay_core.state.ranges import Ranges
from tests.client.fake_relay import group, run_of, stored, submitted

SINCE, LIMIT = 1_790_000_000.0, 1800
STEP = {"command": ["true"], "batch": {"queue": ["spot", "arn:aws:batch:eu-west-1:123456789012:job-queue/backup"]}}


def flow(**more: Any) -> Flow:
    step = STEP | {"queue_timeout_seconds": LIMIT} | more
    return validate_spec({"spec_version": 1, "flow": "Flow", "start": "train", "steps": {"train": step}})


ONE = replace(submitted(status="RUNNABLE", job_id="job"), queued_at=SINCE)
ARRAY = replace(submitted(Ranges.upto(3), status="PENDING", job_id="job"), queued_at=SINCE)


def test_a_job_that_waits_is_told_with_its_queue_and_until_when_it_may() -> None:
    (queued,) = queued_jobs(flow(), stored(group("train", submissions=(ONE,))), {})
    assert (queued.task, queued.tasks, queued.queue) == ("train", 1, "spot")
    assert (queued.since, queued.limit, queued.until) == (SINCE, LIMIT, SINCE + LIMIT)
    since, until = clock_time(SINCE), clock_time(SINCE + LIMIT)
    assert queued_line(queued) == f"train waits since {since} in queue spot, at most 30 min (until {until})"


def test_an_attempt_on_another_queue_is_told_with_that() -> None:
    second = replace(ONE, attempt=2, terms=Terms(queue=1))
    (queued,) = queued_jobs(flow(), stored(group("train", submissions=(second,))), {})
    assert queued_line(queued).startswith("train, attempt 2, waits since")
    assert "in queue backup," in queued_line(queued)


def test_a_job_that_runs_and_a_step_without_a_limit_are_not_told() -> None:
    running = replace(ONE, status="RUNNING")
    assert queued_jobs(flow(), stored(group("train", submissions=(running,))), {}) == []
    assert queued_jobs(flow(queue_timeout_seconds=None), stored(group("train", submissions=(ONE,))), {}) == []


def test_a_run_that_has_ended_waits_for_nothing() -> None:
    state = stored(group("train", submissions=(ONE,)), run=run_of(RunStatus.CANCELLED))
    assert queued_jobs(flow(), state, {}) == []


def test_of_an_array_those_are_counted_that_batch_says_wait() -> None:
    state = stored(group("train", (0,), submissions=(ARRAY,)))
    (unknown,) = queued_jobs(flow(), state, {})
    assert (unknown.task, unknown.tasks) == ("train", 3)
    children = {f"job:{index}": JobSeen(status) for index, status in enumerate(("RUNNING", "RUNNABLE", "FAILED"))}
    assert [queued.tasks for queued in queued_jobs(flow(), state, children)] == [1]
    parent = {"job": JobSeen("PENDING", None, {"RUNNABLE": 2, "PENDING": 5, "RUNNING": 9})}
    assert [queued.tasks for queued in queued_jobs(flow(), state, parent)] == [7]
    assert queued_jobs(flow(), state, {"job": JobSeen("PENDING", None, {"RUNNING": 3})}) == []
