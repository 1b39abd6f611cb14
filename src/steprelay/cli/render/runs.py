"""Runs as tables and as JSON."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from steprelay.cli.errors import count
from steprelay.cli.render.lines import ORIGINS, counts, failed_line, hook_line, stuck_lines
from steprelay.cli.render.live import STYLES
from steprelay.cli.render.queued import queued_line
from steprelay.cli.render.screen import Screen
from steprelay.cli.render.words import date_time, duration
from steprelay.client.changes import AttemptFailed, StepProgress, as_json
from steprelay.client.diff import attempt_failed
from steprelay.client.hooks import hook_changed
from steprelay.client.progress import in_order
from steprelay.client.queued import Queued
from steprelay.client.stuck import stuck_jobs
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.model import Run

# Failures shown before the rest is only counted.
FAILURES_SHOWN = 30


def show_runs(screen: Screen, runs: list[Run], now: float) -> None:
    if screen.as_json:
        screen.emit([run_json(run) for run in runs])
        return
    if not runs:
        screen.line("no runs yet; `python FLOW.py run` starts one")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("run", "status", "started", "took", "by", "failure"):
        table.add_column(name, overflow="fold")
    for run in runs:
        status = run.status.value.lower()
        cause = f"{run.failure.task}: {run.failure.failure.class_}" if run.failure else ""
        state = Text(status, style=STYLES.get(status, ""))
        took = duration(max(0.0, (run.ended_at or now) - run.created_at))
        table.add_row(run.id, state, date_time(run.created_at), took, ORIGINS[run.origin.kind], cause)
    screen.console.print(table)


def show_run(
    screen: Screen, flow: Flow, stored: Stored, steps: list[StepProgress], queued: Sequence[Queued] = ()
) -> None:
    """Everything but the ending, which `ending_lines` tells."""
    run = stored.run
    screen.line(f"{run.id}  {run.status.value.lower()}")
    screen.line(f"  started     {date_time(run.created_at)} by {origin_of(run)}")
    screen.line(f"  package     {run.digest[:12]}")
    if run.generation > 1:
        screen.line(f"  resumed     {count(run.generation - 1, 'time')}")
    if run.deadline is not None and flow.spec.timeout_seconds is not None:
        until = "" if run.status.terminal else f", until {date_time(run.deadline)}"
        screen.line(f"  time limit  {duration(flow.spec.timeout_seconds)}{until}")
    for name, value in run.parameters.items():
        screen.line(f"  parameter   {name} = {value!r}")
    screen.line()
    screen.console.print(_steps(steps))
    _section(screen, "waiting for a machine", [queued_line(one) for one in queued])
    stuck = [line for job in stuck_jobs(stored) for line in stuck_lines(job)]
    _section(screen, "not started", stuck)
    _section(screen, "failed attempts", _failed_lines(failures_of(flow, stored)))
    _section(screen, "exit hooks", [hook_line(hook_changed(hook)) for hook in run.hooks])
    screen.line()


def _section(screen: Screen, title: str, lines: Sequence[str]) -> None:
    """Lines under a title, if there are any."""
    if lines:
        screen.line(f"\n{title}:")
    for line in lines:
        screen.line(f"  {line}")


def _failed_lines(failures: list[AttemptFailed]) -> list[str]:
    lines = [failed_line(failure) for failure in failures[:FAILURES_SHOWN]]
    left = len(failures) - len(lines)
    return [*lines, f"… and {left} more (--json has them all)"] if left else lines


def origin_of(run: Run) -> str:
    """`an upload (bucket …, key …)`."""
    told = ", ".join(f"{name} {value}" for name, value in run.origin.detail.items())
    return ORIGINS[run.origin.kind] + (f" ({told})" if told else "")


def _steps(steps: list[StepProgress]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("step", "tasks", "attempt", "state", "took"):
        table.add_column(name)
    for step in steps:
        ended = step.ended_at is not None and step.started_at is not None
        took = duration(step.ended_at - step.started_at) if ended else ""  # type: ignore[operator]
        state = Text(step.state, style=STYLES.get(step.state, ""))
        table.add_row(step.step, counts(step) if step.tasks else "", str(step.attempt or ""), state, took)
    return table


def failures_of(flow: Flow, stored: Stored) -> list[AttemptFailed]:
    return [attempt_failed(flow, group, failed) for group in in_order(flow, stored) for failed in group.history]


def describe_run(flow: Flow, stored: Stored, steps: list[StepProgress]) -> dict[str, Any]:
    """A run with its steps, every attempt that failed, and its exit hooks."""
    return run_json(stored.run) | {
        "steps": [as_json(progress) for progress in steps],
        "stuck": [as_json(job) for job in stuck_jobs(stored)],
        "failed_attempts": [as_json(failure) for failure in failures_of(flow, stored)],
        "hooks": [as_json(hook_changed(hook)) for hook in stored.run.hooks],
    }


def run_json(run: Run) -> dict[str, Any]:
    """A run without its steps; times are seconds since the epoch."""
    cause = run.failure
    return {
        "run": run.id,
        "flow": run.flow,
        "status": run.status.value,
        "created_at": run.created_at,
        "ended_at": run.ended_at,
        "generation": run.generation,
        "deadline": run.deadline,
        "origin": {"kind": run.origin.kind, "detail": dict(run.origin.detail)},
        "parameters": dict(run.parameters),
        "package": run.digest,
        "failure": None
        if cause is None
        else {
            "task": cause.task,
            "attempt": cause.attempt,
            "failure_class": cause.failure.class_,
            "reason": cause.failure.reason,
            "exit_code": cause.failure.exit_code,
            "budget": cause.budget,
        },
    }
