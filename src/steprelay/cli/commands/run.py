"""`run`: check, pack, upload, follow."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from steprelay.cli.advice import Advice
from steprelay.cli.commands.package import build
from steprelay.cli.commands.watch import watch
from steprelay.cli.context import Connection, Context
from steprelay.cli.errors import ExitCode, Fault, UserError
from steprelay.cli.render.oddities import say_oddities
from steprelay.cli.render.screen import Screen
from steprelay.cli.source import Loaded, Source
from steprelay.client.target import Where

if TYPE_CHECKING:
    from steprelay.client.relay import Purpose, Upload
    from steprelay_core.spec import Flow


def run_flow(
    context: Context,
    source: Source,
    loaded: Loaded,
    given: Mapping[str, Any],
    *,
    on: Where | None,
    stack: str | None,
    follow_it: bool,
    as_json: bool,
) -> ExitCode:
    """Start a run and, unless told otherwise, follow it to its end."""
    screen = context.screen(as_json=as_json)
    parameters = check_parameters(loaded.flow, given)
    say_oddities(screen, loaded)
    connection = context.relays.connect(on, stack, screen.remark, start=True, folder=source.root)
    advice = Advice(lambda: connection, loaded.flow)
    upload = send(screen, connection, source, loaded.flow, "run", parameters)
    if not follow_it:
        screen.emit({"kind": "uploaded", "run": upload.run})
        screen.line(f"{upload.run}: `steprelay runs show {upload.run} -f` follows it")
        advice.say(screen)
        return ExitCode.SUCCEEDED
    from steprelay.client.follow import follow

    code = watch(screen, upload.run, follow(connection.client, upload.run, connection.pace, upload))
    if code is not ExitCode.DETACHED:
        advice.say(screen)
    return code


def send(
    screen: Screen,
    connection: Connection,
    source: Source,
    flow: "Flow",
    purpose: "Purpose",
    parameters: Mapping[str, Any],
) -> "Upload":
    """Pack and upload. What is too large is said before the upload begins."""
    with TemporaryDirectory(prefix="steprelay-") as folder:
        package = build(screen, source, flow, Path(folder) / "package.tar.gz")
        return connection.client.upload(purpose, flow.name, package.path, parameters)


def check_parameters(flow: "Flow", given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that were given, each as its type; the relay fills in defaults.

    Raises:
        UserError: with every parameter that is missing or not of its type.
    """
    from steprelay_core.intake.parameters import read_parameters
    from steprelay_core.spec import SpecError

    try:
        values = read_parameters(flow.spec, given, "")
    except SpecError as error:
        faults = [Fault(one.message, f"-{one.path.replace('.', '-', 1)}", hint=one.hint) for one in error.problems]
        raise UserError("the flow cannot start with these parameters", faults=faults) from None
    return {name: values[name] for name in given}
