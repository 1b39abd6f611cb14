"""`show` and `check`: what a flow is, and whether it can be packed."""

from typing import TYPE_CHECKING, Any

from steprelay.cli.commands.package import say_warnings
from steprelay.cli.context import Context
from steprelay.cli.errors import ExitCode, count
from steprelay.cli.render.screen import Screen
from steprelay.cli.source import Source

if TYPE_CHECKING:
    from steprelay_core.spec import Flow, Step


def check_flow(context: Context, source: Source, *, as_json: bool) -> ExitCode:
    """Every problem at once, or that there is none."""
    screen = context.screen(as_json=as_json)
    loaded = source.load()
    say_warnings(screen, loaded.warnings)
    steps = list(loaded.flow.spec.steps)
    warnings = [{"message": one.message, "file": one.file, "line": one.line} for one in loaded.warnings]
    screen.emit({"kind": "check", "flow": loaded.flow.name, "steps": steps, "warnings": warnings})
    screen.line(f"{loaded.flow.name} is fine: {count(len(steps), 'step')}")
    return ExitCode.SUCCEEDED


def show_flow(context: Context, source: Source, *, as_json: bool) -> ExitCode:
    """The graph with what each step needs."""
    screen = context.screen(as_json=as_json)
    flow = source.load().flow
    screen.emit(spec_json(flow))
    if not as_json:
        _show(screen, flow)
    return ExitCode.SUCCEEDED


def spec_json(flow: "Flow") -> dict[str, Any]:
    """The spec without defaults."""
    return flow.spec.model_dump(mode="json", exclude_defaults=True)


def _show(screen: Screen, flow: "Flow") -> None:
    screen.line(flow.name + (f": {flow.spec.doc.strip()}" if flow.spec.doc else ""))
    if flow.spec.parameters:
        screen.line("\nparameters")
    for name, parameter in flow.spec.parameters.items():
        default = "required" if parameter.required else f"default {parameter.default!r}"
        screen.line(f"  --{name}  {parameter.type}, {default}" + (f"  {parameter.help}" if parameter.help else ""))
    screen.line("\nsteps")
    for name, step in flow.spec.steps.items():
        screen.line(f"  {name}{' (join)' if step.join else ''}  {_ways(step)}")
        for line in _needs(step):
            screen.line(f"      {line}")
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
        if way.when is not None:
            text += f" if {step.condition} is {way.when!r}"
        ways.append(text)
    return f"→ {' or '.join(ways)}" if ways else "(the last step)"


def _needs(step: "Step") -> list[str]:
    if step.batch is None:
        needs = ["light: runs in the relay's own function"]
    else:
        asked = step.batch.model_dump(exclude_defaults=True) | {"cpu": step.batch.cpu, "memory": step.batch.memory}
        needs = ["AWS Batch: " + ", ".join(f"{name} {value}" for name, value in asked.items())]
    if step.retry is not None:
        needs.append(
            f"up to {count(step.retry.times, 'retry').replace('retrys', 'retries')}, "
            f"{step.retry.minutes_between_retries:g} min apart"
        )
    if step.timeout_seconds is not None:
        needs.append(f"at most {step.timeout_seconds} s an attempt")
    if step.catch is not None:
        needs.append("goes on after its last failure" + (f", with it in {step.catch.var}" if step.catch.var else ""))
    if step.command is not None:
        needs.append(f"runs {' '.join(step.command)}")
    return needs
