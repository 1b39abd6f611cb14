"""A command line in surroundings of the test's choice: captured streams, a fake relay, no process of its own."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steprelay.cli.context import Connection, Context, Remark
from steprelay.cli.dispatch import run_command
from steprelay.cli.entry import Invocation
from steprelay.client.target import Where
from tests.client.fake_relay import FakeClock, FakeRelay

SPEC: dict[str, Any] = {
    "spec_version": 1,
    "flow": "Flow",
    "parameters": {
        "alpha": {"type": "float", "default": 0.1, "help": "learning rate"},
        "data_set": {"type": "str", "required": True},
        "fast": {"type": "bool", "default": True},
        "extra": {"type": "json"},
    },
    "steps": {
        "start": {"command": ["true"], "next": "train"},
        "train": {"command": ["true"], "batch": {}, "next": "end"},
        "end": {"command": ["true"]},
    },
}


@dataclass
class FakeRelays:
    """Hands out the same relay whoever asks, and remembers what was asked for.

    `up` tells whether it is there for those who start none.
    """

    relay: FakeRelay
    clock: FakeClock = field(default_factory=FakeClock)
    asked: list[tuple[Where | None, str | None, bool]] = field(default_factory=list)
    up: bool = False

    def connect(
        self, on: Where | None, stack: str | None, remark: Remark, *, start: bool = False, folder: Path | None = None
    ) -> Connection:
        self.asked.append((on, stack, start))
        return Connection(self.relay, self.clock.pace(), on or "local", stack or "local")

    def present(self, folder: Path) -> Connection | None:
        return Connection(self.relay, self.clock.pace(), "local", "local") if self.up else None


@dataclass
class Result:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> list[Any]:
        """stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class Shell:
    """Runs commands in a folder."""

    def __init__(self, folder: Path, relay: FakeRelay | None = None) -> None:
        self.folder = folder
        self.relay = relay or FakeRelay()
        self.relays = FakeRelays(self.relay)

    def __call__(self, *tokens: str, env: Mapping[str, str] | None = None, given: str = "") -> Result:
        out, err = io.StringIO(), io.StringIO()
        context = Context(self.relays, out, err, env or {}, self.folder, io.StringIO(given))
        code = run_command(context, Invocation(tokens))
        return Result(int(code), out.getvalue(), err.getvalue())

    def write_spec(self, **changes: Any) -> str:
        """A hand-written spec in the folder; its name on the command line."""
        path = self.folder / "steprelay.json"
        path.write_text(json.dumps({**SPEC, **changes}))
        return str(path)

    def write_flow(self, source: str, name: str = "flow.py") -> str:
        path = self.folder / name
        path.write_text(source)
        return str(path)
