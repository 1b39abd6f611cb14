"""The queues that the light function writes to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

# SendMessageBatch: at most 10 messages.
_TOGETHER = 10


class Undelivered(Exception):
    """SQS took only some of several messages. Those it took may come twice, which harms nobody."""


@dataclass(frozen=True)
class LightQueues:
    """`ends`: URL of the queue of job events, which the dispatcher reads; `light`: of the light queue."""

    sqs: "SQSClient"
    ends: str
    light: str

    def report(self, messages: Sequence[dict[str, Any]]) -> None:
        """Tell the dispatcher of ends, in one request for up to ten. Raises Undelivered."""
        for first in range(0, len(messages), _TOGETHER):
            part = messages[first : first + _TOGETHER]
            answer = self.sqs.send_message_batch(
                QueueUrl=self.ends,
                Entries=[{"Id": str(number), "MessageBody": json.dumps(each)} for number, each in enumerate(part)],
            )
            if answer.get("Failed"):
                raise Undelivered(f"SQS refused {len(answer['Failed'])} of {len(part)} reports: {answer['Failed'][0]}")

    def again(self, message: dict[str, Any]) -> None:
        """Send what there was no time for to another function."""
        self.sqs.send_message(QueueUrl=self.light, MessageBody=json.dumps(message))
