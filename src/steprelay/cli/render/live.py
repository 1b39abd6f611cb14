"""The live table of a terminal: a row for each step, output and failures scrolling above it."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.table import Table
from rich.text import Text

from steprelay.cli.render import lines
from steprelay.cli.render.screen import Screen
from steprelay.cli.render.texts import change_lines
from steprelay.cli.render.words import duration
from steprelay.client.changes import (
    AttemptFailed,
    Change,
    HookChanged,
    JobStuck,
    OutputLine,
    RunEnded,
    RunSeen,
    StepProgress,
    Waiting,
)

STYLES = {
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
    "retrying": "yellow",
    "running": "cyan",
    "waiting": "dim",
}

# Times a second that elapsed times are counted on.
REFRESH = 4


class LiveView:
    """Redraws the table at every change, and by itself so that elapsed times move."""

    def __init__(self, screen: Screen, now: Callable[[], float] = time.time) -> None:
        self._screen = screen
        self._now = now
        self._steps: dict[str, StepProgress | None] = {}
        self._title = ""
        self._live = Live(console=screen.console, get_renderable=self.table, refresh_per_second=REFRESH)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, change: Change) -> None:
        match change:
            case RunSeen():
                self._title = change.run
                self._steps = dict.fromkeys(change.steps)
            case StepProgress():
                self._steps[change.step] = change
            case OutputLine() | AttemptFailed() | JobStuck() | Waiting() | HookChanged():
                self._print(change)
            case RunEnded():
                self._live.refresh()
                self._live.stop()
                self._print(change)
        self._live.refresh()

    def _print(self, change: Change) -> None:
        style = "yellow" if isinstance(change, AttemptFailed | JobStuck) else ""
        for line in change_lines(change):
            self._screen.console.print(Text(line, style=style), soft_wrap=True)

    def table(self) -> Table:
        table = Table(title=self._title or None, title_justify="left", box=None, pad_edge=False)
        table.add_column("step")
        table.add_column("tasks", justify="right")
        table.add_column("attempt", justify="right")
        table.add_column("state")
        table.add_column("elapsed", justify="right")
        for name, progress in self._steps.items():
            table.add_row(*self._row(name, progress))
        return table if self._steps else Table.grid()

    def _row(self, name: str, progress: StepProgress | None) -> list[Text]:
        if progress is None:
            return [Text(name, style="dim"), Text(), Text(), Text("waiting", style="dim"), Text()]
        attempt = str(progress.attempt) if progress.attempt else ""
        state = Text(progress.state, style=STYLES.get(progress.state, ""))
        return [Text(name), Text(lines.counts(progress)), Text(attempt), state, Text(self._elapsed(progress))]

    def _elapsed(self, progress: StepProgress) -> str:
        if progress.started_at is None:
            return ""
        until = progress.ended_at if progress.ended_at is not None else self._now()
        return duration(max(0.0, until - progress.started_at))
