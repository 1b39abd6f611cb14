"""Values for the parameters of a run: from text or JSON to the types that the spec asks for."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from steprelay_core.spec import Problem, Spec, SpecError, nearest
from steprelay_core.spec.models import Parameter

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_parameters(spec: Spec, given: Mapping[str, Any], path: str = "parameters") -> dict[str, Any]:
    """The value of every parameter of the flow: the given one, else its default, else None.

    Text is read as the parameter's type says (from a command line or an event); other JSON values must have it.

    Raises:
        SpecError: with a problem for each parameter that is unknown, missing or not of its type; their paths begin
            with `path`.
    """
    problems = [
        Problem(
            f"{path}.{name}",
            f"the flow has no parameter {name!r}",
            nearest(name, spec.parameters) or f"parameters are: {', '.join(spec.parameters) or 'none'}",
        )
        for name in given
        if name not in spec.parameters
    ]
    values: dict[str, Any] = {}
    for name, parameter in spec.parameters.items():
        if name not in given:
            values[name] = parameter.default
            if parameter.required and parameter.default is None:
                problems.append(Problem(f"{path}.{name}", f"parameter {name!r} is required", parameter.help))
            continue
        try:
            values[name] = _READERS[parameter.type](given[name])
        except ValueError as error:
            problems.append(_wrong(f"{path}.{name}", parameter, given[name], str(error)))
    if problems:
        raise SpecError(problems)
    return values


def _wrong(path: str, parameter: Parameter, given: Any, why: str) -> Problem:
    text = json.dumps(given, default=str)
    shown = text if len(text) <= 60 else f"{text[:57]}…"
    return Problem(path, f"must be {why}, given {shown}", parameter.help)


def _text(given: Any) -> str:
    if isinstance(given, str):
        return given
    raise ValueError("text")


def _int(given: Any) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    # The limit is Python's own for reading integers from text.
    if isinstance(given, str) and len(given) <= 4300 and given.strip().removeprefix("-").isdecimal():
        return int(given)
    raise ValueError("a whole number")


def _float(given: Any) -> float:
    if isinstance(given, int | float | str) and not isinstance(given, bool):
        try:
            number = float(given)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise ValueError("a number")


def _bool(given: Any) -> bool:
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.strip().lower() in _BOOLEANS:
        return _BOOLEANS[given.strip().lower()]
    raise ValueError("true or false")


def _json(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        raise ValueError('JSON (text is read as JSON; a text value is written "\\"so\\"")') from None


_READERS: dict[str, Callable[[Any], Any]] = {"str": _text, "int": _int, "float": _float, "bool": _bool, "json": _json}
