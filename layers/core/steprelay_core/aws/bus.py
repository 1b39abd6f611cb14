"""`Bus` on EventBridge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from steprelay_core.aws.chunks import chunks
from steprelay_core.aws.errors import Undelivered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    from steprelay_core.aws.clients import Clients
    from steprelay_core.commands import Announce

SOURCE = "steprelay"
# PutEvents: at most 10 entries.
_BATCH_LIMIT = 10
_TRIES = 3


class EventBridgeBus:
    """PutEvents answers 200 for entries it did not take: they are sent again, then raised as `Undelivered`."""

    def __init__(self, clients: Clients, bus: str) -> None:
        self._clients = clients
        self._bus = bus

    def publish(self, events: Sequence[Announce]) -> None:
        for part in chunks(events, _BATCH_LIMIT):
            self._put([self._entry(event) for event in part])

    def _entry(self, event: Announce) -> PutEventsRequestEntryTypeDef:
        return {
            "EventBusName": self._bus,
            "Source": SOURCE,
            "DetailType": event.detail_type,
            "Detail": json.dumps({"id": event.id, **event.detail}),
        }

    def _put(self, entries: list[PutEventsRequestEntryTypeDef]) -> None:
        failed: list[str] = []
        for _ in range(_TRIES):
            answer = self._clients.events.put_events(Entries=entries)
            results = list(zip(entries, answer["Entries"], strict=True))
            failed = [
                f"{result['ErrorCode']} {result.get('ErrorMessage', '')}"
                for _, result in results
                if "ErrorCode" in result
            ]
            entries = [entry for entry, result in results if "ErrorCode" in result]
            if not entries:
                return
        raise Undelivered(f"EventBridge refused {len(entries)} events, the first with {failed[0].rstrip()}")
