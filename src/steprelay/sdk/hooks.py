"""What an exit hook is given: the run that has ended."""

from collections.abc import Callable
from typing import Any, NamedTuple

from steprelay.sdk.parameters import Parameters


class FirstFailure(NamedTuple):
    """Why a run failed: its first cause, not what followed from it.

    `step` and `task` are None where no task but the whole run took too long. `failure_class`: an id of
    docs/failures.md. `log_lines`: the last ones of the attempt, as far as the relay could read them; `log_link`: the
    page of the AWS console that has all of them. `budget`: why there was no further attempt.
    """

    step: str | None
    task: str | None
    attempt: int
    failure_class: str
    reason: str
    exit_code: int | None = None
    log_stream: str | None = None
    log_link: str | None = None
    log_lines: tuple[str, ...] = ()
    budget: str = ""


class EndedRun(NamedTuple):
    """The run. `status` is SUCCEEDED or FAILED, and `failure` then says why.

    `data` has the artifacts of the last step as attributes, each read when it is asked for.
    """

    id: str
    flow: str
    status: str
    parameters: Parameters
    failure: FirstFailure | None
    data: Any

    @property
    def succeeded(self) -> bool:
        return self.status == "SUCCEEDED"


class NoData:
    """The artifacts of a run that did not get to its last step."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"there is no artifact {name!r}: the run failed before its last step; ask `run.failure`")

    def __repr__(self) -> str:
        return "<no artifacts>"


Hook = Callable[[EndedRun], object] | Callable[[], object]


def takes_run(function: Callable[..., object]) -> bool:
    """Whether a hook wants to be given the run.

    Raises:
        TypeError: if it needs more than that.
    """
    from inspect import Parameter, signature  # not at the top: few flows come here, and all import this package

    known = list(signature(function).parameters.values())
    places = [one for one in known if one.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    needed = [one.name for one in places[1:] if one.default is Parameter.empty]
    needed += [one.name for one in known if one.kind is Parameter.KEYWORD_ONLY and one.default is Parameter.empty]
    if needed:
        raise TypeError(f"it needs {', '.join(needed)} besides the run")
    return bool(places) or any(one.kind is Parameter.VAR_POSITIONAL for one in known)
