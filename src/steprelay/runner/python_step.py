"""A step that is a method of a flow class."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from steprelay.runner.brief import JOINS
from steprelay.runner.checkpoint import TaskCheckpoint
from steprelay.runner.entrypoint import EntrypointError, load_flow
from steprelay.runner.parents import carried_artifacts, common_artifacts, stack_of
from steprelay.runner.watchdog import TimeLimit
from steprelay.runner.work import Context, Remains
from steprelay.sdk.binding import Binding, Frame, bind, values_of
from steprelay.sdk.current import RunningTask, current
from steprelay.sdk.decoration import step_meta
from steprelay.sdk.flow import FlowSpec
from steprelay.sdk.inputs import Inputs
from steprelay.sdk.parallel import Parallel
from steprelay.sdk.parameters import Parameter, Parameters, parameters_of


class PythonStep:
    """Runs the method on a flow object that finds its artifacts in the store."""

    def __init__(self, context: Context, package: Path, parallel: Parallel, checkpoint: TaskCheckpoint) -> None:
        self._context, self._package, self._parallel = context, package, parallel
        self._checkpoint = checkpoint
        self._bound: tuple[FlowSpec, Binding] | None = None

    def run(self, limit: TimeLimit) -> None:
        """Import the flow and run the step, each within its time; what they raise comes through."""
        brief = self._context.task.brief
        if brief.entrypoint is None:
            raise EntrypointError(f"step {brief.step!r} has neither a command nor an entrypoint")
        with limit.of_import(brief.entrypoint.file):
            flow_class = load_flow(brief.entrypoint, self._package)
        method = getattr(flow_class, brief.step, None)
        meta = step_meta(method)
        if meta is None or not meta.is_step:
            raise EntrypointError(f"class {flow_class.__name__} has no @step {brief.step!r}")
        parameters = given_parameters(flow_class, brief.parameters)
        flow, binding = self._bind(flow_class, parameters)
        given: list[Inputs] = []
        if binding.join:
            given.append(Inputs(self._context.parents.all, flow_class, parameters))
        current.enter(running_task(self._context, parameters, self._parallel, binding.stack, self._checkpoint))
        try:
            with limit.of_code():
                getattr(flow, brief.step)(*given)
        finally:
            current.leave()

    def remains(self) -> Remains:
        """What the step has left so far."""
        if self._bound is None:
            return self._context.untouched()
        flow, binding = self._bound
        return Remains(binding.carried, values_of(flow), binding.loaded, binding.taken)

    def _bind(self, flow_class: type[FlowSpec], parameters: dict[str, Any]) -> tuple[FlowSpec, Binding]:
        context, brief = self._context, self._context.task.brief
        binding = Binding(
            step=brief.step,
            join=brief.input_kind in JOINS,
            ways=brief.ways,
            parameters=parameters,
            stack=[context.parents.frame(frame) for frame in stack_of(context.task, context.parents)],
            carried=carried_artifacts(context.task, context.parents),
            load=context.reader.load,
            pack=context.pack,
            common=common_artifacts(context.parents),
        )
        # Without __init__, which is where a script hands over to the command line.
        flow = flow_class.__new__(flow_class)
        bind(flow, binding)
        self._bound = (flow, binding)
        return self._bound


def given_parameters(flow_class: type, given: Any) -> dict[str, Any]:
    """The run's parameters by name, read as the flow declares them, with the declared defaults.

    Raises:
        ValueError: if a value is not of its parameter's type.
    """
    declared: dict[str, Parameter] = {each.name: each for each in parameters_of(flow_class).values()}
    defaults = {name: each.convert(each.default) for name, each in declared.items() if name not in given}
    values = {name: declared[name].convert(value) if name in declared else value for name, value in given.items()}
    return {**defaults, **values}


def running_task(
    context: Context,
    parameters: dict[str, Any],
    parallel: Parallel,
    stack: Sequence[Frame],
    checkpoint: TaskCheckpoint,
) -> RunningTask:
    """The task as `current` shows it."""
    task, brief = context.task, context.task.brief
    return RunningTask(
        flow_name=brief.flow,
        run_id=brief.run,
        step_name=brief.step,
        task_id=task.name,
        split=task.split,
        attempt=brief.attempt,
        max_attempts=brief.max_attempts,
        origin_kind=str(brief.origin.get("kind", "")),
        origin_detail=dict(brief.origin.get("detail") or {}),
        tempdir=brief.tempdir or tempfile.gettempdir(),
        parameters=Parameters(parameters),
        parallel=parallel,
        checkpoint=checkpoint,
        stack=stack,
    )
