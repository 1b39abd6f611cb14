"""Processes as the relay tells them apart: itself, and everything that it or its children started."""

import contextlib
import os
import signal
import time
from dataclasses import dataclass

import psutil

# In the environment of all that a relay starts, its token.
MARK = "STEPRELAY_LOCAL_RELAY"


# Seconds.
_CLOCK_TOLERANCE = 2.0
_LOOK_AGAIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process for good: ids come again, an id with its start time (seconds since the epoch) does not."""

    pid: int
    started_at: float

    @classmethod
    def of(cls, pid: int) -> "ProcessId":
        """A process that runs now. Raises psutil.NoSuchProcess."""
        return cls(pid, psutil.Process(pid).create_time())

    @property
    def alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            return self._is(process) and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def _is(self, process: psutil.Process) -> bool:
        # Start times are counted from the boot, whose time moves when the clock is set; ids do not come round so fast.
        return abs(process.create_time() - self.started_at) < _CLOCK_TOLERANCE

    def send(self, number: signal.Signals) -> None:
        """Signal the process, if it still is the same."""
        if self.alive:
            _kill(self.pid, number)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within this time. One whose parent has not looked yet has ended."""
        deadline = time.monotonic() + seconds
        while self.alive and time.monotonic() < deadline:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                psutil.Process(self.pid).wait(_LOOK_AGAIN_SECONDS)
        return not self.alive


def marked(token: str) -> list[int]:
    """Ids of the live processes that a relay started, this one left out.

    A process that cleared its environment is found by its session, if the session's leader has not.
    """
    own = os.getpid()
    found, sessions = [], {}
    for process in psutil.process_iter():
        try:
            if process.pid != own and process.environ().get(MARK) == token:
                found.append(process.pid)
            elif process.pid != own:
                sessions[process.pid] = os.getsid(process.pid)
        except (psutil.Error, OSError):
            continue
    leaders = set(found)
    return found + [pid for pid, session in sessions.items() if session in leaders]


def kill_marked(token: str) -> list[int]:
    """SIGKILL all that a relay started; returns their ids. Repeats, as what is killed may just have forked."""
    killed: list[int] = []
    while left := [pid for pid in marked(token) if pid not in killed]:
        for pid in left:
            _kill(pid, signal.SIGKILL)
        killed += left
    return killed


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return
