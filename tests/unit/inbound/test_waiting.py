"""Jobs that wait, as events and DescribeJobs tell of them."""

import json
from typing import Any

import pytest

from steprelay_core.inbound import Ignored, Unreadable, read_job_event
from steprelay_core.inbound.envelope import Envelope
from steprelay_core.inbound.job import read_job_change
from steprelay_core.inbound.waiting import needs_of, read_waiting
from steprelay_core.state.events import JobWaits
from steprelay_core.state.model import GroupKey
from steprelay_core.state.placement import Needs
from tests.fakes.payloads import bodies

ASKS = Needs(4, 16384, 0, 4)


def blocked(case: str, **changed: Any) -> JobWaits:
    event = json.loads(bodies("job_changed", case)[0])
    event["detail"] |= changed
    read = read_job_event(json.dumps(event), "steprelay")
    assert isinstance(read, JobWaits)
    return read


def looked(case: str, **changed: Any) -> JobWaits | None:
    """What a look at the job of a state change event tells."""
    detail = json.loads(bodies("job_changed", case)[0])["detail"] | changed
    envelope = Envelope.model_validate(
        {"source": "aws.batch", "detail-type": "Batch Job State Change", "detail": detail}
    )
    change = read_job_change(envelope, "steprelay")
    assert not isinstance(change, Ignored)
    return read_waiting(change, detail)


def test_a_job_that_blocks_its_queue_tells_what_it_asks_for_and_since_when_it_waits() -> None:
    event = blocked("queue_blocked_undetermined")
    assert (event.run, event.group) == ("RobustFlow-5f2a9c01d3e7", GroupKey("process", (0,)))
    assert (event.submission, event.index, event.blocked, event.waits) == ("1-0", None, True, True)
    assert event.queue.endswith(":job-queue/steprelay")
    assert (event.needs, event.since) == (ASKS, 1_790_000_000.0)
    assert event.reason.startswith("UNDETERMINED")


def test_the_child_of_an_array_that_blocks_its_queue_is_known_by_its_index() -> None:
    assert blocked("queue_blocked_in_array").index == 3


def test_a_blocked_job_without_a_status_waits_all_the_same() -> None:
    event = json.loads(bodies("job_changed", "queue_blocked_undetermined")[0])
    del event["detail"]["status"]
    read = read_job_event(json.dumps(event), "steprelay")
    assert isinstance(read, JobWaits)
    assert read.waits


def test_a_job_that_went_back_into_its_queue_waits_since_its_last_attempt() -> None:
    attempts = [{"stoppedAt": 1_790_000_100_000}, {"stoppedAt": 1_790_000_500_000}]
    assert blocked("queue_blocked_undetermined", attempts=attempts).since == 1_790_000_500.0


def test_nodes_need_the_largest_of_them_each_and_all_of_them_together() -> None:
    ranges = [node("0:0", 2, 2048), node("1:3", 8, 1024)]
    asks = needs_of({"nodeProperties": {"numNodes": 4, "nodeRangeProperties": ranges}})
    assert asks == Needs(8, 2048, 0, 8)


def node(target: str, vcpus: int, memory: int) -> dict[str, Any]:
    asks = [{"type": "VCPU", "value": str(vcpus)}, {"type": "MEMORY", "value": str(memory)}]
    return {"targetNodes": target, "container": {"resourceRequirements": asks}}


def test_gpus_are_needed_as_well() -> None:
    asks = [{"type": "GPU", "value": "2"}, {"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}]
    assert needs_of({"container": {"resourceRequirements": asks}}) == Needs(0.25, 512, 2, 0.25)


@pytest.mark.parametrize("detail", [{}, {"container": 1}, {"container": {"resourceRequirements": "x"}}])
def test_what_cannot_be_read_of_a_foreign_job_asks_for_nothing(detail: dict[str, Any]) -> None:
    assert needs_of(detail) == Needs()


def test_a_broken_event_of_a_job_of_ours_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="createdAt"):
        blocked("queue_blocked_undetermined", createdAt="yesterday")


@pytest.mark.parametrize(("case", "waits"), [("runnable_no_capacity", True), ("starting", False), ("running", False)])
def test_a_single_job_waits_while_it_is_runnable(case: str, waits: bool) -> None:
    event = looked(case)
    assert event is not None
    assert event.waits is waits
    assert bool(event.reason) is waits


@pytest.mark.parametrize("case", ["pending", "submitted", "failed_program", "succeeded"])
def test_who_waits_for_other_jobs_or_for_nothing_waits_for_no_machine(case: str) -> None:
    assert looked(case) is None


@pytest.mark.parametrize(
    ("summary", "waits"),
    [
        ({"RUNNABLE": 8}, True),
        ({"RUNNABLE": 5, "SUCCEEDED": 3}, True),
        ({"RUNNABLE": 7, "RUNNING": 1}, False),
        ({"RUNNABLE": 7, "STARTING": 1}, False),
        ({"PENDING": 8}, False),
        ({}, False),
    ],
)
def test_an_array_waits_if_children_do_and_none_is_at_work(summary: dict[str, int], waits: bool) -> None:
    event = looked("array_parent_pending", arrayProperties={"size": 8, "statusSummary": summary})
    assert event is not None
    assert event.waits is waits
