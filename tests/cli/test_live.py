"""The live table of a terminal."""

import io
from pathlib import Path

from rich.console import Console

from steprelay.cli.render.live import LiveView
from steprelay.cli.render.screen import Screen
from steprelay.client.changes import AttemptFailed, JobStuck, OutputLine, RunEnded, RunSeen, StepProgress
from tests.client.fake_relay import RUN, START


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


SEEN = RunSeen(RUN, "Flow", START, {"kind": "upload", "detail": {}}, {}, ("start", "process", "join"))


def drawn(view: LiveView) -> list[list[str]]:
    """The table's cells as text, row by row."""
    out = io.StringIO()
    Console(file=out, width=100).print(view.table())
    return [line.split() for line in out.getvalue().splitlines()]


def view_of(terminal: Terminal) -> LiveView:
    return LiveView(Screen(terminal, terminal, Path()), now=lambda: START + 100)


def test_every_step_has_a_row_from_the_beginning() -> None:
    with view_of(Terminal()) as view:
        view.show(SEEN)
        assert drawn(view) == [
            [RUN],
            ["step", "tasks", "attempt", "state", "elapsed"],
            ["start", "waiting"],
            ["process", "waiting"],
            ["join", "waiting"],
        ]


def test_a_row_tells_counts_attempt_state_and_the_time_so_far() -> None:
    with view_of(Terminal()) as view:
        view.show(SEEN)
        view.show(StepProgress("process", "running", 3, 1, 8, 2, started_at=START + 10))
        assert drawn(view)[3] == ["process", "3/8,", "1", "failed", "2", "running", "1", "min", "30", "s"]


def test_the_time_of_a_step_stops_with_it() -> None:
    with view_of(Terminal()) as view:
        view.show(SEEN)
        view.show(StepProgress("start", "succeeded", 1, 0, 1, 1, START, START + 12))
        assert drawn(view)[2] == ["start", "1/1", "1", "succeeded", "12", "s"]


def test_output_failures_and_the_end_stay_on_the_screen() -> None:
    terminal = Terminal()
    with view_of(terminal) as view:
        view.show(SEEN)
        view.show(OutputLine("start", 1, "[bold]not markup[/bold]"))
        view.show(AttemptFailed("start", "start", 1, START, "program", "ValueError", 1, "retry"))
        stuck = ("capacity", "CAPACITY:X", "name a second queue", "big", START, START + 60)
        view.show(JobStuck("process.3", "process", 1, 1, *stuck))
        view.show(RunEnded(RUN, "Flow", "SUCCEEDED", START, 3.0))
    written = terminal.getvalue()
    assert "start | [bold]not markup[/bold]" in written
    assert "start attempt 1 failed: program, exit code 1: ValueError — retrying" in written
    assert "process.3 waits in queue big since" in written
    assert "capacity: name a second queue" in written
    assert f"{RUN} succeeded in 3.00 s" in written
