"""The queues that the light function writes to."""

import json
from typing import Any

import boto3
import pytest
from moto import mock_aws

from steprelay.runner.light_queues import LightQueues, Undelivered


def _received(sqs: Any, url: str) -> list[Any]:
    found: list[Any] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(message["Body"]) for message in messages]
    return found


def test_reports_of_any_number_and_what_is_left_reach_their_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        sqs = boto3.client("sqs", region_name="us-east-1")
        ends, light = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("ends", "light"))
        queues = LightQueues(sqs, ends, light)
        queues.report([{"member": member} for member in range(12)])
        queues.again({"members": [3, 4]})
        assert sorted(report["member"] for report in _received(sqs, ends)) == list(range(12))
        assert _received(sqs, light) == [{"members": [3, 4]}]


class _Refusing:
    def send_message_batch(self, **_: Any) -> Any:
        return {"Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}]}


def test_reports_that_sqs_does_not_take_bring_the_message_back() -> None:
    refusing: Any = _Refusing()
    with pytest.raises(Undelivered, match="SQS refused 1 of 2 reports"):
        LightQueues(refusing, "ends", "light").report([{}, {}])
