"""`compile` and `validate`: the spec by itself."""

import json
from pathlib import Path

from steprelay.cli.changes import Changes, load_flow
from steprelay.cli.commands.show import spec_json
from steprelay.cli.context import Context
from steprelay.cli.errors import ExitCode, count
from steprelay.cli.source import Source, read_spec


def compile_spec(context: Context, source: Source, changes: Changes, *, as_json: bool) -> ExitCode:
    """The spec on stdout: for people indented, with `--json` on one line."""
    screen = context.screen(as_json=as_json)
    flow = load_flow(context, source, changes).flow
    screen.emit(spec_json(flow))
    screen.line(json.dumps(spec_json(flow), indent=2, ensure_ascii=False))
    return ExitCode.SUCCEEDED


def validate_file(context: Context, path: Path, *, as_json: bool) -> ExitCode:
    """Check a hand-written spec."""
    screen = context.screen(as_json=as_json)
    flow = read_spec(path)
    steps = list(flow.spec.steps)
    screen.emit({"kind": "valid", "flow": flow.name, "steps": steps})
    screen.line(f"{path} is valid: flow {flow.name}, {count(len(steps), 'step')}")
    return ExitCode.SUCCEEDED
