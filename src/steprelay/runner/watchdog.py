"""In the working process: the step's time limit and the container's end, as exceptions in the main thread."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from steprelay.runner.progress import Progress
from steprelay.runner.supervise import RECLAIM_GRACE_SECONDS
from steprelay.sdk.exceptions import Reclaimed, TimeoutException

Handler = Callable[[int, FrameType | None], None]
RECLAIMED_EXIT_CODE = 128 + signal.SIGTERM


class TimeLimit:
    """A step's `@timeout`: once it has been reached, the attempt cannot succeed.

    The clock starts with the step's own first line. Importing the flow's file has a clock of its own: all steps of the
    file wait for that, in a cold container longer than in a warm one, and none of them is slow because of it.
    """

    def __init__(self, step: str, seconds: float | None, progress: Progress, import_seconds: float) -> None:
        self.reached = False
        self._text = ""
        self._step, self._seconds, self._progress, self._import_seconds = step, seconds, progress, import_seconds

    def of_import(self, file: str) -> contextlib.AbstractContextManager[None]:
        """For the import of the flow's file: the step's limit, but not less than `import_seconds`.

        Raises:
            TimeoutException: when the body takes longer.
        """
        seconds = None if self._seconds is None else max(self._seconds, self._import_seconds)
        return self._limit(seconds, f"importing {file} took longer than {duration(seconds or 0)}")

    def of_code(self) -> contextlib.AbstractContextManager[None]:
        """For the step's own code.

        Raises:
            TimeoutException: in the main thread, when the body takes longer than the limit; also at the end of one
                that swallowed it.
        """
        text = f"step {self._step!r} took longer than its @timeout of {duration(self._seconds or 0)}"
        return self._limit(self._seconds, text)

    def check(self) -> None:
        """Raises TimeoutException if the limit has been reached, whatever became of the first one."""
        if self.reached:
            raise TimeoutException(self._text)

    @contextlib.contextmanager
    def _limit(self, seconds: float | None, text: str) -> Iterator[None]:
        self._text = text
        if seconds is None:
            yield
            return

        def ring(_number: int, _frame: FrameType | None) -> None:
            if os.getpid() == process:  # a step's own children have the handler as well, should they want an alarm
                self.reached = True
                raise TimeoutException(text)

        process, before = os.getpid(), signal.signal(signal.SIGALRM, ring)
        self._progress.limit(seconds)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        until = time.monotonic() + seconds
        try:
            try:
                yield
            finally:
                # Also where the step took the alarm for itself. The clock rings once: behind this nothing interrupts.
                self.reached = self.reached or time.monotonic() >= until
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            self._progress.free()
        self.check()


class Reclaims:
    """SIGTERM in the working process: raised once in the main thread, and remembered if it is swallowed.

    `seconds`: how long a step has from then on. The watching process (`progress`) remembers it too, for steps and
    libraries that handle the signal themselves.
    """

    def __init__(self, progress: Progress, seconds: float = RECLAIM_GRACE_SECONDS) -> None:
        self._received = False
        self._progress, self._seconds = progress, seconds

    def listen(self) -> None:
        signal.signal(signal.SIGTERM, self._raise)
        _keep_from_forks(self._raise)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the watching process passes it on as SIGTERM

    def ignore(self) -> None:
        """From here on the attempt's end is being written down, and that is not interrupted.

        Raises:
            Reclaimed: if the signal has come already.
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self._received or self._progress.reclaimed:
            raise Reclaimed

    def _raise(self, _number: int, _frame: FrameType | None) -> None:
        if not self._received:
            self._received = True
            raise Reclaimed(self._seconds)


def _keep_from_forks(handler: Handler) -> None:
    """Let processes that the step forks, such as a pool's, end by SIGTERM as if they had never heard of us.

    It is held back while they are made: Python forgets signals that reach a handler in a process just forked, and a
    pool would wait for ever for the end of a worker that it has told to end.
    """
    masks = threading.local()

    def before() -> None:
        masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def restore() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.before)

    def in_fork() -> None:
        current = signal.getsignal(signal.SIGTERM)
        if current == handler or isinstance(current, _Held):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        restore()

    os.register_at_fork(before=before, after_in_parent=restore, after_in_child=in_fork)


class _Held:
    """A handler that only notes which signals have come."""

    def __init__(self) -> None:
        self.came: list[int] = []

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        self.came.append(number)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let timeouts and reclaims wait until the body is through: for what must not be left half done.

    Not a signal mask, which a process started in the body would inherit.
    """
    held = _Held()
    before = {number: signal.signal(number, held) for number in (signal.SIGTERM, signal.SIGALRM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        for number in held.came:
            signal.raise_signal(number)


def duration(seconds: float) -> str:
    """`2 h 30 min`, `90 s`: as people write limits."""
    if seconds >= 3600 and seconds % 60 == 0:
        hours, rest = divmod(int(seconds), 3600)
        return f"{hours} h" + (f" {rest // 60} min" if rest else "")
    if seconds >= 120 and seconds % 60 == 0:
        return f"{int(seconds) // 60} min"
    return f"{seconds:g} s"
