"""`plan`: the exact requests of AWS Batch, without AWS."""

from dataclasses import replace
from typing import TYPE_CHECKING

from steprelay.cli.changes import Changes, load_flow
from steprelay.cli.context import Context
from steprelay.cli.errors import ExitCode, Fault, UserError, count, faults_of
from steprelay.cli.render.oddities import say_oddities
from steprelay.cli.source import Loaded, Source

if TYPE_CHECKING:
    from steprelay.plan import Platform

# Where a value comes from that nobody gave.
DEFAULT = "default"

NAMES = {"ec2": "EC2", "fargate": "Fargate"}


def plan_flow(context: Context, source: Source, changes: Changes, platform: "Platform", *, as_json: bool) -> ExitCode:
    """What each step would ask of AWS Batch on this platform.

    Raises:
        UserError: with every problem of every step there.
    """
    screen = context.screen(as_json=as_json)
    loaded = load_flow(context, source, changes)
    say_oddities(screen, loaded)
    from steprelay.cli.render.plan import plan_lines
    from steprelay.plan import make_plan
    from steprelay.runner.bootstrap import bootstrap_source
    from steprelay_core.translate import TranslateError

    try:
        plan = make_plan(loaded.flow, platform, loaded.provenance, bootstrap_source())
    except TranslateError as error:
        faults = tuple(_with_origin(fault, loaded) for fault in faults_of(error.problems))
        raise UserError(
            f"{loaded.flow.name} has {count(len(faults), 'problem')} on {NAMES[platform]}", faults=faults
        ) from None
    screen.emit(plan.as_json())
    for line in plan_lines(plan, loaded.flow, NAMES[platform]):
        screen.line(line)
    return ExitCode.SUCCEEDED


def _with_origin(fault: Fault, loaded: Loaded) -> Fault:
    """Say where the value came from that the platform does not take."""
    _, _, parameter = (fault.where or "").partition(".batch.")
    origin = loaded.provenance.get(fault.step or "", {}).get(parameter)
    if origin is None or origin == DEFAULT:
        return fault
    said = f"it comes from {origin}"
    return replace(fault, hint=f"{fault.hint}; {said}" if fault.hint else said)
