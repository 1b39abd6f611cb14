"""Running work in a forked child, and the parent that watches it.

The parent outlives whatever the step does: a crash, an ignored timeout, code that never gives the
interpreter back. As the first process of a container it could not be killed from within either.
"""

import atexit
import contextlib
import ctypes
import mmap
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal, NoReturn

from steprelay.runner.progress import Progress, Reported

Stopped = Literal["timeout", "deadline", "memory", "reclaim"]

# After its limit, code has this long to take the TimeoutException.
TIMEOUT_GRACE_SECONDS = 5.0
# ECS kills 30 s after SIGTERM; so we are done before.
RECLAIM_GRACE_SECONDS = 25.0
# However short a step's limit is, its file may take this long to be imported.
IMPORT_SECONDS = 60.0
_MEMORY_SAMPLE_SECONDS = 0.25
# How long a poll may last where nothing wakes it: for signals, and for kernels without pidfd.
_NAP_SECONDS, _SHORT_NAP_SECONDS = 1.0, 0.01
_CRASHED = 70
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1
_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Limits:
    """`deadline`: monotonic seconds by which the child must be gone; `memory_mib`: for parent and child together.

    `import_seconds`: what a step with a shorter time limit has for the import of its file.
    """

    deadline: float | None = None
    memory_mib: int | None = None
    timeout_grace: float = TIMEOUT_GRACE_SECONDS
    reclaim_grace: float = RECLAIM_GRACE_SECONDS
    import_seconds: float = IMPORT_SECONDS


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended. `code`: exit code, negative for the signal that ended it.

    `stopped`: why we ended it, if we did; `outcome`: the status of the outcome it wrote, if it wrote one;
    `used`: what it and the processes it waited for have used; `checkpoint`: whether it left one that nobody saved.
    """

    code: int
    stopped: Stopped | None
    outcome: str | None
    used: resource.struct_rusage
    checkpoint: bool = False


def supervise(
    work: Callable[[Progress], int], limits: Limits, *, output: int | None = None, forward_signals: bool = False
) -> Ending:
    """Run `work` in a forked child of a process group of its own and wait for its end; nothing of it is left.

    `output`: a descriptor that gets the child's stdout and stderr, with stdin empty. `forward_signals`: SIGTERM
    and SIGINT to this process go to the child as SIGTERM (the main thread only).
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    # Held back until both sides have their handlers: a signal in between would go by one of them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING_SIGNALS)
    parent, told = os.getpid(), mmap.mmap(-1, 1)
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _be_child(work, Progress(writing, told), output, parent)
    os.close(writing)
    os.set_blocking(reading, False)
    _own_group(pid)
    watch = _Watch(pid, reading, limits, told)
    try:
        with watch.forwarding() if forward_signals else contextlib.nullcontext():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING_SIGNALS)
            return watch.wait()
    finally:
        os.close(reading)
        told.close()


def _be_child(work: Callable[[Progress], int], progress: Progress, output: int | None, parent: int) -> NoReturn:
    code = _CRASHED
    try:
        for number in _ENDING_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING_SIGNALS)
        # What the parent wants done at its exit is not the child's to do; what the step registers is.
        atexit._clear()  # noqa: SLF001 - as multiprocessing does after its forks
        _own_group(0)
        _die_with_parent(parent)
        _take_streams(output)
        code = work(progress)
        atexit._run_exitfuncs()  # noqa: SLF001
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _own_group(pid: int) -> None:
    """Called by both sides, since either may be first."""
    with contextlib.suppress(OSError):
        os.setpgid(pid, 0)


