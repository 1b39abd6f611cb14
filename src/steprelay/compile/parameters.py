"""The parameters of a flow class, as the spec lists them."""

import json
from typing import Any

from steprelay.compile.problems import CompileProblem, Place
from steprelay.compile.source import FlowSource
from steprelay.sdk.parameters import Parameter, parameters_of
from steprelay_core.spec.allowed import short
from steprelay_core.spec.problems import nearest

_ARGUMENTS = ("name", "default", "type", "required", "help")
_TYPES = "str, int, float, bool or JSONType"


def read_parameters(source: FlowSource) -> tuple[dict[str, dict[str, Any]], list[CompileProblem]]:
    """The spec's `parameters` by name, and what is wrong with those left out."""
    found: dict[str, dict[str, Any]] = {}
    problems: list[CompileProblem] = []
    for attribute, parameter in parameters_of(source.flow_class).items():
        place = source.place_of(attribute)
        wrong = _problems(parameter, place)
        if parameter.name in found:
            wrong.append(place.problem(f"two parameters are named {parameter.name!r}", "a run gives them by name"))
        problems += wrong
        if not wrong:
            found[parameter.name] = _fields(parameter)
    return found, problems


def _fields(parameter: Parameter) -> dict[str, Any]:
    default = parameter.convert(parameter.default)
    given = {"type": parameter.type_name, "default": default, "required": parameter.required, "help": parameter.help}
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in given.items() if value is not None
    }


def _problems(parameter: Parameter, place: Place) -> list[CompileProblem]:
    who = f"parameter {parameter.name!r}"
    wrong = [
        place.problem(f"{who} has no argument {name!r}", nearest(name, _ARGUMENTS) or f"known: {', '.join(_ARGUMENTS)}")
        for name in parameter.unknown
    ]
    if not isinstance(parameter.name, str) or not parameter.name.isidentifier() or not parameter.name.isascii():
        wrong.append(place.problem(f"{who} must be named by letters, digits and `_`, no digit first"))
    if parameter.type_name is None:
        kind = parameter.type if parameter.type is not None else type(parameter.default)
        wrong.append(place.problem(f"{who} cannot be of type {getattr(kind, '__name__', kind)!r}", f"types: {_TYPES}"))
        return wrong
    if parameter.help is not None and not isinstance(parameter.help, str):
        wrong.append(place.problem(f"{who}: 'help' must be text, given {short(parameter.help)}"))
    if parameter.required and parameter.default is not None:
        wrong.append(place.problem(f"{who} is required and has a default", "keep one of the two"))
    return wrong + _default_problems(parameter, place, who)


def _default_problems(parameter: Parameter, place: Place, who: str) -> list[CompileProblem]:
    try:
        default = parameter.convert(parameter.default)
        json.dumps(default, allow_nan=False)
    except (TypeError, ValueError):
        message = f"{who}: the default {short(parameter.default)} is no {parameter.type_name}"
        return [place.problem(message, "a default must be a value that JSON can hold")]
    if parameter.type_name == "str" and default is not None and not isinstance(default, str):
        return [place.problem(f"{who}: the default {short(default)} is no text", "give it a type, or quote it")]
    return []
