"""Waiting for another process with a deadline."""

import time
from collections.abc import Callable

DEADLINE = 30.0


def until(happened: Callable[[], bool], what: str) -> None:
    """Look again and again until it has happened.

    Raises:
        AssertionError: if it has not within the deadline.
    """
    end = time.monotonic() + DEADLINE
    while not happened():
        if time.monotonic() > end:
            raise AssertionError(f"not within {DEADLINE:.0f} s: {what}")
        time.sleep(0.01)
