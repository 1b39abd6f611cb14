"""`steprelay …`: the commands that are about no flow in particular, and those of a flow named on the line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from steprelay.cli.changes import Changes
from steprelay.cli.context import Context
from steprelay.cli.errors import ExitCode
from steprelay.cli.flow_app import FLOW_COMMANDS, GRAPH, call, call_flow, flow_app
from steprelay.cli.options import (
    AsJson,
    Chaos,
    DrawnAs,
    Follow,
    LocalPlatform,
    MaxWorkers,
    On,
    Output,
    ReportFile,
    RoundUp,
    RunId,
    Stack,
    With,
)
from steprelay.cli.source import Source

NAME = "steprelay"

FLOW_HELP = "FLOW is a Python file (FLOW.py:Class for one of several flows in it), or a folder with a steprelay.json."


DRAWN_HELP = (
    "A flow's Python file (FLOW.py:Class for one of several in it), a folder with a steprelay.json, a package "
    "(.tar.gz), or the id of a run."
)


def build_app(context: Context) -> App:
    """All commands, bound to their surroundings."""
    app = App(name=NAME, help="Run Python steps on AWS Batch by uploading a package.", version=_version)
    shown = flow_app(context, Source(Path("FLOW")))
    for name in FLOW_COMMANDS:
        if name == GRAPH:
            _add_graph(app, context)
        else:
            app.command(_flow_command(context, name, shown))
    _add_spec_commands(app, context)
    app.command(_runs_app(context))
    _add_logs(app, context)
    _add_report(app, context)
    _add_explain(app, context)
    app.command(_local_app(context))
    return app


def _version() -> str:
    from importlib.metadata import version

    return f"steprelay {version('steprelay')}"


def _flow_command(context: Context, name: str, shown: App) -> App:
    """`steprelay run FLOW …`: everything after the flow is for the flow's own application."""
    usage = f"Usage: {NAME} {name} FLOW [OPTIONS]\n\n{FLOW_HELP}"
    command = App(name=name, help=shown[name].help, usage=usage, help_flags=[], version_flags=[])

    @command.default
    def on_flow(
        flow: str | None = None,
        *options: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
        help_wanted: Annotated[bool, Parameter(name=["--help", "-h"], negative="")] = False,
    ) -> ExitCode:
        asked = ["--help"] if help_wanted or flow is None else []
        if flow is None:
            shown[name].usage = usage
            shown.help_print([name])
            return ExitCode.SUCCEEDED if help_wanted else ExitCode.USER_ERROR
        source = Source.find(flow)
        return call_flow(context, source, f"{NAME} {{command}} {flow}", [name, *options, *asked])

    return command


def _add_graph(app: App, context: Context) -> None:
    @app.command
    def graph(
        named: Annotated[str, Parameter(name="FLOW|RUN", help=DRAWN_HELP)],
        /,
        *,
        format_: DrawnAs = None,
        output: Output = None,
        with_: With = None,
        round_up: RoundUp = False,
        max_workers: MaxWorkers = None,
        on: On = None,
        stack: Stack = None,
        json: AsJson = False,
    ) -> ExitCode:
        """Draw a flow, or a run with where its tasks are: Mermaid on stdout, or an SVG file."""
        from steprelay.cli.commands.graph import Wanted, draw_named

        changes = Changes.given(with_, round_up=round_up, max_workers=max_workers)
        return draw_named(context, named, changes, Wanted(format_, output, json), on, stack)


def _add_spec_commands(app: App, context: Context) -> None:
    @app.command(name="compile")
    def compile_(
        flow: Annotated[str, Parameter(help=FLOW_HELP)],
        *,
        with_: With = None,
        round_up: RoundUp = False,
        max_workers: MaxWorkers = None,
        json: AsJson = False,
    ) -> ExitCode:
        """Write the spec of a flow as JSON."""
        from steprelay.cli.commands.spec import compile_spec

        changes = Changes.given(with_, round_up=round_up, max_workers=max_workers)
        return compile_spec(context, Source.find(flow), changes, as_json=json)

    @app.command
    def validate(spec: Annotated[Path, Parameter(help="The file.")], *, json: AsJson = False) -> ExitCode:
        """Check a hand-written steprelay.json: every problem at once."""
        from steprelay.cli.commands.spec import validate_file

        return validate_file(context, spec, as_json=json)


