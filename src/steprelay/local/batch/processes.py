"""Which processes of this machine belong to which job: for memory, and for leaving nothing behind.

Every job leads a session. One pass over the process table, one cheap system call each, finds all members;
a session that a job's own child opened is recognised by AWS_BATCH_JOB_ID in its environment.
"""

import os
import signal
from collections import defaultdict
from collections.abc import Iterable

import psutil

BYTES_PER_MIB = 1024 * 1024


class Sessions:
    """The sessions of running jobs. Not thread-safe: the engine's thread owns it."""

    def __init__(self) -> None:
        self._owner: dict[int, str] = {}
        self._jobs: set[str] = set()
        self._foreign: set[int] = set()

    def add(self, leader: int, job_id: str) -> None:
        self._owner[leader] = job_id
        self._jobs.add(job_id)

    def remove(self, job_id: str) -> None:
        self._jobs.discard(job_id)
        self._owner = {session: owner for session, owner in self._owner.items() if owner != job_id}

    def members(self) -> dict[str, list[int]]:
        """Process ids by job id."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        seen: set[int] = set()
        for pid in psutil.pids():
            session = _session(pid)
            if session is None:
                continue
            seen.add(session)
            owner = self._owner.get(session) or self._adopt(session, pid)
            if owner is not None:
                found[owner].append(pid)
        self._foreign &= seen  # a process id that comes again may lead one of our sessions
        return found

    def kill(self, job_id: str) -> None:
        """SIGKILL to every process of the job that is left."""
        send(self.members().get(job_id, ()), signal.SIGKILL)

    def _adopt(self, session: int, pid: int) -> str | None:
        if session in self._foreign:
            return None
        owner = _environment(pid).get("AWS_BATCH_JOB_ID")
        if owner is None or owner not in self._jobs:
            self._foreign.add(session)
            return None
        self._owner[session] = owner
        return owner


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal processes, whether they still live or not."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def exceeds(pids: Iterable[int], limit_mib: int) -> bool:
    """Whether the processes hold more memory together than the limit.

    Resident sizes first, as they are cheap; only if those exceed, the proportional ones, because a
    container's limit counts pages that its processes share once.
    """
    limit = limit_mib * BYTES_PER_MIB
    known = list(pids)
    return sum(map(_resident, known)) > limit and sum(map(_proportional, known)) > limit


def _session(pid: int) -> int | None:
    if pid == 0:  # for getsid that is the caller
        return None
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _environment(pid: int) -> dict[str, str]:
    try:
        return psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return {}


def _resident(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _proportional(pid: int) -> int:
    try:
        full = psutil.Process(pid).memory_full_info()
    except psutil.Error:
        return _resident(pid)
    return int(getattr(full, "pss", full.uss))
