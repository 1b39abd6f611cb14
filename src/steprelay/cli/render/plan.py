"""A plan for people: of each step where its values came from, and its requests."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from steprelay.cli.render.needs import parameter_words, retry_words, said, shortened
from steprelay.plan import Plan, PlannedStep
from steprelay_core.spec import Batch, Flow, Step

# Longer texts (the bootstrap, above all) would bury everything else; `--json` has them whole.
_LONGEST_TEXT = 200
_LONGEST_VALUE = 60
_WIDTH = 100


def plan_lines(plan: Plan, flow: Flow, platform: str) -> Iterator[str]:
    yield f"{plan.flow} on {platform}"
    for name, planned in plan.steps.items():
        step = flow.step(name)
        yield ""
        yield name + _tasks(planned, step)
        yield from _values(planned, step)
        for what, request in (("register_job_definition", planned.definition), ("submit_job", planned.submit)):
            yield f"  {what}"
            yield from (f"    {line}" for line in _indented(request))
    yield ""
    yield from _remarks(plan)


def _tasks(planned: PlannedStep, step: Step) -> str:
    """How many jobs it makes; below is the request of one."""
    nodes = step.batch.nodes if step.batch else 1
    job = "one job" if nodes == 1 else f"one job of {nodes} nodes"
    if planned.items is None:
        return f": {job}"
    if nodes > 1:
        return f": {job} for each item of {planned.items}"
    array = f": one array job, of as many tasks as {planned.items} has items"
    return array if planned.behind is None else f"{array}; each starts when its own of {planned.behind} has succeeded"


def _remarks(plan: Plan) -> Iterator[str]:
    if plan.light_steps:
        yield f"light steps, which ask nothing of AWS Batch: {', '.join(plan.light_steps)}"
    if plan.steps:
        yield "`the-relay…` stands for what only a relay knows; --json has long texts whole"
    else:
        yield "no step has @batch; `--with batch` gives it to all of them"


def _values(planned: PlannedStep, step: Step) -> Iterator[str]:
    rows = [
        (name, shortened(_value(name, planned, step), _LONGEST_VALUE), origin)
        for name, origin in planned.provenance.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, origin in rows:
        yield f"  {name.ljust(widths[0])}  {value.ljust(widths[1])}  {origin}"


def _value(name: str, planned: PlannedStep, step: Step) -> str:
    """What a parameter comes to in the request."""
    batch = step.batch or Batch()
    container, overrides = _containers(planned)
    match name.split(".", 1):
        case ["cpu"]:
            return _size(overrides, "VCPU", f"{batch.cpu:g}")
        case ["memory"]:
            return _size(overrides, "MEMORY", str(batch.memory))
        case ["queue"]:
            return parameter_words("queue", list(batch.queues) or planned.submit["jobQueue"])
        case ["image"]:
            return str(container["image"])
        case ["iam_role"]:
            return str(container.get("jobRoleArn", ""))
        case ["execution_role"]:
            return str(container.get("executionRoleArn", ""))
        case ["aws_batch_tags", tag]:
            return str(planned.submit["tags"].get(tag, ""))
        case [known] if known in Batch.model_fields:
            return parameter_words(known, batch.model_dump(mode="json")[known])
    return _own(name, step)


def _own(name: str, step: Step) -> str:
    """Of what belongs to the step, not to its `batch`."""
    match name:
        case "retry" if step.retry:
            return retry_words(step.retry)
        case "timeout":
            return _limits(step)
        case "catch" if step.catch:
            return step.catch.var or "the step goes on"
        case "environment":
            return said(step.environment)
    return ""


def _limits(step: Step) -> str:
    limits = {"an attempt": step.timeout_seconds, "in the queue": step.queue_timeout_seconds}
    return ", ".join(f"{seconds} s {what}" for what, seconds in limits.items() if seconds is not None)


def _size(overrides: Mapping[str, Any], kind: str, asked: str) -> str:
    used = next(one["value"] for one in overrides["resourceRequirements"] if one["type"] == kind)
    return used if used == asked else f"{used} (asked for {asked})"


def _containers(planned: PlannedStep) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The container of the definition and its overrides: those of the one node range, where there are nodes."""
    if "nodeProperties" in planned.definition:
        (nodes,) = planned.definition["nodeProperties"]["nodeRangeProperties"]
        (overrides,) = planned.submit["nodeOverrides"]["nodePropertyOverrides"]
        return nodes["container"], overrides["containerOverrides"]
    return planned.definition["containerProperties"], planned.submit["containerOverrides"]


def _indented(value: Any, before: str = "") -> Iterator[str]:
    """JSON, with each object and list on one line that fits there; `before` stands on its first line."""
    line = before + json.dumps(_shortened(value), ensure_ascii=False)
    if len(line) <= _WIDTH or not isinstance(value, (dict, list)) or not value:
        yield line
        return
    begin, end = "{}" if isinstance(value, dict) else "[]"
    named = (
        [(f"{json.dumps(name)}: ", one) for name, one in value.items()]
        if isinstance(value, dict)
        else [("", one) for one in value]
    )
    yield before + begin
    for position, (name, one) in enumerate(named, 1):
        *lines, last = _indented(one, name)
        yield from (f"  {inner}" for inner in lines)
        yield f"  {last}{',' if position < len(named) else ''}"
    yield end


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shortened(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_shortened(one) for one in value]
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"{value.splitlines()[0][:_LONGEST_VALUE]}… ({len(value):,} characters)"
    return value
