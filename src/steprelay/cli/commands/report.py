"""`report`: all that is known of a run as one HTML file, to keep or to send."""

from pathlib import Path
from typing import TYPE_CHECKING

from steprelay.cli.context import Context
from steprelay.cli.errors import ExitCode, UserError
from steprelay.client.target import Where

if TYPE_CHECKING:
    from steprelay.client.view import RunView


def write_report(
    context: Context, run: str, output: Path | None, *, on: Where | None, stack: str | None, json: bool
) -> ExitCode:
    """Write it to `output`, or to `RUN.html`."""
    screen = context.screen(as_json=json)
    connection = context.relays.connect(on, stack, screen.remark)
    from steprelay.cli.render.page import page
    from steprelay.client.view import look_at

    view = look_at(connection.client, run, connection.pace)
    path = context.cwd / (output or f"{run}.html")
    try:
        path.write_text(page(view, _drawing(view), connection.pace.now()), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {output or path.name}: {error.strerror}") from None
    screen.emit({"kind": "report", "run": run, "path": str(path)})
    screen.line(str(output or path.name))
    return ExitCode.SUCCEEDED


def _drawing(view: "RunView") -> str | None:
    from steprelay.graph import run_graph, svg
    from steprelay.graph.layout import NoLayout

    try:
        return svg(run_graph(view.flow, view.stored, view.jobs))
    except NoLayout:
        return None
