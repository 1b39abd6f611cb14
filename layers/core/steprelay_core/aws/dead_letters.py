"""Dead letters with their reason, on the SQS queue that the template gives a function for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steprelay_core.aws.clients import Clients

# An attribute counts into the message's size, and a reason is for people.
_REASON_LIMIT = 1024


class SqsDeadLetters:
    """Puts a message where SQS would after its last receive, at once and with the attribute `reason`."""

    def __init__(self, clients: Clients, queue_url: str) -> None:
        self._clients = clients
        self._queue_url = queue_url

    def put(self, body: str, reason: str, message_id: str) -> None:
        self._clients.sqs.send_message(
            QueueUrl=self._queue_url,
            MessageBody=body,
            MessageAttributes={
                "reason": {"DataType": "String", "StringValue": _printable(reason)[:_REASON_LIMIT] or "unknown"},
                "message_id": {"DataType": "String", "StringValue": message_id},
            },
        )


def _printable(text: str) -> str:
    """SQS refuses control characters and half surrogates, and a reason quotes what somebody else wrote."""
    return "".join(character if character.isprintable() else " " for character in text)
