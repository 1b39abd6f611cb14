"""An exit hook: a function of the flow's file that is given the run which has ended."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from steprelay.runner.brief import Ended
from steprelay.runner.checkpoint import TaskCheckpoint
from steprelay.runner.entrypoint import EntrypointError, load_flow
from steprelay.runner.python_step import given_parameters, running_task
from steprelay.runner.watchdog import TimeLimit
from steprelay.runner.work import Context, Remains
from steprelay.sdk.current import current
from steprelay.sdk.hooks import EndedRun, FirstFailure, NoData, takes_run
from steprelay.sdk.inputs import Input
from steprelay.sdk.parallel import Parallel
from steprelay.sdk.parameters import Parameters


class HookStep:
    """Calls the function that the brief names; it leaves nothing but its outcome."""

    def __init__(self, context: Context, package: Path, ended: Ended, checkpoint: TaskCheckpoint) -> None:
        self._context, self._package, self._ended, self._checkpoint = context, package, ended, checkpoint

    def run(self, limit: TimeLimit) -> None:
        """Import the flow's file and call the function; what they raise comes through."""
        brief = self._context.task.brief
        if brief.entrypoint is None:
            raise EntrypointError(f"exit hook {brief.step!r} has neither a command nor an entrypoint")
        with limit.of_import(brief.entrypoint.file):
            flow_class = load_flow(brief.entrypoint, self._package)
        function = _function(flow_class, brief.step)
        parameters = given_parameters(flow_class, brief.parameters)
        current.enter(running_task(self._context, parameters, Parallel(), (), self._checkpoint))
        try:
            given = [self._run(flow_class, parameters)] if takes_run(function) else []
            with limit.of_code():
                function(*given)
        finally:
            current.leave()

    def remains(self) -> Remains:
        """Nothing: the run is over."""
        return Remains({})

    def _run(self, flow_class: type, parameters: Mapping[str, Any]) -> EndedRun:
        brief, last = self._context.task.brief, self._context.parents.first
        data = NoData() if last is None else Input(last, flow_class, parameters)
        failure = None if self._ended.failure is None else _failure(self._ended.failure)
        return EndedRun(brief.run, brief.flow, self._ended.status, Parameters(parameters), failure, data)


def _function(flow_class: type, name: str) -> Callable[..., object]:
    function: Callable[..., object] | None = getattr(sys.modules[flow_class.__module__], name, None)
    if not callable(function):
        raise EntrypointError(f"the flow's file has no function {name!r}, which the spec names as an exit hook")
    return function


def _failure(told: Mapping[str, Any]) -> FirstFailure:
    return FirstFailure(
        told.get("step"),
        told.get("task") or None,
        told.get("attempt", 0),
        told["class"],
        told.get("reason", ""),
        told.get("exit_code"),
        told.get("log_stream"),
        told.get("log_link"),
        tuple(told.get("log_lines") or ()),
        told.get("budget", ""),
    )
