"""What every `Light` promises, on the fake and on SQS."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.stub import Stubber

from steprelay_core.aws.clients import Clients
from steprelay_core.aws.errors import Undelivered
from steprelay_core.aws.light import SqsLight
from steprelay_core.ports import Light
from tests.contract.queues import receive_all
from tests.fakes import MemoryLight


@dataclass
class Case:
    light: Light
    received: Callable[[], list[Any]]


@pytest.fixture(params=["memory", "sqs"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "memory":
        memory = MemoryLight()
        return Case(memory, lambda: memory.messages)
    clients, queue_url = request.getfixturevalue("clients"), request.getfixturevalue("queue_url")
    return Case(SqsLight(clients, queue_url), lambda: receive_all(clients, queue_url))


def test_every_message_arrives_as_it_was_given(case: Case) -> None:
    messages = [{"brief": f"runs/größe/{index}.json", "member": index} for index in range(25)]
    case.light.invoke(messages)
    assert sorted(case.received(), key=lambda message: message["member"]) == messages


def test_no_messages_are_no_call(case: Case) -> None:
    case.light.invoke([])
    assert case.received() == []


def test_messages_that_sqs_does_not_take_are_an_error_that_says_why(clients: Clients) -> None:
    failed = {"Id": "0", "SenderFault": True, "Code": "InvalidMessageContents", "Message": "no"}
    with Stubber(clients.sqs) as stub:
        stub.add_response("send_message_batch", {"Successful": [], "Failed": [failed]})
        with pytest.raises(Undelivered, match="1 of 2 light tasks: InvalidMessageContents no"):
            SqsLight(clients, "https://queue").invoke([{"member": 0}, {"member": 1}])
