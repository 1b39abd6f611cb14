"""What a run cost, as a table and as JSON."""

from dataclasses import asdict
from typing import Any

from rich.table import Table

from steprelay.cli.errors import count
from steprelay.cli.render.screen import Screen
from steprelay.client.cost.estimate import RunCost, StepCost

_HOUR = 3600.0


def show_cost(screen: Screen, cost: RunCost) -> None:
    """Nothing where nothing is known yet."""
    if not cost.steps:
        return
    wasted = f", {money(cost.wasted)} of it for attempts that failed" if cost.wasted else ""
    screen.line(f"cost, estimated at list prices of {cost.region}, {cost.as_of}: {money(cost.price)}{wasted}")
    screen.console.print(_table(cost))
    for step in cost.assumed:
        screen.line(f"  {step}: AWS Batch no longer tells what it ran on; priced as on-demand instances")
    screen.line()


def _table(cost: RunCost) -> Table:
    rows = cost_rows(cost)
    # A flow without GPUs needs no column for them, and one without failures none for what they wasted.
    shown = [name for name in rows[0] if name == "step" or any(row[name] for row in rows)]
    table = Table(box=None, pad_edge=False)
    for name in shown:
        table.add_column(name, justify="left" if name in ("step", "on") else "right")
    for row in rows:
        table.add_row(*(row[name] for name in shown))
    return table


def cost_rows(cost: RunCost) -> list[dict[str, str]]:
    """A row for each step, its cells by the names of their columns."""
    return [_row(step) for step in cost.steps]


def _row(step: StepCost) -> dict[str, str]:
    return {
        "step": step.step,
        "attempts": f"{step.attempts:,}",
        "vCPU h": _hours(step.vcpu_seconds),
        "GiB h": _hours(step.memory_mib_seconds / 1024),
        "GPU h": _hours(step.gpu_seconds),
        "cost": money(step.price),
        "wasted": f"{money(step.wasted)} ({count(step.failed, 'attempt')})" if step.failed else "",
        "on": ", ".join(step.computes).replace("_", " "),
    }


def _hours(seconds: float) -> str:
    hours = seconds / _HOUR
    if not hours:
        return ""
    return f"{hours:,.1f}" if hours >= 10 else f"{hours:.3f}" if hours >= 0.001 else "<0.001"


def money(amount: float) -> str:
    """US dollars, with as many digits as say something."""
    if amount == 0 or amount >= 1:
        return f"${amount:,.2f}"
    return f"${amount:.4f}" if amount >= 0.0001 else "<$0.0001"


def cost_json(cost: RunCost) -> dict[str, Any]:
    """The whole estimate; seconds times vCPUs, MiB and GPUs, and prices in `currency`."""
    return {"price": cost.price, "wasted": cost.wasted, **asdict(cost)}
