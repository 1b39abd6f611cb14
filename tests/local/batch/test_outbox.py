"""Delivery to the sinks."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from steprelay.local.batch.outbox import DELIVERY_LINES, Outbox
from tests.local.batch.conftest import MakeLab
from tests.local.batch.harness import wait_until


class Sinks:
    """Sinks that wait until `open`; `refuse` makes the event sink fail."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.delivered: list[Any] = []
        self.refuse = False

    def event(self, event: dict[str, Any]) -> None:
        self.open.wait(30)
        self.delivered.append(event)
        if self.refuse:
            raise RuntimeError("the bus is down")

    def lines(self, group: str, stream: str, lines: list[tuple[int, str]]) -> None:
        self.open.wait(30)
        self.delivered.append((stream, len(lines)))


@pytest.fixture
def sinks() -> Iterator[Sinks]:
    sinks = Sinks()
    yield sinks
    sinks.open.set()


def test_events_and_lines_leave_in_the_order_in_which_they_came(sinks: Sinks) -> None:
    outbox = Outbox(sinks.event, sinks.lines)
    outbox.event({"n": 1})
    for n in range(3):
        outbox.lines("group", "stream", [(n, "text")])
    outbox.event({"n": 2})
    outbox.lines("group", "other", [(0, "text")])
    sinks.open.set()
    outbox.start()
    outbox.close(30)
    assert sinks.delivered == [{"n": 1}, ("stream", 3), {"n": 2}, ("other", 1)]


def test_a_delivery_of_lines_is_bounded(sinks: Sinks) -> None:
    outbox = Outbox(sinks.event, sinks.lines)
    for n in range(DELIVERY_LINES + 1):
        outbox.lines("group", "stream", [(n, "text")])
    sinks.open.set()
    outbox.start()
    outbox.close(30)
    assert sinks.delivered == [("stream", DELIVERY_LINES), ("stream", 1)]


def test_a_sink_that_fails_does_not_stop_the_deliveries_behind_it(sinks: Sinks) -> None:
    sinks.refuse = True
    sinks.open.set()
    outbox = Outbox(sinks.event, sinks.lines)
    outbox.start()
    outbox.event({"n": 1})
    outbox.event({"n": 2})
    outbox.close(30)
    assert sinks.delivered == [{"n": 1}, {"n": 2}]


def test_a_backlog_of_lines_is_congestion_until_it_is_delivered(sinks: Sinks) -> None:
    outbox = Outbox(sinks.event, sinks.lines, line_limit=2)
    outbox.start()
    outbox.lines("group", "stream", [(0, "text")] * 2)
    assert not outbox.congested
    for stream in ("b", "c"):
        outbox.lines("group", stream, [(0, "text")] * 2)
    assert outbox.congested
    sinks.open.set()
    wait_until(lambda: not outbox.congested)
    outbox.close(30)


def test_a_job_that_prints_more_than_the_sink_takes_is_slowed_down_and_loses_nothing(make_lab: MakeLab) -> None:
    lab = make_lab()
    lab.log_gate.clear()
    job_id = lab.shell("seq 1 150000")
    other = lab.shell("sleep 0.5", jobName="other")
    lab.reaches(other, "SUCCEEDED")  # the engine goes on, and what it can't hand over stays with the job
    assert lab.status(job_id) == "RUNNING"
    lab.log_gate.set()
    assert lab.ends(job_id)["status"] == "SUCCEEDED"
    assert [int(text) for text in lab.output(job_id)] == list(range(1, 150_001))
