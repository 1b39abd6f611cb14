"""The commands of one flow: `python FLOW.py …`, and `steprelay … FLOW.py` behind it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Group, Parameter

from steprelay.cli.changes import Changes, load_flow
from steprelay.cli.context import Context
from steprelay.cli.errors import ExitCode, Fault, UserError
from steprelay.cli.options import AsJson, DrawnAs, MaxWorkers, On, Output, RoundUp, Stack, With, in_any_case
from steprelay.cli.source import Loaded, Source

if TYPE_CHECKING:
    from steprelay_core.spec.models import Parameter as FlowParameter

RUN = "run"
GRAPH = "graph"
FLOW_COMMANDS = (RUN, "show", "check", "plan", GRAPH, "package", "deploy")
FLOW_PARAMETERS = Group("Parameters of the flow", sort_key=0)
METAVARS = {"str": "TEXT", "int": "INT", "float": "FLOAT", "json": "JSON"}


def call_flow(context: Context, source: Source, usage: str, tokens: Sequence[str]) -> ExitCode:
    """Carry out a command on one flow; `usage` is how people call one, with `{command}` for its name.

    The flow is only read for `run`, whose options it decides, and by the commands themselves.
    """
    app = flow_app(context, source)
    chain, *_ = app.parse_commands(tokens)
    if chain[:1] == (RUN,):
        add_run(app, context, source, load_flow(context, source, _read_ahead(app, tokens)))
    for name in FLOW_COMMANDS:
        app[name].usage = f"Usage: {usage.format(command=name)} [OPTIONS]"
    app.usage = f"Usage: {usage.format(command='COMMAND')}"
    return call(app, tokens)


def _read_ahead(app: App, tokens: Sequence[str]) -> Changes:
    """The options of `run` that the flow is read with, before it has told what other options there are."""
    if not any(token.startswith(("--with", "--round", "--max-workers")) for token in tokens):
        return Changes()
    _, known, *_ = app.parse_known_args(tokens)
    given = known.arguments
    return Changes.given(
        given.get("with_"), round_up=given.get("round_up", False), max_workers=given.get("max_workers")
    )


def call(app: App, tokens: Sequence[str]) -> ExitCode:
    """Run an application; help and version end well."""
    # cyclopts would exit with 130 whatever the command meant to say to Ctrl-C.
    app.suppress_keyboard_interrupt = False
    code = app(list(tokens), exit_on_error=False, print_error=False, result_action="return_value")
    return ExitCode.SUCCEEDED if code is None else ExitCode(code)


def flow_app(context: Context, source: Source) -> App:
    """The application for one flow, its `run` without the flow's parameters."""
    app = App(name="flow", help=f"The flow in {source.command}.", version_flags=[])
    add_run(app, context, source, None)

    @app.command
    def show(*, with_: With = None, round_up: RoundUp = False, json: AsJson = False) -> ExitCode:
        """Show the steps, what each needs, and the parameters."""
        from steprelay.cli.commands.show import show_flow

        return show_flow(context, source, Changes.given(with_, round_up=round_up), as_json=json)

    @app.command
    def check(*, with_: With = None, round_up: RoundUp = False, json: AsJson = False) -> ExitCode:
        """Check the flow without running it: every problem at once, with file and line, and hints at good practice."""
        from steprelay.cli.commands.show import check_flow

        return check_flow(context, source, Changes.given(with_, round_up=round_up), as_json=json)

    @app.command
    def plan(
        *, platform: OnPlatform = "ec2", with_: With = None, round_up: RoundUp = False, json: AsJson = False
    ) -> ExitCode:
        """Show the exact requests that each step would make of AWS Batch, and where each value came from.

        Needs neither AWS nor a relay: what only a relay knows is written as `the-relays-…`.
        """
        from steprelay.cli.commands.plan import plan_flow

        return plan_flow(context, source, Changes.given(with_, round_up=round_up), platform, as_json=json)

    _add_packing(app, context, source)
    return app


