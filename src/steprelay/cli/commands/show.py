"""`show` and `check`: what a flow is, and whether it can be packed."""

from typing import TYPE_CHECKING, Any

from steprelay.cli.advice import Advice
from steprelay.cli.changes import Changes, load_flow
from steprelay.cli.context import Context
from steprelay.cli.errors import ExitCode, Fault, count
from steprelay.cli.render.needs import needs_lines
from steprelay.cli.render.oddities import say, say_oddities
from steprelay.cli.render.screen import Screen
from steprelay.cli.render.words import duration
from steprelay.cli.source import Source

if TYPE_CHECKING:
    from steprelay_core.spec import Flow, Step

# Seconds that `check` waits for what a relay knows of the last runs, where there is one.
ADVICE_PATIENCE = 2.0


def check_flow(context: Context, source: Source, changes: Changes, *, as_json: bool) -> ExitCode:
    """Every problem at once, or that there is none."""
    screen = context.screen(as_json=as_json)
    loaded = load_flow(context, source, changes)
    advice = Advice(lambda: context.relays.present(source.root), loaded.flow)
    if not as_json:
        say_oddities(screen, loaded)
    used = advice.take(ADVICE_PATIENCE)
    if not as_json:
        say(screen, "hint", used)
    steps = list(loaded.flow.spec.steps)
    warnings, hints = ([_as_json(one) for one in some] for some in (loaded.warnings, (*loaded.hints, *used)))
    screen.emit({"kind": "check", "flow": loaded.flow.name, "steps": steps, "warnings": warnings, "hints": hints})
    screen.line(f"{loaded.flow.name} is fine: {count(len(steps), 'step')}")
    return ExitCode.SUCCEEDED


def _as_json(fault: Fault) -> dict[str, Any]:
    return {"message": fault.message, "hint": fault.hint, "step": fault.step, "file": fault.file, "line": fault.line}


def show_flow(context: Context, source: Source, changes: Changes, *, as_json: bool) -> ExitCode:
    """The graph with what each step needs."""
    screen = context.screen(as_json=as_json)
    flow = load_flow(context, source, changes).flow
    screen.emit(spec_json(flow))
    if not as_json:
        _show(screen, flow)
    return ExitCode.SUCCEEDED


def spec_json(flow: "Flow") -> dict[str, Any]:
    """The spec without defaults."""
    return flow.spec.model_dump(mode="json", exclude_defaults=True)


def _show(screen: Screen, flow: "Flow") -> None:
    screen.line(flow.name + (f": {flow.spec.doc.strip()}" if flow.spec.doc else ""))
    if flow.spec.timeout_seconds is not None:
        screen.line(f"at most {duration(flow.spec.timeout_seconds)} a run")
    if flow.spec.max_workers is not None:
        screen.line(f"at most {flow.spec.max_workers:,} tasks of a foreach at a time, where it does not say otherwise")
    if flow.spec.parameters:
        screen.line("\nparameters")
    for name, parameter in flow.spec.parameters.items():
        default = "required" if parameter.required else f"default {parameter.default!r}"
        screen.line(f"  --{name}  {parameter.type}, {default}" + (f"  {parameter.help}" if parameter.help else ""))
    screen.line("\nsteps")
    for name, step in flow.spec.steps.items():
        screen.line(f"  {name}{' (join)' if step.join else ''}  {_ways(step)}")
        for line in needs_lines(step):
            screen.line(f"      {line}")
    _show_around(screen, flow)


def _show_around(screen: Screen, flow: "Flow") -> None:
    """What begins a run, and what its end begins."""
    for hook in flow.spec.hooks:
        screen.line(f"\nexit hook {hook.name} on {' and '.join(hook.on)}")
    for schedule in flow.spec.schedules:
        screen.line(f"\nstarts {schedule.expression} ({schedule.timezone})")
    for trigger in flow.spec.triggers:
        screen.line(f"\nstarts on event {trigger.event!r}")


def _ways(step: "Step") -> str:
    """`→ a, b`, `→ each of shards: process`, `→ x if kind is 'x'`."""
    ways = []
    for way in step.next:
        text = ", ".join(way.to)
        if way.foreach:
            text = f"each of {way.foreach}: {text}"
            if way.max_workers is not None:
                text += f" (at most {way.max_workers:,} at a time)"
        if way.when is not None:
            text += f" if {step.condition} is {way.when!r}"
        ways.append(text)
    return f"→ {' or '.join(ways)}" if ways else "(the last step)"
