"""Which processes of this machine belong to which job: for memory, and for leaving nothing behind.

Every job leads a session. One pass over the process table, one cheap system call each, finds all members;
a session that a job's own child opened is recognised by AWS_BATCH_JOB_ID in its environment, which a process forked
from a warm one shows only once it has started another program.
"""

import os
import signal
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class Held:
    """The memory of a process in bytes: its own, and the pages of files that it maps.

    Those a container may hold as well, but they are no reason to kill it: they can be read again.
    """

    own: int
    files: int = 0


def held(pid: int) -> Held:
    """What a process holds now."""
    sizes = _sizes(f"/proc/{pid}/status")
    if "RssAnon" in sizes:
        return Held(sizes["RssAnon"] + sizes["RssShmem"], sizes["RssFile"])
    try:
        return Held(int(psutil.Process(pid).memory_info().rss))
    except psutil.Error:
        return Held(0)


def exceed(sizes: dict[int, Held], limit_mib: int) -> bool:
    """Whether processes, by their ids, hold more memory together than the limit.

    What each holds first, as it is cheap; only if that exceeds, the proportional sizes, because a container's limit
    counts pages that its processes share once.
    """
    limit = limit_mib * BYTES_PER_MIB
    return sum(size.own for size in sizes.values()) > limit and sum(map(_proportional, sizes)) > limit


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


def _proportional(pid: int) -> int:
    sizes = _sizes(f"/proc/{pid}/smaps_rollup")
    if "Pss_Anon" in sizes:
        return sizes["Pss_Anon"] + sizes["Pss_Shmem"]
    try:
        full = psutil.Process(pid).memory_full_info()
    except psutil.Error:
        return held(pid).own
    return int(getattr(full, "pss", full.uss))


def _sizes(path: str) -> dict[str, int]:
    """The sizes that a file of Linux's /proc tells, in bytes; none on other systems, or of a process that is gone."""
    try:
        lines = Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return {}
    fields = (line.split() for line in lines if line.endswith(" kB"))
    return {name.rstrip(":"): int(size) * 1024 for name, size, _ in fields}
