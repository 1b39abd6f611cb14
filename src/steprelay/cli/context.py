"""What commands are given from outside, so that tests can give them something else."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from steprelay.cli.render.screen import Screen
from steprelay.client.target import Where

if TYPE_CHECKING:
    from steprelay.client.pace import Pace
    from steprelay.client.relay import RelayClient

Remark = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Connection:
    """A relay that is there: how to talk to it, what to call it, how often to look."""

    client: "RelayClient"
    pace: "Pace"
    where: Where
    stack: str


class Relays(Protocol):
    """Finds relays."""

    def connect(
        self, on: Where | None, stack: str | None, remark: Remark, *, start: bool = False, folder: Path | None = None
    ) -> Connection:
        """The relay that is asked for; with `start`, an embedded one that is not up is started.

        The configuration that may name a stack is looked for from `folder` upwards, the current one unless given.

        Raises:
            UserError: if it is not there, or cannot be found.
        """

    def present(self, folder: Path) -> Connection | None:
        """The relay that commands use by themselves, if it is there: nothing is started, and nothing raised."""


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of one command; `given` is its standard input."""

    relays: Relays
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    cwd: Path = field(default_factory=Path.cwd)
    given: TextIO = field(default_factory=lambda: sys.stdin)

    def screen(self, *, as_json: bool = False) -> Screen:
        return Screen(self.out, self.err, self.cwd, as_json=as_json)
