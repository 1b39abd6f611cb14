"""Three ways to watch a run: a live table, plain lines, JSON lines."""

from types import TracebackType
from typing import Protocol, Self

from steprelay.cli.render import lines
from steprelay.cli.render.screen import Screen
from steprelay.cli.render.texts import change_lines
from steprelay.client.changes import Change, StepProgress, as_json


class RunView(Protocol):
    """Shows changes as they come; entered before the first and left after the last."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, change: Change) -> None: ...


def open_view(screen: Screen) -> RunView:
    if screen.as_json:
        return JsonView(screen)
    if screen.interactive:
        from steprelay.cli.render.live import LiveView

        return LiveView(screen)
    return PlainView(screen)


class JsonView:
    """Each change is a line; the last has the kind `result`."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, change: Change) -> None:
        self._screen.emit(as_json(change))


class PlainView:
    """One line for each change worth one; large groups speak at each tenth of their way."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._tenths: dict[str, tuple[str, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, change: Change) -> None:
        for line in self.lines(change):
            self._screen.line(line)

    def lines(self, change: Change) -> list[str]:
        if isinstance(change, StepProgress):
            return self._progress(change)
        return change_lines(change)

    def _progress(self, change: StepProgress) -> list[str]:
        reached = (change.state, 10 * (change.done + change.failed) // max(change.tasks, 1))
        if not lines.is_told_by_counts(change) or self._tenths.get(change.step) == reached:
            return []
        self._tenths[change.step] = reached
        return [f"          {change.step} {change.state}, {lines.counts(change)}"]
