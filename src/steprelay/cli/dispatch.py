"""Carrying out a command line in this process, and telling what went wrong."""

import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from steprelay.cli.context import Context
from steprelay.cli.entry import Invocation
from steprelay.cli.errors import ExitCode, Report, explain
from steprelay.cli.flow_app import RUN, call_flow, flow_app
from steprelay.cli.relay_app import build_app, call_app
from steprelay.cli.relays import ConfiguredRelays
from steprelay.cli.render.report import show_report
from steprelay.cli.source import Source

if TYPE_CHECKING:
    from steprelay.local.record import RelayInfo

# 128 + SIGPIPE, as a shell reports a program whose reader went away.
READER_GONE = 141


def carry_out(invocation: Invocation, flow_class: type | None = None, running: "RelayInfo | None" = None) -> int:
    """Run the command with the process's own surroundings; the exit code.

    `running` is the local relay, where somebody has made sure that it is up and runs this code.
    """
    return int(run_command(Context(ConfiguredRelays(os.environ, Path.cwd(), running)), invocation, flow_class))


def rehearse() -> None:
    """Go the way of a command as far as it does nothing: much in the libraries on it is made at its first use."""
    context = Context(ConfiguredRelays({}, Path.cwd()))
    for app, tokens in ((flow_app(context, Source(Path("FLOW"))), [RUN]), (build_app(context), ["runs", "list"])):
        app.parse_args(tokens, exit_on_error=False, print_error=False)


def run_command(context: Context, invocation: Invocation, flow_class: type | None = None) -> int:
    """Run the command in these surroundings. Nothing is raised: errors are shown."""
    try:
        return _call(context, invocation, flow_class)
    except KeyboardInterrupt:
        return ExitCode.DETACHED
    except BrokenPipeError:
        # Whatever is still buffered would raise again as Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except Exception as error:
        report = explain(error) or _bug(error)
        # Where parsing failed nobody has read --json yet.
        show_report(context.screen(as_json="--json" in invocation.tokens), report)
        return report.exit_code


def _call(context: Context, invocation: Invocation, flow_class: type | None) -> ExitCode:
    if invocation.file is None:
        return call_app(context, invocation.tokens)
    source = Source.running(Path(invocation.file), invocation.class_name, flow_class, context.cwd)
    return call_flow(context, source, f"python {source.command} {{command}}", invocation.tokens)


def _bug(error: Exception) -> Report:
    """Nobody expected this: say so in a line, and keep the rest for whoever mends it."""
    with tempfile.NamedTemporaryFile("w", prefix="steprelay-", suffix=".log", delete=False) as file:
        traceback.print_exception(error, file=file)
    return Report(
        f"steprelay failed: {type(error).__name__}: {error}",
        ExitCode.BUG,
        hint=f"this is a bug of steprelay; please report it with {file.name}",
    )
