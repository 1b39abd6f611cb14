"""Sweeps at short intervals, where events get lost on purpose: nobody wants to watch the ones of every five minutes."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from steprelay.local.deployment import STACK

# Between two sweeps, and until a job is asked for.
SWEEP_SECONDS = 2

logger = logging.getLogger("steprelay.relay")


class Sweeping(threading.Thread):
    """Invokes the relay's sweep function again and again, one sweep after the other; `stop` ends it.

    `client`: gives a client of a service; `seconds`: between the end of a sweep and the next one.
    """

    def __init__(self, client: Callable[[str], Any], seconds: float = SWEEP_SECONDS) -> None:
        super().__init__(name="sweeping", daemon=True)
        self._client, self._seconds = client, seconds
        self._over = threading.Event()

    def stop(self) -> None:
        self._over.set()

    def run(self) -> None:
        found = self._client("cloudformation").describe_stack_resource(
            StackName=STACK, LogicalResourceId="SweepFunction"
        )
        name, functions = found["StackResourceDetail"]["PhysicalResourceId"], self._client("lambda")
        while not self._over.wait(self._seconds):
            try:
                functions.invoke(FunctionName=name)
            except Exception:
                # The next sweep makes up for a missed one; a relay that stops answers nobody.
                if not self._over.is_set():
                    logger.exception("a sweep failed")
