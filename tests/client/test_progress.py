"""How far a run is, from its stored state and from what Batch counts."""

from dataclasses import replace
from typing import Any

import pytest

from steprelay.cli.render.lines import counts
from steprelay.client.progress import step_progress
from steprelay.client.relay import JobSeen
from steprelay_core.state.model import Failure, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.client.fake_relay import FOREACH, LINE, failed_attempt, group, run_of, stored, submitted, waiting, won

ARRAY = submitted(Ranges.upto(1000), job_id="parent")


def test_what_the_relay_has_recorded_of_an_array_is_not_counted_twice() -> None:
    rest = replace(ARRAY, open=Ranges(((100, 999),)))
    state = stored(group("process", (0,), submissions=(rest,), won={1: Ranges.upto(100)}))

    jobs = {"parent": JobSeen("PENDING", None, {"RUNNING": 850, "SUCCEEDED": 150})}
    assert step_progress(FOREACH, state, jobs)[1].done == 150
    assert step_progress(FOREACH, state)[1].done == 100


def test_no_more_tasks_are_done_than_are_still_open() -> None:
    rest = replace(ARRAY, open=Ranges.of(3))
    state = stored(group("process", (0,), submissions=(rest,)))

    assert step_progress(FOREACH, state, {"parent": JobSeen("PENDING", None, {"SUCCEEDED": 1000})})[1].done == 1


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"submissions": (submitted(status="RUNNING"), submitted(status="RUNNABLE"))}, "running"),
        ({"submissions": (submitted(status="RUNNABLE"),), "waits": (waiting(2, 1, seconds=9),)}, "runnable"),
        ({"waits": (waiting(2, 1, seconds=9),), "failed": Ranges.of(0)}, "retrying"),
        ({"failed": Ranges.of(0), "won": {1: Ranges.of(1)}}, "failed"),
        ({"won": {1: Ranges.of(1)}}, "succeeded"),
        ({}, "waiting"),
    ],
)
def test_the_state_of_a_step_is_the_one_that_says_most(parts: dict[str, Any], said: str) -> None:
    assert step_progress(LINE, stored(group("train", **parts)))[1].state == said


def test_what_had_begun_when_a_run_was_cancelled_is_cancelled() -> None:
    state = stored(group("train", submissions=(submitted(status="RUNNING"),)), run=run_of(RunStatus.CANCELLED))

    assert step_progress(LINE, state)[1].state == "cancelled"


def test_the_groups_of_a_nested_foreach_are_added_up() -> None:
    inner = [won("process", path=(0, outer), members=Ranges.upto(3)) for outer in range(4)]
    failure = failed_attempt(0, 1, Failure("program", ""))
    retried = group("process", (0, 9), submissions=(submitted(attempt=2),), history=(failure,))

    told = step_progress(FOREACH, stored(*inner, retried))[1]
    assert (told.done, told.tasks, told.attempt, told.ended_at) == (12, 13, 2, None)


def test_tasks_that_wait_for_room_in_their_window_are_counted_as_queued() -> None:
    parts = {"submissions": (submitted(Ranges.upto(50)),), "queued": Ranges(((50, 999),))}
    told = step_progress(FOREACH, stored(group("process", (0,), **parts)))[1]

    assert (told.tasks, told.done, told.queued, told.state) == (1000, 0, 950, "submitted")
    assert counts(told) == "0/1,000, 950 queued"
