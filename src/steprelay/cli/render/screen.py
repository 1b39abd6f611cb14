"""Where output goes: people's lines or JSON on stdout, remarks on stderr."""

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

# Tables sent into a pipe have no window to fit in.
PIPED_WIDTH = 160


class Screen:
    """The two streams of a command and the folder it is in. `as_json` leaves stdout to JSON alone."""

    def __init__(self, out: TextIO, err: TextIO, cwd: Path, *, as_json: bool = False) -> None:
        self.out = out
        self.err = err
        self.cwd = cwd
        self.as_json = as_json

    @property
    def interactive(self) -> bool:
        return self.out.isatty() and not self.as_json

    def line(self, text: str = "") -> None:
        """A line for people; nothing under `--json`."""
        if not self.as_json:
            self._write(self.out, text)

    def emit(self, value: dict[str, Any] | list[Any]) -> None:
        """One line of JSON; nothing without `--json`."""
        if self.as_json:
            self._write(self.out, json.dumps(value, ensure_ascii=False, default=str))

    def remark(self, text: str) -> None:
        """Something about what the command is doing, on stderr."""
        self._write(self.err, text)

    @cached_property
    def console(self) -> "Console":
        from rich.console import Console  # rich costs 50 ms, and most lines need none of it

        width = None if self.out.isatty() else PIPED_WIDTH
        return Console(file=self.out, width=width, highlight=False, quiet=self.as_json)

    def _write(self, stream: TextIO, text: str) -> None:
        stream.write(text + "\n")
        stream.flush()
