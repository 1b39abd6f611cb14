"""A container's ulimits, set on the process that stands for the container."""

import os
import resource
from collections.abc import Sequence
from dataclasses import dataclass

UNLIMITED = resource.RLIM_INFINITY

# Batch's names (Ulimit in the service model); `locks` is none of Python's. Not nproc: a container's user has no
# other processes, here it would count all of the person's.
_KINDS = {
    name: getattr(resource, f"RLIMIT_{name.upper()}")
    for name in (
        *("core", "cpu", "data", "fsize", "memlock", "msgqueue", "nice", "nofile", "rss", "rtprio", "rttime"),
        *("sigpending", "stack"),
    )
    if hasattr(resource, f"RLIMIT_{name.upper()}")
}


@dataclass(frozen=True, slots=True)
class Ulimit:
    """A soft and a hard limit, -1 for none."""

    name: str
    soft: int
    hard: int

    @property
    def is_known(self) -> bool:
        """Whether this system can limit a single process so."""
        return self.name in _KINDS


def impose(limits: Sequence[Ulimit]) -> None:
    """Set the limits of this very process, each as far as it may; what is refused is said on standard output.

    Runs between fork and exec.
    """
    for limit in limits:
        kind = _KINDS[limit.name]
        try:
            resource.setrlimit(kind, (limit.soft, limit.hard))
        except (OSError, ValueError):
            hard = _lower(limit.hard, resource.getrlimit(kind)[1])
            resource.setrlimit(kind, (_lower(limit.soft, hard), hard))
            text = f"local Batch: the ulimit {limit.name}={limit.soft}:{limit.hard} is more than this machine allows; "
            os.write(1, f"{text}it is {_lower(limit.soft, hard)}:{hard}\n".encode())


def _lower(one: int, other: int) -> int:
    if UNLIMITED in (one, other):
        return other if one == UNLIMITED else one
    return min(one, other)
