"""From JSON to a checked spec: every problem at once, each with its path, what was given and a hint."""

import json
import keyword
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from steprelay_core.spec.allowed import explain
from steprelay_core.spec.batch import Batch, batch_problems
from steprelay_core.spec.graph import Graph, build_graph
from steprelay_core.spec.hooks import hook_problems
from steprelay_core.spec.models import SPEC_VERSION, Spec, Step, Transition
from steprelay_core.spec.problems import Problem, SpecError, nearest
from steprelay_core.spec.schema import spec_schema

# A light step runs in a Lambda function: 900 s is Lambda's limit, less what claiming and reporting take.
LIGHT_STEP_SECONDS = 840

# What `self` has of its own in every step of a `FlowSpec`.
NAMES_OF_FLOWS = frozenset({"next", "input", "index", "foreach_stack", "merge_artifacts"})


@dataclass(frozen=True)
class Flow:
    """A validated spec with its graph: what the dispatcher works from."""

    spec: Spec
    graph: Graph

    @property
    def name(self) -> str:
        return self.spec.flow

    def step(self, name: str) -> Step:
        return self.spec.steps[name]

    def max_workers(self, way: Transition) -> int | None:
        """How many tasks of each step of a foreach's body are in flight at a time, at most; None for no limit."""
        return (way.max_workers or self.spec.max_workers) if way.foreach is not None else None

    @cached_property
    def parents(self) -> dict[str, tuple[str, ...]]:
        """For each step the steps that lead to it, in the order written."""
        found: dict[str, list[str]] = {name: [] for name in self.spec.steps}
        for name, step in self.spec.steps.items():
            for transition in step.next:
                for following in transition.to:
                    if name not in found[following]:
                        found[following].append(name)
        return {name: tuple(parents) for name, parents in found.items()}


def parse_spec(raw: bytes | str) -> Flow:
    """Read a `steprelay.json`.

    Raises:
        SpecError: with every problem found; a JSON syntax error is one problem with line and column.
    """
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise SpecError([Problem("", f"the spec is not JSON: {error}")]) from None
    return validate_spec(document)


def validate_spec(document: Any) -> Flow:
    """Check a decoded spec.

    Raises:
        SpecError: with every problem found in it.
    """
    if not isinstance(document, dict):
        raise SpecError([Problem("", f"the spec must be a JSON object, not {type(document).__name__}")])
    version = document.get("spec_version")
    if isinstance(version, int) and version > SPEC_VERSION:
        raise SpecError(
            [
                Problem(
                    "spec_version",
                    f"the spec has version {version}, this relay reads up to {SPEC_VERSION}",
                    "update the relay, or package with an older steprelay",
                )
            ]
        )
    try:
        spec = Spec.model_validate(document)
    except ValidationError as error:
        raise SpecError(_refused(error)) from None
    flow = Flow(spec, build_graph(spec))
    problems = [*flow.graph.problems, *_step_problems(flow), *hook_problems(spec)]
    if problems:
        raise SpecError(problems)
    return flow


def _refused(error: ValidationError) -> Iterator[Problem]:
    for fault in explain(spec_schema(), error.errors(include_url=False)):
        step = str(fault.loc[1]) if len(fault.loc) > 1 and fault.loc[0] == "steps" else None
        yield Problem(fault.path, fault.message, fault.hint, step)


def _step_problems(flow: Flow) -> Iterator[Problem]:
    """What no single field can know: how the parts of a step go together."""
    spec = flow.spec
    for name, step in spec.steps.items():
        path = f"steps.{name}"
        if step.command is None and spec.entrypoint is None:
            yield Problem(
                f"{path}.command",
                f"step {name!r} has nothing to run",
                "give it a `command`, or the flow an `entrypoint`",
                name,
            )
        if any(way.max_workers is not None and way.foreach is None for way in step.next):
            yield Problem(f"{path}.next", "`max_workers` bounds a foreach, and this way is none", "leave it out", name)
        yield from _unreadable_catch(spec, name, step)
        if not step.package:
            yield from _without_runner(flow, name, step)
        if step.batch is not None:
            yield from batch_problems(step.batch, f"{path}.batch", name)
            yield from _twice_in_the_environment(name, step, step.batch)
        if step.batch is None and (step.timeout_seconds or 0) > LIGHT_STEP_SECONDS:
            yield Problem(
                f"{path}.timeout_seconds",
                f"a light step may take {LIGHT_STEP_SECONDS} s, it asks for {step.timeout_seconds} s",
                "add @batch to the step",
                name,
            )
        if step.batch is None and step.queue_timeout_seconds is not None:
            yield Problem(
                f"{path}.queue_timeout_seconds",
                "a light step waits in no queue, so its waiting has no limit",
                "add @batch to the step, or leave it out",
                name,
            )
    yield from _trigger_problems(spec)


def _unreadable_catch(spec: Spec, name: str, step: Step) -> Iterator[Problem]:
    """`@catch` must not leave the failure where something else is read, or nothing can be."""
    var = step.catch.var if step.catch is not None else None
    taken = "a parameter" if var in spec.parameters else "a step" if var in spec.steps else None
    if var in NAMES_OF_FLOWS or keyword.iskeyword(var or ""):
        taken = "something else in every step"
    if taken is not None:
        message = f"the failure cannot be left in {var!r}, which is the name of {taken}"
        yield Problem(f"steps.{name}.catch.var", message, "give the artifact a name of its own", name)


def _twice_in_the_environment(name: str, step: Step, batch: Batch) -> Iterator[Problem]:
    for variable in sorted(step.environment.keys() & batch.secrets):
        message = f"{variable!r} is a secret and a variable of the environment"
        yield Problem(f"steps.{name}.batch.secrets.{variable}", message, "keep one of the two", name)


def _without_runner(flow: Flow, name: str, step: Step) -> Iterator[Problem]:
    """Steps with `package: false` have nobody to choose, to fan out, or to find their place in a foreach."""
    path = f"steps.{name}"
    if step.command is None or step.batch is None or step.batch.image is None:
        yield Problem(f"{path}.package", "`package: false` needs a `command` and a `batch` with an `image`", None, name)
    if len(step.next) > 1 or any(way.foreach is not None for way in step.next):
        hint = "let a step before or after it decide"
        yield Problem(f"{path}.next", "a step without the runner cannot choose or fan out", hint, name)
    if name in flow.graph.splits and flow.graph.depth(name):
        hint = "use an image with Python and leave `package` out"
        yield Problem(f"{path}.package", "a step inside a foreach needs the runner to know its item", hint, name)


def _trigger_problems(spec: Spec) -> Iterator[Problem]:
    for index, schedule in enumerate(spec.schedules):
        for name in schedule.parameters:
            if name not in spec.parameters:
                yield Problem(
                    f"schedules.{index}.parameters.{name}",
                    f"the flow has no parameter {name!r}",
                    nearest(name, spec.parameters),
                )
    for index, trigger in enumerate(spec.triggers):
        for name in trigger.parameters or {}:
            if name not in spec.parameters:
                yield Problem(
                    f"triggers.{index}.parameters.{name}",
                    f"the flow has no parameter {name!r}",
                    nearest(name, spec.parameters),
                )
