"""What stops nobody and is worth a line: warnings, and hints at good practice."""

from collections.abc import Iterable
from typing import Literal

from steprelay.cli.errors import Fault
from steprelay.cli.render.report import fault_lines
from steprelay.cli.render.screen import Screen
from steprelay.cli.source import Loaded


def say_oddities(screen: Screen, loaded: Loaded) -> None:
    """Those of a flow that was loaded."""
    say(screen, "warning", loaded.warnings)
    say(screen, "hint", loaded.hints)


def say(screen: Screen, kind: Literal["warning", "hint"], faults: Iterable[Fault]) -> None:
    for fault in faults:
        first, *rest = fault_lines(fault, screen.cwd)
        screen.remark("\n".join([f"{kind}: {first.strip()}", *rest]))
