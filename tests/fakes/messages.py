"""Queues, timers and the bus as lists that a test reads."""

import json
import re
from collections.abc import Sequence
from typing import Any

from steprelay_core.commands import Announce


class MemoryLight:
    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def invoke(self, messages: Sequence[dict[str, Any]]) -> None:
        self.messages += [json.loads(json.dumps(message)) for message in messages]


class MemoryTimers:
    """`started` by name: (message, due). The same name is one timer, the first stays."""

    def __init__(self) -> None:
        self.started: dict[str, tuple[dict[str, Any], float]] = {}

    def start(self, name: str, message: dict[str, Any], due: float) -> None:
        self.started.setdefault(name, (json.loads(json.dumps(message)), due))

    def pop_due(self, now: float) -> list[dict[str, Any]]:
        """The messages whose time has come, oldest first; they are taken out."""
        ready = sorted((due, name) for name, (_, due) in self.started.items() if due <= now)
        return [self.started.pop(name)[0] for _, name in ready]


def timeless(name: str) -> str:
    """A timer's name but for the time at its end, which tells looks at one submission apart."""
    return re.sub(r":queue:\d+", ":queue", name)


class MemoryBus:
    def __init__(self) -> None:
        self.published: list[Announce] = []

    def publish(self, events: Sequence[Announce]) -> None:
        self.published += events
