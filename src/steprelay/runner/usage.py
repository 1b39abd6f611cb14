"""How much memory an attempt took at its peak."""

import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

_MIB = 1024 * 1024
# The same field counts bytes on a Mac and KiB elsewhere.
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Meter:
    """Reads peaks. `peak`: the kernel's record for the whole container, if there is one of its own.

    `limit_mib`: the memory of a job that no kernel holds to it (STEPRELAY_LOCAL_MEMORY).
    """

    peak: Path | None = None
    limit_mib: int | None = None

    def exceeds_limit(self) -> bool:
        """Whether this process or one of its children took more than the job has, mapped files left out."""
        if self.limit_mib is None:
            return False
        own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return max(own * _MAXRSS_UNIT - _mapped_bytes(), children * _MAXRSS_UNIT) > self.limit_mib * _MIB

    def of_this_process(self) -> int:
        """The peak up to now, MiB rounded up: the container's, else the largest of this process and its children."""
        sizes = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return self._whole_mib(max(sizes))

    def of_ended_process(self, used: resource.struct_rusage) -> int:
        """The same of a process that has been waited for with this answer."""
        return self._whole_mib(used.ru_maxrss)

    def _whole_mib(self, maxrss: int) -> int:
        return -(-(self._container_bytes() or maxrss * _MAXRSS_UNIT) // _MIB)

    def _container_bytes(self) -> int | None:
        try:
            return int(self.peak.read_text()) if self.peak else None
        except (OSError, ValueError):
            return None


def _mapped_bytes(status: Path = Path("/proc/self/status")) -> int:
    """The pages of files, libraries above all, that count as held by this process and that a kernel could take back."""
    try:
        lines = status.read_text(errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssFile:"))
    except (OSError, StopIteration):
        return 0


# Where other processes share whatever holds this one: a light function, a local job.
PROCESS_METER = Meter()


def container_meter(
    processes: tuple[int, int] | None = None, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")
) -> Meter:
    """The meter for the container that this process is the main one of, or for this process alone.

    A control group (version 2) is the container's own if it has a limit and `processes`, this one and its parent,
    hold the container's first process (an init may come before us). Anywhere else others count in it as well.
    """
    if 1 not in (processes or (os.getpid(), os.getppid())):
        return PROCESS_METER
    try:
        lines = (proc / "self/cgroup").read_text().splitlines()
        path = next(line.removeprefix("0::/") for line in lines if line.startswith("0::/"))
        peak = cgroups / path / "memory.peak"
        limited = peak.with_name("memory.max").read_text().strip() != "max"
        return Meter(peak if limited and peak.exists() else None)
    except (OSError, StopIteration):
        return PROCESS_METER
