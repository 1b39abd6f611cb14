"""The decorators. They only record (`steprelay.sdk.decoration`); nothing is checked or changed here.

Each works with and without parentheses, and in any order around `@step`.
"""

from collections.abc import Callable
from typing import Any, TypeVar, Unpack, overload

from steprelay.sdk.arguments import (
    BatchArguments,
    CatchArguments,
    EnvironmentArguments,
    ExitHookArguments,
    ResourcesArguments,
    RetryArguments,
    ScheduleArguments,
    TimeoutArguments,
    TriggerArguments,
)
from steprelay.sdk.decoration import record

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)


@overload
def step(function: F, /) -> F: ...
@overload
def step() -> Callable[[F], F]: ...
def step(*given: Any, **arguments: Any) -> Any:
    """Make a method of a `FlowSpec` a step. With a second argument, `inputs`, the step is a join."""
    return record("step", given, arguments)


@overload
def batch(function: F, /) -> F: ...
@overload
def batch(**arguments: Unpack[BatchArguments]) -> Callable[[F], F]: ...
def batch(*given: Any, **arguments: Any) -> Any:
    """Run the step as an AWS Batch job with these resources; a step without it runs in a Lambda function.

    What is not given comes from the configuration of whoever packs the flow, then from the relay; `--with
    batch:cpu=8` on the command line goes over what is given here.
    """
    return record("batch", given, arguments)


@overload
def resources(function: F, /) -> F: ...
@overload
def resources(**arguments: Unpack[ResourcesArguments]) -> Callable[[F], F]: ...
def resources(*given: Any, **arguments: Any) -> Any:
    """What the step needs wherever it runs; beside `@batch` the larger value of each counts.

    As in Metaflow its defaults count too: beside a bare `@resources` a job has at least 1 vCPU and 4096 MiB.
    """
    return record("resources", given, arguments)


@overload
def retry(function: F, /) -> F: ...
@overload
def retry(**arguments: Unpack[RetryArguments]) -> Callable[[F], F]: ...
def retry(*given: Any, **arguments: Any) -> Any:
    """Try again after a failure or a timeout, `times` times, waits that `backoff` multiplies and `jitter` spreads.

    Lost machines, and memory that grows (`max_memory`, `memory_factor`), cost none of these; `times=0` forbids all.
    `on`: after failures of these classes only; `exit_codes_no_retry`: a program that ends so has failed for good.
    """
    return record("retry", given, arguments)


@overload
def timeout(function: F, /) -> F: ...
@overload
def timeout(**arguments: Unpack[TimeoutArguments]) -> Callable[[F], F]: ...
def timeout(*given: Any, **arguments: Any) -> Any:
    """Limit one attempt; after that the step gets a `TimeoutException`.

    `queue_minutes` and its like limit how long the step's job may wait for a machine; after that it goes to the next
    of its queues, or fails.

    On the flow's class it limits a whole run: after that all its jobs are stopped, and it fails.
    """
    return record("timeout", given, arguments)


@overload
def catch(function: F, /) -> F: ...
@overload
def catch(**arguments: Unpack[CatchArguments]) -> Callable[[F], F]: ...
def catch(*given: Any, **arguments: Any) -> Any:
    """After the last attempt failed, go on with the exception in artifact `var` (None when all went well)."""
    return record("catch", given, arguments)


@overload
def environment(function: F, /) -> F: ...
@overload
def environment(**arguments: Unpack[EnvironmentArguments]) -> Callable[[F], F]: ...
def environment(*given: Any, **arguments: Any) -> Any:
    """Set environment variables before the step's code is imported."""
    return record("environment", given, arguments)


@overload
def schedule(flow: C, /) -> C: ...
@overload
def schedule(**arguments: Unpack[ScheduleArguments]) -> Callable[[C], C]: ...
def schedule(*given: Any, **arguments: Any) -> Any:
    """Start the deployed flow by time: `cron`, `hourly`, `daily` or `weekly`, in a `timezone`."""
    return record("schedule", given, arguments)


@overload
def trigger(flow: C, /) -> C: ...
@overload
def trigger(**arguments: Unpack[TriggerArguments]) -> Callable[[C], C]: ...
def trigger(*given: Any, **arguments: Any) -> Any:
    """Start the deployed flow by an event of this name (`detail-type`) on the relay's bus."""
    return record("trigger", given, arguments)


@overload
def exit_hook(flow: C, /) -> C: ...
@overload
def exit_hook(**arguments: Unpack[ExitHookArguments]) -> Callable[[C], C]: ...
def exit_hook(*given: Any, **arguments: Any) -> Any:
    """Call functions of the flow's file once a run has succeeded, or failed: `def notify(run): ...`.

    They run as light steps, at least once, and cannot change how the run has ended. A cancelled run calls none.
    """
    return record("exit_hook", given, arguments)
