"""Hints from what the last runs of a flow used, gathered while a command does its own work.

Advice is worth no failure and hardly any time: whatever goes wrong is left unsaid, and what is late as well.
"""

from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

from steprelay.cli.context import Connection
from steprelay.cli.errors import Fault
from steprelay.cli.render.oddities import say
from steprelay.cli.render.screen import Screen

if TYPE_CHECKING:
    from steprelay_core.spec import Flow

# Seconds that the end of a command waits for advice: it had the whole command to come.
PATIENCE = 0.5


class Advice:
    """Begins to look at once, where the flow has steps on AWS Batch; `connect` finds the relay to ask, or none."""

    def __init__(self, connect: Callable[[], Connection | None], flow: "Flow") -> None:
        self._found: tuple[Fault, ...] = ()
        # A daemon: a relay that does not answer must not keep the process from ending.
        self._reader = Thread(target=self._read, args=(connect, flow), name="steprelay-advice", daemon=True)
        self._wanted = any(step.batch is not None for step in flow.spec.steps.values())
        if self._wanted:
            self._reader.start()

    def take(self, patience: float = PATIENCE) -> tuple[Fault, ...]:
        """What is known after at most `patience` seconds."""
        if self._wanted:
            self._reader.join(patience)
        return self._found

    def say(self, screen: Screen) -> None:
        say(screen, "hint", self.take())

    def _read(self, connect: Callable[[], Connection | None], flow: "Flow") -> None:
        with suppress(Exception):
            from steprelay.client.usage import memory_hints, peaks

            connection = connect()
            if connection is not None:
                hints = memory_hints(flow, peaks(connection.client, flow))
                self._found = tuple(Fault(hint.text, step=hint.step, hint=hint.advice) for hint in hints)
