"""The way of a batch through a function, whatever its messages are."""

from typing import Any

import pytest

from steprelay.relay.records import answer
from steprelay.relay.telemetry import about, logger
from steprelay_core.inbound import DeadLetter, Unreadable
from steprelay_core.state.events import CancelRequested
from tests.functions.world import MemoryDeadLetters, log_lines


def batch(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [{"messageId": f"m-{n}", "body": body, "eventSource": "aws:sqs"} for n, body in enumerate(bodies)]
    }


def failed(response: dict[str, Any]) -> list[str]:
    return [item["itemIdentifier"] for item in response["batchItemFailures"]]


def handle(body: str, _message_id: str) -> None:
    about(CancelRequested(f"run-{body}"))
    logger.info("seen")
    if body == "poison":
        raise Unreadable("it is poison")
    if body == "storm":
        raise ConnectionError("throttled")


def test_a_message_that_fails_is_the_only_one_to_come_again() -> None:
    seen: list[str] = []

    def one(body: str, message_id: str) -> None:
        seen.append(message_id)
        handle(body, message_id)

    assert failed(answer(batch("a", "storm", "b"), one, MemoryDeadLetters())) == ["m-1"]
    assert seen == ["m-0", "m-1", "m-2"]


def test_a_batch_of_failures_is_reported_message_by_message() -> None:
    assert failed(answer(batch("storm", "storm"), handle, MemoryDeadLetters())) == ["m-0", "m-1"]


def test_poison_is_moved_with_its_reason_and_does_not_come_again() -> None:
    letters = MemoryDeadLetters()
    assert failed(answer(batch("poison", "a"), handle, letters)) == []
    assert letters.letters == [("poison", "it is poison", "m-0")]


def test_poison_without_a_dead_letter_queue_is_left_to_sqs() -> None:
    assert failed(answer(batch("poison", "a"), handle, None)) == ["m-0"]


def test_poison_that_cannot_be_moved_comes_again() -> None:
    class Full(MemoryDeadLetters):
        def put(self, body: str, reason: str, message_id: str) -> None:
            raise ConnectionError("no queue")

    assert failed(answer(batch("poison"), handle, Full())) == ["m-0"]


def test_the_log_says_why_a_message_was_buried_or_failed_and_of_which_run() -> None:
    with log_lines() as lines:
        answer(batch("poison", "storm"), handle, MemoryDeadLetters())
    told = [(line["level"], line["message_id"], line["run"]) for line in lines if line["message"] != "seen"]
    assert told == [("ERROR", "m-0", "run-poison"), ("ERROR", "m-1", "run-storm")]
    assert next(line for line in lines if "reason" in line)["reason"] == "it is poison"
    assert "ConnectionError: throttled" in lines[-1]["exception"]


def test_the_keys_of_a_message_are_not_on_the_next_ones_lines() -> None:
    def only_the_first(body: str, _message_id: str) -> None:
        if body == "a":
            about(CancelRequested("run-a"))
        logger.info("seen")

    with log_lines() as lines:
        answer(batch("a", "b"), only_the_first, None)
    assert [line.get("run") for line in lines] == ["run-a", None]


def test_what_no_redelivery_mends_is_told_apart_by_its_type() -> None:
    assert issubclass(Unreadable, DeadLetter)
    with pytest.raises(DeadLetter):
        handle("poison", "m")
