"""Sweeps at short intervals, where events get lost on purpose: nobody wants to watch the ones of every five minutes."""

import logging
import threading
from typing import Any

from steprelay.local.deployment import STACK

# Between two sweeps, and until a job is asked for.
SWEEP_SECONDS = 2

logger = logging.getLogger("steprelay.relay")


class Sweeping(threading.Thread):
    """Invokes the relay's sweep function again and again, one sweep after the other; `stop` ends it.

    `stacks`, `functions`: clients of CloudFormation and Lambda.
    """

    def __init__(self, stacks: Any, functions: Any) -> None:
        super().__init__(name="sweeping", daemon=True)
        self._stacks, self._functions = stacks, functions
        self._over = threading.Event()

    def stop(self) -> None:
        self._over.set()

    def run(self) -> None:
        found = self._stacks.describe_stack_resource(StackName=STACK, LogicalResourceId="SweepFunction")
        name = found["StackResourceDetail"]["PhysicalResourceId"]
        while not self._over.wait(SWEEP_SECONDS):
            try:
                self._functions.invoke(FunctionName=name)
            except Exception:
                # The next sweep makes up for a missed one; a relay that stops answers nobody.
                if not self._over.is_set():
                    logger.exception("a sweep failed")
