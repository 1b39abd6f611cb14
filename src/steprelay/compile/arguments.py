"""The arguments of a decorator: names, types and values, checked by a model and said in the words of Python."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from steprelay.compile.problems import CompileProblem, Place
from steprelay.sdk.decoration import Decoration
from steprelay_core.spec.allowed import explain
from steprelay_core.spec.problems import nearest
from steprelay_core.spec.schema import json_schema

M = TypeVar("M", bound=BaseModel)


class Checked:
    """A decoration's arguments on their way to a model. None counts as not given, as the documentation has it."""

    def __init__(self, decoration: Decoration) -> None:
        self.name = decoration.name
        self.place = Place.of(decoration.file, decoration.line)
        self.problems: list[CompileProblem] = []
        self.values = {name: value for name, value in decoration.arguments.items() if value is not None}
        if decoration.positional:
            given = ", ".join(repr(value) for value in decoration.positional)
            self.say(f"takes named arguments only, given {given}", f"name them: @{self.name}(<name>={given})")

    def say(self, message: str, hint: str | None = None) -> None:
        self.problems.append(self.place.problem(f"@{self.name} {message}", hint))

    def only(self, known: Iterable[str]) -> None:
        """Refuse, and take out, arguments of other names."""
        names = list(known)
        for name in [name for name in self.values if name not in names]:
            hint = nearest(name, names) or (f"known: {', '.join(names)}" if names else "it takes none")
            self.say(f"has no argument {name!r}", hint)
            del self.values[name]

    def read(self, model: type[M], values: Mapping[str, Any] | None = None) -> M | None:
        """The arguments as the model, or None and the problems where it refuses them."""
        try:
            return model.model_validate(dict(self.values if values is None else values))
        except ValidationError as error:
            errors = error.errors(include_url=False)
        for fault in explain(_schema(model), errors):
            self.problems.append(self.place.problem(f"@{self.name}: {fault.message}", fault.hint))
        return None


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return json_schema(model)