def _die_with_parent(parent: int) -> None:
    """Where Linux runs us: nobody watches a child whose parent was killed, so it shall not go on."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(_CRASHED)


def _take_streams(output: int | None) -> None:
    if output is not None:
        with Path(os.devnull).open() as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = os.fdopen(1, "w", buffering=1, errors="backslashreplace", closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    elif hasattr(sys.stdout, "reconfigure"):
        # Lines shall be in the log when they are printed, not when a buffer is full.
        sys.stdout.reconfigure(line_buffering=True)


class _Watch:
    def __init__(self, pid: int, reading: int, limits: Limits, told: mmap.mmap) -> None:
        self._pid, self._reading, self._limits, self._told = pid, reading, limits, told
        self._reported = Reported()
        self._stopped: Stopped | None = None
        self._killed = False
        # When the child must be gone (monotonic seconds), by reason.
        self._due: dict[Stopped, float] = {} if limits.deadline is None else {"deadline": limits.deadline}
        self._next_sample = time.monotonic() + _MEMORY_SAMPLE_SECONDS

    def wait(self) -> Ending:
        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        exit_descriptor = _exit_descriptor(self._pid)
        if exit_descriptor is not None:
            poll.register(exit_descriptor, select.POLLIN)
        open_pipe = True
        try:
            while not self._exited():
                self._kill_if_due()
                poll.poll(self._nap(exit_descriptor is not None) * 1000)
                if open_pipe and not self._listen():
                    open_pipe = False
                    poll.unregister(self._reading)
        finally:
            if exit_descriptor is not None:
                os.close(exit_descriptor)
        self._listen()
        # Before the child is reaped: until then its number cannot belong to another group.
        self._signal(signal.SIGKILL)
        _, status, used = os.wait4(self._pid, 0)
        said = self._reported
        return Ending(os.waitstatus_to_exitcode(status), self._stopped, said.outcome, used, said.checkpoint)

    @contextlib.contextmanager
    def forwarding(self) -> Iterator[None]:
        """Pass SIGTERM and SIGINT on to the child for as long as this lasts."""
        before = {number: signal.signal(number, self._reclaim) for number in _ENDING_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _reclaim(self, _number: int, _frame: FrameType | None) -> None:
        self._stopped = self._stopped or "reclaim"
        self._told[0] = 1
        self._due.setdefault("reclaim", time.monotonic() + self._limits.reclaim_grace)
        self._signal(signal.SIGTERM)

    def _exited(self) -> bool:
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _listen(self) -> bool:
        """Take in what the child has said; whether it may say more."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._reading, 4096):
                if self._reported.read(data):
                    self._limit_changed()
            return False
        return True

    def _limit_changed(self) -> None:
        self._due.pop("timeout", None)
        if self._reported.limit is not None:
            self._due["timeout"] = time.monotonic() + self._reported.limit + self._limits.timeout_grace

    def _kill_if_due(self) -> None:
        now = time.monotonic()
        for reason, due in self._due.items():
            if now >= due:
                self._kill(reason)
                return
        if self._limits.memory_mib is not None and now >= self._next_sample:
            self._next_sample = now + _MEMORY_SAMPLE_SECONDS
            if memory_mib(self._pid) + memory_mib(os.getpid()) > self._limits.memory_mib:
                self._kill("memory")

    def _kill(self, reason: Stopped) -> None:
        self._stopped = self._stopped or reason
        self._killed = True
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # SIGTERM is for the child alone, which ends its groups itself.
        groups = (self._pid,) if number == signal.SIGTERM else (self._pid, *self._reported.groups)
        for group in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)

    def _nap(self, wakes_at_exit: bool) -> float:
        nap = _NAP_SECONDS if wakes_at_exit else _SHORT_NAP_SECONDS
        if self._limits.memory_mib is not None:
            nap = min(nap, _MEMORY_SAMPLE_SECONDS)
        if self._due and not self._killed:
            nap = min(nap, max(0.0, min(self._due.values()) - time.monotonic()))
        return nap


def _exit_descriptor(pid: int) -> int | None:
    """Readable when the process has ended; None where the system has no such thing."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def memory_mib(pid: int) -> float:
    """What a process holds, with pages shared between processes counted in parts; 0 where unknown."""
    try:
        with Path(f"/proc/{pid}/smaps_rollup").open() as lines:
            return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    except OSError:
        return 0.0
