"""Our own timers, as typed events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steprelay_core.inbound import Ignored, Unreadable, read_timer_due
from steprelay_core.state.events import OutboxDue, QueueTimerDue, RunTimerDue, TimerDue
from steprelay_core.state.model import GroupKey
from tests.fakes.payloads import bodies


def read(case: str) -> TimerDue | RunTimerDue | OutboxDue | QueueTimerDue | Ignored:
    return read_timer_due(bodies("timer_due", case)[0])


def test_a_timer_names_the_attempt_that_waits_for_it() -> None:
    assert read("due") == TimerDue("RobustFlow-5f2a9c01d3e7", GroupKey("process", (0,)), attempt=2, member=3)
    assert read("outside_any_foreach") == TimerDue("RobustFlow-5f2a9c01d3e7", GroupKey("train"), attempt=2, member=0)


def test_a_timer_of_a_later_lap_names_it() -> None:
    detail = {"run": "Flow-1", "step": "work", "path": [0], "laps": [0, 2, 0], "attempt": 2, "member": 3}
    body = json.dumps({"source": "steprelay.timer", "detail-type": "Timer Due", "detail": detail})
    assert read_timer_due(body) == TimerDue("Flow-1", GroupKey("work", (0,), (0, 2)), attempt=2, member=3)


def test_the_timer_of_a_runs_limit_names_the_generation_that_it_was_set_for() -> None:
    assert read("run_limit") == RunTimerDue("RobustFlow-5f2a9c01d3e7", generation=2)


def test_the_timer_of_a_queues_limit_names_the_submission_whose_job_waits() -> None:
    assert read("queue_limit") == QueueTimerDue(
        "RobustFlow-5f2a9c01d3e7", GroupKey("inner", (0, 3)), "1-0", 1790000199.0
    )


def test_the_timer_of_a_queues_limit_tells_which_children_were_looked_at_before() -> None:
    detail = {"run": "Flow-1", "step": "work", "path": [0], "laps": [1], "submission": "1-0", "due": 9.5, "after": 499}
    body = json.dumps({"source": "steprelay.timer", "detail-type": "Queue Timer Due", "detail": detail})
    assert read_timer_due(body) == QueueTimerDue("Flow-1", GroupKey("work", (0,), (1,)), "1-0", 9.5, 499)


def test_a_timer_for_the_outbox_names_the_run() -> None:
    assert read("outbox_due") == OutboxDue("RobustFlow-5f2a9c01d3e7")


def test_what_is_no_timer_is_ignored() -> None:
    assert isinstance(read("not_a_timer"), Ignored)


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("poison_not_json", "not an event"),
        ("poison_no_run", "run: Field required"),
        ("poison_negative_attempt", "attempt: "),
        ("poison_run_limit_without_generation", "generation: Field required"),
    ],
)
def test_what_is_broken_is_unreadable_and_says_where(case: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        read(case)


@given(st.text())
def test_no_text_whatever_raises_anything_but_unreadable(body: str) -> None:
    with pytest.raises(Unreadable):
        read_timer_due(body)
