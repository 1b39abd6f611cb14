"""What a working child tells the process that watches it: lines on a pipe, all its parent can trust."""

import contextlib
import mmap
import os
from dataclasses import dataclass, field


class Progress:
    """The child's end. `told`: a byte of shared memory that its parent sets with the first SIGTERM."""

    def __init__(self, descriptor: int, told: mmap.mmap) -> None:
        self._descriptor, self._told = descriptor, told

    @property
    def reclaimed(self) -> bool:
        """Whether the container is being taken away, whoever has handled the signal."""
        return self._told[0] != 0

    def limit(self, seconds: float) -> None:
        """The step's own code starts now and may take this long."""
        self._say(f"limit {seconds}")

    def free(self) -> None:
        """The step's own code has ended; storing its results is not limited."""
        self._say("free")

    def group(self, process_group: int) -> None:
        """Another process group to end along with the child."""
        self._say(f"group {process_group}")

    def outcome(self, status: str) -> None:
        """The outcome is written; its status."""
        self._say(f"outcome {status}")

    def checkpoint(self, *, may_be_saved: bool) -> None:
        """Whether the checkpoint's folder is to be saved, and as a whole, should this process be gone."""
        self._say(f"checkpoint {int(may_be_saved)}")

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError):  # nobody watches any more
            os.write(self._descriptor, f"{line}\n".encode())


@dataclass
class Reported:
    """The parent's end: what was said so far. `limit`: seconds, set while the step's own code runs."""

    limit: float | None = None
    groups: list[int] = field(default_factory=list)
    outcome: str | None = None
    checkpoint: bool = False
    _rest: bytes = b""

    def read(self, data: bytes) -> bool:
        """Take in what came; whether the limit was set or lifted by it."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        changed = False
        for line in lines:
            word, _, value = line.decode().partition(" ")
            if word in {"limit", "free"}:
                self.limit = float(value) if word == "limit" else None
                changed = True
            elif word == "group":
                self.groups.append(int(value))
            elif word == "outcome":
                self.outcome = value
            elif word == "checkpoint":
                self.checkpoint = value == "1"
        return changed
