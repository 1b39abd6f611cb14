"""run_requested on every payload of events/run_requested."""

import json
from dataclasses import dataclass, field

import pytest

from functions.run_requested.app import respond
from steprelay_core.intake import request_run_id
from steprelay_core.ports import Deployment
from steprelay_core.state.model import Failure, Group, GroupKey, RunFailure, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.fakes.archives import spec
from tests.fakes.payloads import bodies, cases, payload
from tests.functions.world import NOW, World, log_lines

REPORT = spec(
    "ReportFlow",
    parameters={"day": {"default": "today"}, "limit": {"type": "int", "default": 10}},
    triggers=[{"event": "Orders Closed"}],
)
INVOICE = spec(
    "InvoiceFlow",
    parameters={"date": {"required": True}},
    triggers=[{"event": "Orders Closed", "parameters": {"date": "day"}}],
)
LIVE = "ReportFlow-5f2a9c01d3e7"
FAILED = "ReportFlow-0a1b2c3d4e5f"


@dataclass(frozen=True)
class Case:
    """The flows that start, what the bus hears, and words of each dead letter's reason."""

    started: list[str] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)
    buried: list[str] = field(default_factory=list)


def starts(*flows: str) -> Case:
    return Case(list(flows), ["Run Started"] * len(flows))


CASES = {
    "request": starts("ReportFlow"),
    "request_with_parameters": starts("ReportFlow"),
    "request_delivered_twice": starts("ReportFlow"),
    "request_without_event_id": starts("ReportFlow"),
    "request_not_deployed": Case([], ["Run Rejected"], ["flow 'UnknownFlow' is not deployed"]),
    "request_wrong_parameters": Case([], ["Run Rejected"], ["did you mean 'day'?"]),
    "schedule": starts("ReportFlow"),
    "schedule_delivered_twice": starts("ReportFlow"),
    "schedule_time_not_filled_in": starts("ReportFlow"),
    "cancel": Case([], ["Run Cancelled"]),
    "cancel_unknown_run": Case(),
    "event": starts("InvoiceFlow", "ReportFlow"),
    "event_nobody_waits_for": Case(),
    "event_without_what_a_flow_needs": Case(
        ["ReportFlow"], ["Run Rejected", "Run Started"], ["flow 'InvoiceFlow' was not started: parameters.date"]
    ),
    "own_announcement": Case(),
    "resume": Case([], ["Run Resumed"]),
    "resume_delivered_twice": Case([], ["Run Resumed"]),
    "resume_without_request": Case([], ["Run Resumed"]),
    "resume_live_run": Case(),
    "retry": Case([], ["Run Resumed"]),
    "retry_unknown_step": Case(),
    "poison_not_json": Case(buried=["not an event"]),
    "poison_no_flow": Case(buried=["'Run Requested' is not complete: flow"]),
    "poison_parameters_not_object": Case(buried=["'Run Requested' is not complete: parameters"]),
    "poison_cancel_without_run": Case(buried=["'Cancel Requested' is not complete: run"]),
    "poison_resume_without_run": Case(buried=["'Resume Requested' is not complete: run"]),
    "poison_retry_of_no_task": Case(buried=["'Retry Requested' is not complete: tasks: 'start.x' is not STEP"]),
    "mixed_batch": Case(["ReportFlow", "ReportFlow"], ["Run Started", "Run Started"], ["not an event"]),
}


def deployed() -> World:
    world = World()
    for document in (REPORT, INVOICE):
        digest = document["flow"][0] * 64
        world.keep(document, digest)
        world.store.deploy(Deployment(document["flow"], digest, 1.0, ("Orders Closed",)))
    world.run(REPORT, run=LIVE)
    cause = RunFailure("start", 1, Failure("program", "ValueError: boom", 1))
    failed = Group(GroupKey("start"), failed=Ranges.of(0), started_at=NOW - 100, ended_at=NOW - 50, tried=1)
    world.run(REPORT, failed, run=FAILED, status=RunStatus.FAILED, failure=cause, ended_at=NOW - 50)
    return world


def requested(case: str) -> World:
    world = deployed()
    assert respond(payload("run_requested", case), world.relay) == {"batchItemFailures": []}
    return world


def test_every_payload_of_the_folder_is_expected_here() -> None:
    assert set(cases("run_requested")) == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_a_message_leads_to_what_it_should_and_to_nothing_else(case: str) -> None:
    world, expected = requested(case), CASES[case]
    before = (LIVE, FAILED)
    assert sorted(stored.run.flow for run, stored in world.store.runs.items() if run not in before) == expected.started
    assert sorted(world.announced) == expected.announced
    assert len(world.reasons) == len(expected.buried)
    assert all(words in reason for words, reason in zip(expected.buried, world.reasons, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_a_redelivery_starts_nothing_anew_and_says_the_same(case: str) -> None:
    world = requested(case)
    before = {run: stored.run for run, stored in world.store.runs.items()}
    said = {event.id: event for event in world.bus.published}
    respond(payload("run_requested", case), world.relay)
    assert {run: stored.run for run, stored in world.store.runs.items()} == before
    assert {event.id: event for event in world.bus.published} == said


def only_run(world: World) -> str:
    (run,) = set(world.store.runs) - {LIVE, FAILED}
    return run


def test_whoever_put_the_request_on_the_bus_knows_the_runs_id() -> None:
    event_id = json.loads(bodies("run_requested", "request")[0])["id"]
    assert only_run(requested("request")) == request_run_id("ReportFlow", event_id)


def test_parameters_get_their_types() -> None:
    world = requested("request_with_parameters")
    assert world.stored(only_run(world)).run.parameters == {"day": "2026-09-21", "limit": 12}


def test_a_schedule_gives_its_own_parameters() -> None:
    world = requested("schedule")
    run = world.stored(only_run(world)).run
    assert run.parameters["day"] == "yesterday"
    assert run.origin.kind == "schedule"


def test_an_event_gives_parameters_by_name_or_as_the_trigger_maps_them() -> None:
    runs = {
        stored.run.flow: stored.run
        for run, stored in requested("event").store.runs.items()
        if run not in (LIVE, FAILED)
    }
    assert runs["ReportFlow"].parameters == {"day": "2026-09-21", "limit": 10}
    assert runs["InvoiceFlow"].parameters == {"date": "2026-09-21"}
    assert runs["InvoiceFlow"].origin.detail["name"] == "Orders Closed"


def test_a_cancellation_stops_the_run() -> None:
    assert requested("cancel").stored(LIVE).run.status is RunStatus.CANCELLED


@pytest.mark.parametrize("case", ["resume", "resume_delivered_twice", "resume_without_request", "retry"])
def test_a_failed_run_goes_on_with_a_second_attempt_of_what_failed(case: str) -> None:
    world = requested(case)
    run = world.stored(FAILED).run
    assert (run.status, run.failure, run.generation) == (RunStatus.RUNNING, None, 2)
    assert [message["brief"]["attempt"] for message in world.light.messages] == [2]


def test_a_rejected_request_is_announced_with_every_problem() -> None:
    (event,) = requested("request_wrong_parameters").bus.published
    assert event.detail["id"] == event.id
    assert event.detail["flow"] == "ReportFlow"
    assert [problem["path"] for problem in event.detail["problems"]] == ["parameters.dya", "parameters.limit"]


def test_the_log_names_the_run_that_started() -> None:
    with log_lines() as lines:
        world = requested("request")
    (line,) = lines
    assert (line["message"], line["run"]) == ("request fulfilled", only_run(world))
