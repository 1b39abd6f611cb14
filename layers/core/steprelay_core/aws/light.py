"""`Light` on an SQS queue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from steprelay_core.aws.chunks import chunks
from steprelay_core.aws.errors import Undelivered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steprelay_core.aws.clients import Clients

# SendMessageBatch: at most 10 messages.
_BATCH_LIMIT = 10


class SqsLight:
    """Raises `Undelivered` when SQS takes only some: those it took come twice, which the claim makes harmless."""

    def __init__(self, clients: Clients, queue_url: str) -> None:
        self._clients = clients
        self._queue_url = queue_url

    def invoke(self, messages: Sequence[dict[str, Any]]) -> None:
        for part in chunks(messages, _BATCH_LIMIT):
            answer = self._clients.sqs.send_message_batch(
                QueueUrl=self._queue_url,
                Entries=[{"Id": str(index), "MessageBody": json.dumps(message)} for index, message in enumerate(part)],
            )
            if answer.get("Failed"):
                first = answer["Failed"][0]
                raise Undelivered(
                    f"SQS refused {len(answer['Failed'])} of {len(part)} light tasks: "
                    f"{first['Code']} {first.get('Message', '')}".rstrip()
                )
