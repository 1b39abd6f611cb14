"""`graph`: a flow as a drawing, and where a run of it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from steprelay.cli.changes import Changes, load_flow
from steprelay.cli.context import Context
from steprelay.cli.errors import ExitCode, UserError
from steprelay.cli.source import Source
from steprelay.client.target import Where

if TYPE_CHECKING:
    from steprelay.graph import FlowGraph

Format = Literal["mermaid", "svg"]

PACKAGES = (".tar.gz", ".tgz")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to draw, and where: on stdout without `output`, whose name says the format unless `format_` does."""

    format_: Format | None
    output: Path | None
    as_json: bool

    @property
    def format(self) -> Format:
        by_name: Format = "svg" if self.output is not None and self.output.suffix == ".svg" else "mermaid"
        return self.format_ or by_name


def draw_named(
    context: Context, named: str, changes: Changes, wanted: Wanted, on: Where | None, stack: str | None
) -> ExitCode:
    """Draw what somebody named: a flow's file or folder, a package, or a run."""
    if named.endswith(PACKAGES):
        from steprelay.graph import flow_graph
        from steprelay.package import read_package

        return _show(context, flow_graph(read_package(context.cwd / named).flow), wanted)
    # A run's id has neither a dot nor a slash.
    if "." in named or "/" in named or (context.cwd / named).exists():
        return draw_flow(context, Source.find(named), changes, wanted)
    return _draw_run(context, named, wanted, on, stack)


def draw_flow(context: Context, source: Source, changes: Changes, wanted: Wanted) -> ExitCode:
    """Draw a flow from its file or folder."""
    from steprelay.graph import flow_graph

    return _show(context, flow_graph(load_flow(context, source, changes).flow), wanted)


def _draw_run(context: Context, run: str, wanted: Wanted, on: Where | None, stack: str | None) -> ExitCode:
    connection = context.relays.connect(on, stack, context.screen(as_json=wanted.as_json).remark)
    from steprelay.client.follow import stored_run
    from steprelay.client.jobs import LiveJobs
    from steprelay.graph import run_graph

    stored = stored_run(connection.client, run)
    flow = connection.client.flow(stored.run.digest)
    ended = stored.run.status.terminal
    jobs = {} if ended else LiveJobs(connection.client, flow, connection.pace).look(stored)
    return _show(context, run_graph(flow, stored, jobs), wanted)


def _show(context: Context, graph: "FlowGraph", wanted: Wanted) -> ExitCode:
    from steprelay.graph import as_json

    screen = context.screen(as_json=wanted.as_json)
    if wanted.output is None:
        screen.emit({"kind": "graph"} | as_json(graph))
        if not wanted.as_json:
            screen.line(_text(graph, wanted.format).rstrip("\n"))
        return ExitCode.SUCCEEDED
    path, text = context.cwd / wanted.output, _text(graph, wanted.format)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {wanted.output}: {error.strerror}") from None
    screen.emit({"kind": "graph", "path": str(path)} | as_json(graph))
    screen.line(str(wanted.output))
    return ExitCode.SUCCEEDED


def _text(graph: "FlowGraph", format_: Format) -> str:
    from steprelay.graph import mermaid, svg
    from steprelay.graph.layout import NoLayout

    if format_ == "mermaid":
        return mermaid(graph)
    try:
        return svg(graph)
    except NoLayout:
        raise UserError(
            "to draw SVG, steprelay needs the package graphlay, which is not installed",
            hint="pip install 'steprelay[graph]', or take --format mermaid",
        ) from None