def _add_packing(app: App, context: Context, source: Source) -> None:
    @app.command
    def graph(
        *,
        format_: DrawnAs = None,
        output: Output = None,
        with_: With = None,
        round_up: RoundUp = False,
        max_workers: MaxWorkers = None,
        json: AsJson = False,
    ) -> ExitCode:
        """Draw the flow: Mermaid on stdout, or an SVG file."""
        from steprelay.cli.commands.graph import Wanted, draw_flow

        changes = Changes.given(with_, round_up=round_up, max_workers=max_workers)
        return draw_flow(context, source, changes, Wanted(format_, output, json))

    @app.command
    def package(
        *,
        output: Output = None,
        with_: With = None,
        round_up: RoundUp = False,
        max_workers: MaxWorkers = None,
        json: AsJson = False,
    ) -> ExitCode:
        """Write the package that an upload to the package bucket runs (`run/`) or deploys (`deploy/`)."""
        from steprelay.cli.commands.package import package_flow

        changes = Changes.given(with_, round_up=round_up, max_workers=max_workers)
        return package_flow(context, source, changes, output, as_json=json)

    @app.command
    def deploy(
        *,
        with_: With = None,
        round_up: RoundUp = False,
        max_workers: MaxWorkers = None,
        on: On = None,
        stack: Stack = None,
        json: AsJson = False,
    ) -> ExitCode:
        """Deploy the flow: its schedules and triggers start this version from now on."""
        from steprelay.cli.commands.deploy import deploy_flow

        changes = Changes.given(with_, round_up=round_up, max_workers=max_workers)
        return deploy_flow(context, source, changes, on=on, stack=stack, as_json=json)


OnPlatform = Annotated[
    Literal["ec2", "fargate"],
    Parameter(converter=in_any_case, help="What the compute environments of the job queue are made of."),
]


def add_run(app: App, context: Context, source: Source, loaded: Loaded | None) -> None:
    """Give the application `run`, with an option for each parameter of the flow if it is known."""

    def run(
        *,
        with_: With = None,
        round_up: RoundUp = False,
        max_workers: MaxWorkers = None,
        on: On = None,
        stack: Stack = None,
        follow: WatchIt = True,
        json: AsJson = False,
        **given: Any,
    ) -> ExitCode:
        """Run the flow and watch it to its end.

        Checks it, packs its folder, uploads the package and shows what becomes of it. Ctrl-C leaves the run to itself.
        """
        from steprelay.cli.commands.run import run_flow

        values = {name: value for name, value in given.items() if value is not None}
        now = loaded or load_flow(context, source, Changes.given(with_, round_up=round_up, max_workers=max_workers))
        return run_flow(context, source, now, values, on=on, stack=stack, follow_it=follow, as_json=json)

    if RUN in app:
        del app[RUN]
    app.command(_with_options(run, loaded.flow.spec.parameters if loaded else {}), name=RUN)


# Options that are no parameters of `run`; cyclopts takes `_` for `-`.
_TAKEN_TOO = frozenset({"no_follow", "help"})
# Before the names of the flow's parameters where Python must be able to spell them: `class` is a good name for one.
_OF_FLOW = "of_flow_"

WatchIt = Annotated[bool, Parameter(help="Watch the run to its end.")]


def _with_options(run: Callable[..., ExitCode], parameters: "Mapping[str, FlowParameter]") -> Callable[..., ExitCode]:
    """The command with its `**given` replaced by the flow's parameters, which cyclopts reads from the signature."""
    own = [one for one in inspect.signature(run).parameters.values() if one.kind is one.KEYWORD_ONLY]
    taken = _TAKEN_TOO.union(one.name.rstrip("_") for one in own)
    faults = [
        Fault("has the name of an option of `run`", f"parameter {name}", hint="choose another name for it")
        for name in parameters
        if name.rstrip("_") in taken
    ]
    if faults:
        raise UserError("parameters of the flow get in the way of `run`", faults=faults)
    options = [_option(name, parameter) for name, parameter in parameters.items()]

    def command(**values: Any) -> ExitCode:
        return run(**{name.removeprefix(_OF_FLOW): value for name, value in values.items()})

    command.__doc__ = run.__doc__
    command.__signature__ = inspect.Signature([*options, *own])  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in [*options, *own]}
    return command


def _option(name: str, parameter: "FlowParameter") -> inspect.Parameter:
    """Text is read by the relay's own rules later on, so that all mistakes are told at once."""
    known = parameter.help or ""
    if parameter.required:
        known += " [required]"
    elif parameter.default is not None:
        known += f" [default: {parameter.default}]"
    truth = parameter.type == "bool"
    shown = Parameter(
        name=f"--{name}",
        help=known.strip(),
        group=FLOW_PARAMETERS,
        negative=f"--no-{name}" if truth else "",
        metavar=METAVARS.get(parameter.type),
        allow_leading_hyphen=not truth,
    )
    annotation = Annotated[bool | None, shown] if truth else Annotated[str | None, shown]
    return inspect.Parameter(f"{_OF_FLOW}{name}", inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=None)
