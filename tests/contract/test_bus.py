"""What every `Bus` promises, on the fake and on EventBridge."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.stub import Stubber

from steprelay_core.aws.bus import EventBridgeBus
from steprelay_core.aws.clients import Clients
from steprelay_core.aws.errors import Undelivered
from steprelay_core.commands import Announce
from steprelay_core.ports import Bus
from tests.contract.queues import receive_all
from tests.fakes import MemoryBus

REFUSED = {"ErrorCode": "InternalFailure", "ErrorMessage": "try again"}
TAKEN = {"EventId": "1"}


@dataclass
class Case:
    """`seen`: (detail-type, detail) of every event that reached the bus."""

    bus: Bus
    seen: Callable[[], list[Any]]


@pytest.fixture(params=["memory", "eventbridge"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "memory":
        memory = MemoryBus()
        return Case(memory, lambda: [(event.detail_type, event.detail) for event in memory.published])
    clients, queue_url = request.getfixturevalue("clients"), request.getfixturevalue("queue_url")
    _listen(clients)
    return Case(
        EventBridgeBus(clients, "relay-bus"), lambda: [_read(event) for event in receive_all(clients, queue_url)]
    )


@pytest.fixture
def stub(clients: Clients) -> Iterator[Stubber]:
    with Stubber(clients.events) as stub:
        yield stub
        stub.assert_no_pending_responses()


def announce(index: int) -> Announce:
    return Announce(f"id-{index}", "Run Succeeded", {"id": f"id-{index}", "run": "größe"})


def test_every_event_reaches_the_bus_with_its_type_and_detail(case: Case) -> None:
    events = [announce(index) for index in range(25)]
    case.bus.publish(events)
    seen = sorted(case.seen(), key=lambda event: int(event[1]["id"].partition("-")[2]))
    assert seen == [(event.detail_type, event.detail) for event in events]


def test_no_events_are_no_call(case: Case) -> None:
    case.bus.publish([])
    assert case.seen() == []


def test_only_what_eventbridge_did_not_take_is_sent_again(clients: Clients, stub: Stubber) -> None:
    first, second = (_entry(announce(index)) for index in range(2))
    stub.add_response("put_events", {"FailedEntryCount": 1, "Entries": [TAKEN, REFUSED]}, {"Entries": [first, second]})
    stub.add_response("put_events", {"FailedEntryCount": 0, "Entries": [TAKEN]}, {"Entries": [second]})
    EventBridgeBus(clients, "relay-bus").publish([announce(0), announce(1)])


def test_what_eventbridge_keeps_refusing_is_an_error_that_says_why(clients: Clients, stub: Stubber) -> None:
    for _ in range(3):
        stub.add_response("put_events", {"FailedEntryCount": 1, "Entries": [REFUSED]})
    with pytest.raises(Undelivered, match="1 events, the first with InternalFailure try again"):
        EventBridgeBus(clients, "relay-bus").publish([announce(0)])


def _listen(clients: Clients) -> None:
    """Have a rule copy every event of the relay to the queue."""
    clients.events.create_event_bus(Name="relay-bus")
    clients.events.put_rule(Name="all", EventBusName="relay-bus", EventPattern=json.dumps({"source": ["steprelay"]}))
    clients.events.put_targets(
        Rule="all",
        EventBusName="relay-bus",
        Targets=[{"Id": "queue", "Arn": "arn:aws:sqs:eu-west-1:123456789012:relay-queue"}],
    )


def _read(event: Any) -> Any:
    return event["detail-type"], event["detail"]


def _entry(event: Announce) -> dict[str, str]:
    return {
        "EventBusName": "relay-bus",
        "Source": "steprelay",
        "DetailType": event.detail_type,
        "Detail": json.dumps(event.detail),
    }