def _runs_app(context: Context) -> App:
    runs = App(name="runs", help="The runs of a relay.", version_flags=[])

    @runs.command(name="list")
    def list_(
        *,
        limit: Annotated[int, Parameter(help="How many at most.")] = 20,
        on: On = None,
        stack: Stack = None,
        json: AsJson = False,
    ) -> ExitCode:
        """List runs, newest first."""
        from steprelay.cli.commands.runs import list_runs

        return list_runs(context, limit=limit, on=on, stack=stack, json=json)

    @runs.command
    def show(
        run: RunId, *, follow: Follow = False, on: On = None, stack: Stack = None, json: AsJson = False
    ) -> ExitCode:
        """Show a run: its steps, failed attempts, parameters, and how it ended."""
        from steprelay.cli.commands.runs import show_run

        return show_run(context, run, follow_it=follow, on=on, stack=stack, json=json)

    @runs.command
    def cancel(
        run: RunId,
        *,
        reason: Annotated[str, Parameter(help="Kept with the run.")] = "",
        on: On = None,
        stack: Stack = None,
        json: AsJson = False,
    ) -> ExitCode:
        """Stop a run: nothing new starts, and what runs is terminated."""
        from steprelay.cli.commands.runs import cancel_run

        return cancel_run(context, run, reason=reason, on=on, stack=stack, json=json)

    _add_restarts(runs, context)
    return runs


def _add_restarts(runs: App, context: Context) -> None:
    @runs.command
    def resume(
        run: RunId, *, follow: Follow = False, on: On = None, stack: Stack = None, json: AsJson = False
    ) -> ExitCode:
        """Let a failed or cancelled run go on from its failed tasks, with the same code; what succeeded is kept."""
        from steprelay.cli.commands.restart import resume_run

        return resume_run(context, run, follow_it=follow, on=on, stack=stack, json=json)

    @runs.command
    def retry(
        run: RunId,
        tasks: Annotated[str, Parameter(help="The failed tasks of a step (`process`), or one of them (`process.3`).")],
        *,
        follow: Follow = False,
        on: On = None,
        stack: Stack = None,
        json: AsJson = False,
    ) -> ExitCode:
        """Give failed tasks another attempt now, beyond their retries; other failed tasks stay as they are."""
        from steprelay.cli.commands.restart import retry_tasks

        return retry_tasks(context, run, tasks, follow_it=follow, on=on, stack=stack, json=json)


def _add_logs(app: App, context: Context) -> None:
    @app.command
    def logs(
        run: RunId,
        step: Annotated[str | None, Parameter(help="A step (`process`) or one of its tasks (`process.3`).")] = None,
        *,
        follow: Follow = False,
        on: On = None,
        stack: Stack = None,
        json: AsJson = False,
    ) -> ExitCode:
        """Write what the tasks of a run printed."""
        from steprelay.cli.commands.logs import show_logs

        return show_logs(context, run, step, follow_it=follow, on=on, stack=stack, json=json)


def _add_report(app: App, context: Context) -> None:
    @app.command
    def report(
        run: RunId,
        *,
        output: ReportFile = None,
        on: On = None,
        stack: Stack = None,
        json: AsJson = False,
    ) -> ExitCode:
        """Write all that is known of a run as one HTML file: steps, failures and what followed, cost, artifacts."""
        from steprelay.cli.commands.report import write_report

        return write_report(context, run, output, on=on, stack=stack, json=json)


def _add_explain(app: App, context: Context) -> None:
    @app.command
    def explain(
        event: Annotated[str, Parameter(help="A file, or `-` for standard input.", allow_leading_hyphen=True)],
        *,
        json: AsJson = False,
    ) -> ExitCode:
        """Say why a job of AWS Batch failed, and what follows: any job, without AWS.

        EVENT.json is an event of AWS Batch as EventBridge, SQS or Lambda hand it on, its detail alone, or what
        `aws batch describe-jobs` prints. docs/failures.md has every class.
        """
        from steprelay.cli.commands.explain import explain_event

        return explain_event(context, event, as_json=json)


def _local_app(context: Context) -> App:
    local = App(
        name="local", help="The relay on this machine: one for each project, kept in `.steprelay/`.", version_flags=[]
    )

    @local.command
    def up(*, platform: LocalPlatform = None, chaos: Chaos = None, json: AsJson = False) -> ExitCode:
        """Start it, if it does not run."""
        from steprelay.cli.commands import local as commands

        return commands.up(context, platform=platform, chaos=chaos, as_json=json)

    @local.command
    def down(*, json: AsJson = False) -> ExitCode:
        """Stop it and remove everything it kept."""
        from steprelay.cli.commands import local as commands

        return commands.down(context, as_json=json)

    @local.command
    def status(*, json: AsJson = False) -> ExitCode:
        """Tell whether it runs, and how any AWS client reaches it."""
        from steprelay.cli.commands import local as commands

        return commands.status(context, as_json=json)

    return local


def call_app(context: Context, tokens: Sequence[str]) -> ExitCode:
    """Carry out `steprelay …`."""
    return call(build_app(context), tokens)
