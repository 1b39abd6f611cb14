"""`@exit_hook` on a flow's class: which functions of its file are called when a run has ended."""

from collections.abc import Iterator, Mapping
from inspect import iscoroutinefunction
from types import FunctionType
from typing import Any

from steprelay.compile.arguments import Checked
from steprelay.sdk.hooks import takes_run

_ENDS = {"on_success": "success", "on_error": "error"}


def read_hooks(checked: Checked, file: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The spec's `hooks`; `file`: the names at the top of the flow's file, by which the runner finds them."""
    checked.only(_ENDS)
    if not checked.values and not checked.problems:
        checked.say("names no function", "for example @exit_hook(on_success=[notify], on_error=[notify])")
    found: dict[str, list[str]] = {}
    for argument, end in _ENDS.items():
        given = checked.values.get(argument, ())
        for name in _names(checked, argument, given if isinstance(given, (list, tuple)) else [given], file):
            ends = found.setdefault(name, [])
            ends += [] if end in ends else [end]
    return [{"name": name, "on": ends} for name, ends in found.items()]


def _names(
    checked: Checked, argument: str, given: list[Any] | tuple[Any, ...], file: Mapping[str, Any]
) -> Iterator[str]:
    for hook in given:
        if not isinstance(hook, FunctionType):
            checked.say(f"{argument} takes functions, given {hook!r}", f"{argument}=[notify], without calling it")
        elif not _is_at_top(hook, file):
            hint = f"write `def {_name(hook.__name__)}(run): ...` above the class, or import it there by its own name"
            checked.say(f"{argument}: {hook.__qualname__} is no function at the top of the flow's file", hint)
        elif (fault := _fault(hook)) is not None:
            checked.say(
                f"{argument}: {hook.__name__} cannot be called with a run: {fault}", f"def {hook.__name__}(run):"
            )
        else:
            yield hook.__name__


def _is_at_top(hook: FunctionType, file: Mapping[str, Any]) -> bool:
    return file.get(hook.__name__) is hook


def _name(written: str) -> str:
    return written if written.isidentifier() else "notify"


def _fault(hook: FunctionType) -> str | None:
    if iscoroutinefunction(hook):
        return "it is asynchronous"
    try:
        takes_run(hook)
    except TypeError as error:
        return str(error)
    return None
