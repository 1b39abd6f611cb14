"""Following a run on the screen until it ends or somebody has seen enough."""

from collections.abc import Iterable, Iterator

from steprelay.cli.errors import ExitCode
from steprelay.cli.render.screen import Screen
from steprelay.cli.render.views import open_view
from steprelay.client.changes import Change, RunEnded

EXIT_CODES = {
    "SUCCEEDED": ExitCode.SUCCEEDED,
    "FAILED": ExitCode.RUN_FAILED,
    "CANCELLED": ExitCode.CANCELLED,
}


def watch(screen: Screen, run: str, changes: Iterable[Change]) -> ExitCode:
    """Show changes as they come; the exit code follows the run. Ctrl-C leaves the run alone."""
    code = ExitCode.BUG
    try:
        with open_view(screen) as view:
            for change in changes:
                view.show(change)
                if isinstance(change, RunEnded):
                    code = EXIT_CODES[change.status]
    except KeyboardInterrupt:
        say_detached(screen, run)
        return ExitCode.DETACHED
    return code


def say_detached(screen: Screen, run: str) -> None:
    screen.emit({"kind": "detached", "run": run})
    screen.remark(f"\ndetached; {run} goes on. To come back:")
    screen.remark(f"  steprelay runs show {run} -f")
    screen.remark(f"  steprelay logs {run} -f")
    screen.remark(f"To stop it: steprelay runs cancel {run}")


def without_output(changes: Iterable[Change]) -> Iterator[Change]:
    """For whoever wants the run's progress, but not what its tasks print."""
    return (change for change in changes if change.kind != "output")
