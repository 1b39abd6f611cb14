"""`--with DECORATOR:key=value,…`: what the command line asks of steps beyond their decorators."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from steprelay.compile.refusals import refusals
from steprelay.compile.signatures import CatchArguments, EnvironmentArguments, ResourcesArguments, TimeoutArguments
from steprelay.compile.values import is_broken, readings, split_arguments
from steprelay_core.spec import Batch, Problem, Retry, nearest
from steprelay_core.spec.types import Model

MODELS: dict[str, type[Model]] = {
    "batch": Batch,
    "resources": ResourcesArguments,
    "retry": Retry,
    "timeout": TimeoutArguments,
    "catch": CatchArguments,
    "environment": EnvironmentArguments,
}
_FORM = "write --with DECORATOR:name=value,… or --with STEP/DECORATOR:name=value,…"
# A shell takes quotes, brackets and braces for its own.
_QUOTED = "and put the whole option in single quotes"
_EXAMPLES = {"vars": {"NAME": "value"}}


@dataclass(frozen=True, slots=True)
class Override:
    """One `--with`, checked. None among the arguments means "as if not given". No `step`: every step."""

    decorator: str
    arguments: dict[str, Any]
    step: str | None
    text: str

    @property
    def only_takes_away(self) -> bool:
        """Whether it says nothing to a step that does not have the decorator."""
        return bool(self.arguments) and all(value is None for value in self.arguments.values())

    @property
    def given(self) -> dict[str, Any]:
        return {name: value for name, value in self.arguments.items() if value is not None}


class OverrideError(ValueError):
    """`--with` options that cannot be used, with every problem found; the `path` of each is the option as typed.

    `overrides` hold what is right in all of them, so that the flow's own problems can be told beside these.
    """

    def __init__(self, problems: Iterable[Problem], overrides: Iterable[Override] = ()) -> None:
        self.problems = tuple(problems)
        self.overrides = tuple(overrides)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def read_overrides(texts: Sequence[str]) -> tuple[Override, ...]:
    """Read what was typed behind each `--with`: `[STEP/]DECORATOR[:name=value,…]`.

    A value is JSON, else a Python literal, else the text as typed: the first of these that the parameter takes.
    Whether the flow has the steps is for the compiler to say.

    Raises:
        OverrideError: with every problem of all of them.
    """
    problems: list[Problem] = []
    overrides = tuple(_read(text, problems) for text in texts)
    if problems:
        raise OverrideError(problems, overrides)
    return overrides


def lost(overrides: Iterable[Override], steps: Iterable[str]) -> Iterator[Problem]:
    """A problem for each override that aims at a step which the flow does not have."""
    names = list(steps)
    for override in overrides:
        if override.step is not None and override.step not in names:
            hint = nearest(override.step, names) or f"steps: {', '.join(names)}"
            yield Problem(f"--with {override.text}", f"the flow has no step {override.step!r}", hint)


def _read(text: str, problems: list[Problem]) -> Override:
    head, _, given = text.partition(":")
    aim, slash, name = (part.strip() for part in head.rpartition("/"))
    found = _heading(aim, slash, name, given)
    arguments: dict[str, Any] = {}
    if name in MODELS:
        for problem in _arguments(name, given, arguments):
            found.append(problem)
        if name == "timeout" and not found and not _gives_time(arguments):
            found.append(("gives no time", "for example --with timeout:hours=2"))
            arguments.clear()
    problems += [Problem(f"--with {text}", message, hint) for message, hint in found]
    return Override(name, arguments, aim or None, text)


Said = tuple[str, str | None]


def _heading(aim: str, slash: str, name: str, given: str) -> list[Said]:
    if not name:
        return [("names no decorator", _FORM)]
    if name not in MODELS:
        known = nearest(name.removeprefix("@"), MODELS) or f"known: {', '.join(MODELS)}"
        if not aim and not name.startswith("@"):
            known += ("" if known.endswith("?") else ".") + _for_one_step(name, given)
        return [(f"there is no decorator {name!r} to give by --with", known)]
    return [("names no step in front of the /", _FORM)] if slash and not aim else []


def _for_one_step(name: str, given: str) -> str:
    """What whoever names a step in the decorator's place may mean. Which steps there are is not known here."""
    names = {argument for argument, _ in split_arguments(given)}
    decorator = next((known for known, model in MODELS.items() if names <= model.model_fields.keys()), "batch")
    return f" If {name!r} is a step: --with {name}/{decorator}" + (f":{given}" if given else "")


def _arguments(decorator: str, text: str, arguments: dict[str, Any]) -> Iterator[Said]:
    """Fill in the arguments that are right, and say what is wrong with the others."""
    model, seen = MODELS[decorator], set[str]()
    for name, typed in split_arguments(text):
        if not name if typed is None else typed.endswith(","):
            yield f"has a comma left over{f' behind {name!r}' if name else ''}", "take it out"
        elif name not in model.model_fields:
            hint = nearest(name, model.model_fields) or f"known: {', '.join(model.model_fields)}"
            yield f"@{decorator} has no argument {name!r}", hint
        elif typed is None:
            yield f"gives {name!r} no value", f"write {name}=<value>"
        elif name in seen:
            yield f"gives {name!r} twice", "keep one"
        elif is_broken(typed):
            yield f"{name!r} begins with a bracket or quote that does not end with it: {typed}", f"close it, {_QUOTED}"
        else:
            yield from _value(model, name, typed, arguments)
        seen.add(name)


def _value(model: type[Model], name: str, typed: str, arguments: dict[str, Any]) -> Iterator[Said]:
    refused = None
    for value in readings(typed):
        faults = [] if value is None else refusals(model, {name: value})
        if not faults:
            arguments[name] = value
            return
        refused = refused or faults
    for fault in refused or ():
        yield fault.message, fault.hint or _example(model, name)


def _example(model: type[Model], name: str) -> str | None:
    """How to write a value that is more than a word."""
    examples = model.model_fields[name].examples or [_EXAMPLES.get(name)]
    if not isinstance(examples[0], (list, dict)):
        return None
    return f"for example {name}={json.dumps(examples[0], separators=(',', ':'))}, {_QUOTED}"


def _gives_time(arguments: dict[str, Any]) -> bool:
    return None in arguments.values() or any(arguments.values())
