"""Dead letters on SQS."""

from steprelay_core.aws.clients import Clients
from steprelay_core.aws.dead_letters import SqsDeadLetters


def test_a_dead_letter_carries_its_reason_and_the_id_it_came_with(clients: Clients, queue_url: str) -> None:
    SqsDeadLetters(clients, queue_url).put("not json", "the message is not an event", "m-1")
    received = clients.sqs.receive_message(QueueUrl=queue_url, MessageAttributeNames=["All"])["Messages"]
    assert [message["Body"] for message in received] == ["not json"]
    attributes = received[0]["MessageAttributes"]
    assert attributes["reason"]["StringValue"] == "the message is not an event"
    assert attributes["message_id"]["StringValue"] == "m-1"


def test_a_reason_that_quotes_what_sqs_refuses_is_made_printable(clients: Clients, queue_url: str) -> None:
    SqsDeadLetters(clients, queue_url).put("x", "given \x00\ud800 " + "é" * 5000, "m-1")
    received = clients.sqs.receive_message(QueueUrl=queue_url, MessageAttributeNames=["All"])["Messages"]
    reason = received[0]["MessageAttributes"]["reason"]["StringValue"]
    assert reason.startswith("given    é")
    assert len(reason) == 1024
