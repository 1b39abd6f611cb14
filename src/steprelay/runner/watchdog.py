"""In the working process: the step's time limit and the container's end, as exceptions in the main thread."""

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

from steprelay.runner.progress import Progress
from steprelay.sdk.exceptions import TimeoutException

RECLAIMED_EXIT_CODE = 128 + signal.SIGTERM


class Reclaimed(BaseException):
    """The container is being taken away. Not an Exception, so that a step's `except Exception` lets it pass."""


@dataclass
class TimeLimit:
    """Whether the limit has been reached; once it has, the attempt cannot succeed."""

    reached: bool = False


@contextlib.contextmanager
def time_limit(limit: TimeLimit, seconds: float | None, step: str, progress: Progress) -> Iterator[None]:
    """Raise TimeoutException in the main thread when the body takes longer than `seconds`.

    Raises:
        TimeoutException: also at the end of a body that swallowed it.
    """
    if seconds is None:
        yield
        return
    text = f"step {step!r} took longer than its @timeout of {duration(seconds)}"

    def ring(_number: int, _frame: FrameType | None) -> None:
        limit.reached = True
        raise TimeoutException(text)

    before = signal.signal(signal.SIGALRM, ring)
    progress.limit(seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        progress.free()
    if limit.reached:
        raise TimeoutException(text)


class Reclaims:
    """SIGTERM in the working process: raised once in the main thread, and remembered if it is swallowed."""

    def __init__(self) -> None:
        self.received = False

    def listen(self) -> None:
        signal.signal(signal.SIGTERM, self._raise)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the watching process passes it on as SIGTERM

    def ignore(self) -> None:
        """From here on the attempt's end is being written down, and that is not interrupted.

        Raises:
            Reclaimed: if the signal has come already.
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.received:
            raise Reclaimed

    def _raise(self, _number: int, _frame: FrameType | None) -> None:
        if not self.received:
            self.received = True
            raise Reclaimed


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let timeouts and reclaims wait until the body is through: for what must not be left half done.

    Not a signal mask, which a process started in the body would inherit.
    """
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGTERM, signal.SIGALRM)
    }
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        for number in came:
            signal.raise_signal(number)


def duration(seconds: float) -> str:
    """`2 h 30 min`, `90 s`: as people write limits."""
    if seconds >= 3600 and seconds % 60 == 0:
        hours, rest = divmod(int(seconds), 3600)
        return f"{hours} h" + (f" {rest // 60} min" if rest else "")
    if seconds >= 120 and seconds % 60 == 0:
        return f"{int(seconds) // 60} min"
    return f"{seconds:g} s"
