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
    """Reads peaks. `peak`: the kernel's record for the whole container, if there is one of its own."""

    peak: Path | None = None

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
