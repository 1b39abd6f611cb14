"""Messages on the bus and from schedules, as what they ask for."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steprelay_core.inbound import BusEvent, Ignored, Request, RunRequested, Unreadable, read_request
from steprelay_core.state.events import CancelRequested, ResumeRequested, RetryRequested
from steprelay_core.state.model import TaskSelection
from tests.fakes.payloads import bodies


def read(case: str, message_id: str = "m-1") -> Request | Ignored:
    return read_request(bodies("run_requested", case)[0], message_id)


def run(case: str, message_id: str = "m-1") -> RunRequested:
    request = read(case, message_id)
    assert isinstance(request, RunRequested)
    return request


def test_a_request_names_flow_and_parameters() -> None:
    request = run("request_with_parameters")
    assert (request.flow, request.parameters) == ("ReportFlow", {"day": "2026-09-21", "limit": "12"})
    assert request.origin.kind == "request"


def test_a_request_over_the_bus_is_known_by_the_events_id() -> None:
    event_id = json.loads(bodies("run_requested", "request")[0])["id"]
    assert run("request", "m-1").request == run("request", "m-2").request == event_id


def test_a_request_without_an_event_id_is_known_by_its_message() -> None:
    assert run("request_without_event_id", "m-1").request == "m-1"


def test_a_schedule_is_known_by_its_name_and_hour_however_often_it_is_delivered() -> None:
    first, second = run("schedule", "m-1"), run("schedule", "m-2")
    assert first.request == second.request == "ReportFlow-0b61d4a2-9c1fe032@2026-09-21T06:00:00Z"
    assert first.origin.kind == "schedule"
    assert first.origin.detail["time"] == "2026-09-21T06:00:00Z"


def test_a_schedule_whose_hour_was_not_filled_in_is_known_by_its_message() -> None:
    request = run("schedule_time_not_filled_in", "m-7")
    assert request.request == "m-7"
    assert request.origin.detail == {"schedule": "ReportFlow-0b61d4a2-9c1fe032"}


def test_a_cancellation_names_the_run() -> None:
    event_id = json.loads(bodies("run_requested", "cancel")[0])["id"]
    assert read("cancel") == CancelRequested("ReportFlow-5f2a9c01d3e7", "wrong input", event_id)


def test_a_resume_is_known_by_the_senders_own_id_or_else_by_the_events() -> None:
    assert read("resume") == ResumeRequested("ReportFlow-0a1b2c3d4e5f", "6f1d2c3b4a596877")
    event_id = json.loads(bodies("run_requested", "resume_without_request")[0])["id"]
    assert read("resume_without_request") == ResumeRequested("ReportFlow-0a1b2c3d4e5f", event_id)


def test_a_retry_names_tasks_as_people_see_them() -> None:
    request = read("retry")
    assert isinstance(request, RetryRequested)
    assert (request.run, request.tasks, str(request.tasks)) == (
        "ReportFlow-0a1b2c3d4e5f",
        TaskSelection("start", ()),
        "start",
    )
    assert TaskSelection.parse("inner.3.1") == TaskSelection("inner", (3, 1))


def test_any_other_event_may_be_a_trigger() -> None:
    event = read("event")
    assert isinstance(event, BusEvent)
    assert (event.name, event.source, event.detail["day"]) == ("Orders Closed", "example.orders", "2026-09-21")


def test_the_relays_own_announcements_start_nothing() -> None:
    assert isinstance(read("own_announcement"), Ignored)


@pytest.mark.parametrize("name", ["Run Requested", "Cancel Requested", "Anything"])
def test_nothing_that_the_relay_says_itself_is_taken_for_a_request(name: str) -> None:
    said = {"source": "steprelay", "detail-type": name, "detail": {"flow": "F", "run": "F-1"}}
    assert isinstance(read_request(json.dumps(said), "m"), Ignored)


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("poison_not_json", "not an event"),
        ("poison_no_flow", "flow: Field required"),
        ("poison_parameters_not_object", "parameters: "),
        ("poison_cancel_without_run", "run: Field required"),
        ("poison_resume_without_run", "run: Field required"),
        ("poison_retry_of_no_task", "'start.x' is not STEP or STEP.SPLIT"),
    ],
)
def test_what_is_broken_is_unreadable_and_says_where(case: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        read(case)


@pytest.mark.parametrize(
    "name", ["Run Requested", "Cancel Requested", "Resume Requested", "Retry Requested", "Orders Closed"]
)
@given(
    detail=st.dictionaries(
        st.sampled_from(["flow", "run", "parameters", "schedule", "tasks", "request"]), st.none() | st.text()
    )
)
def test_whatever_a_detail_holds_it_is_a_request_or_unreadable(name: str, detail: dict[str, Any]) -> None:
    try:
        request = read_request(json.dumps({"source": "x", "detail-type": name, "detail": detail}), "m")
    except Unreadable:
        assert name != "Orders Closed"
    else:
        assert isinstance(request, Request)


@given(st.text())
def test_no_text_whatever_raises_anything_but_unreadable(body: str) -> None:
    with pytest.raises(Unreadable):
        read_request(body, "m")
