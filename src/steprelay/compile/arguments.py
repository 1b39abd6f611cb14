"""The arguments of a decorator: names, types and values, checked by a model and said in the words of Python."""

from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from steprelay.compile.culprits import Where
from steprelay.compile.overrides import Override
from steprelay.compile.problems import CompileProblem, Place
from steprelay.compile.refusals import faults_of, refusals
from steprelay.sdk.decoration import Decoration
from steprelay_core.spec.allowed import Fault
from steprelay_core.spec.problems import nearest

M = TypeVar("M", bound=BaseModel)

TAGS = "aws_batch_tags"
# Mappings of names that people choose: the command line adds to them, and takes the place of the whole elsewhere.
_ADDED_TO = (TAGS, "vars")


class Checked:
    """What one decorator of a step is given, on its way to a model. None counts as not given.

    `origins` says of each value who gave it, and of tags who gave each; `commanded` are the names given by `--with`.
    """

    def __init__(self, name: str, place: Place, origin: str, label: str, arguments: Mapping[str, Any]) -> None:
        self.name, self.place, self.origin, self.label = name, place, origin, label
        self.problems: list[CompileProblem] = []
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.commanded: set[str] = set()
        for argument, value in arguments.items():
            self._give(argument, value, origin)

    @classmethod
    def written(cls, decoration: Decoration) -> "Checked":
        """A decorator as it stands in the source."""
        place = Place.of(decoration.file, decoration.line)
        label = f"@{decoration.name}"
        origin = f"{label} ({Path(place.file).name}:{place.line})"
        checked = cls(decoration.name, place, origin, label, decoration.arguments)
        if decoration.positional:
            given = ", ".join(repr(value) for value in decoration.positional)
            checked.say(f"takes named arguments only, given {given}", f"name them: {label}(<name>={given})")
        return checked

    @classmethod
    def asked(cls, override: Override, place: Place) -> "Checked":
        """A decorator that a step has by the command line only: still without its arguments."""
        origin = f"--with {override.text}"
        return cls(override.decorator, place, origin, origin, {})

    def lay(self, override: Override) -> None:
        """Put what the command line gives over what is known: its names win, other names stay."""
        origin = f"--with {override.text}"
        for name, value in override.arguments.items():
            known = self.values.get(name)
            if value is None:
                self._give(name, None, origin)
                self.commanded.discard(name)
                continue
            if name in _ADDED_TO and isinstance(known, dict):
                self.values[name] = {**known, **value}
                self.origins |= dict.fromkeys(_parts(name, value), origin)
            else:
                self._give(name, value, origin)
            self.commanded.add(name)

    def _give(self, name: str, value: Any, origin: str) -> None:
        for part in _parts(name, self.values.pop(name, None)):
            self.origins.pop(part, None)
        if value is not None:
            self.values[name] = value
            self.origins |= dict.fromkeys(_parts(name, value), origin)

    @property
    def where(self) -> Where:
        return Where(self.place, self.label, self.origin)

    @property
    def givers(self) -> str:
        """Everybody whose values count here, the command line first."""
        found = sorted(set(self.origins.values()) or {self.origin}, key=lambda origin: not origin.startswith("--with"))
        return ", ".join(found)

    def is_laid_over(self, beside: Container[str] = ()) -> bool:
        """Whether both the decorator itself and the command line say something of its values but for those."""
        counted = {name for name in self.values if name not in beside}
        return bool(self.commanded & counted) and not self.commanded.issuperset(counted)

    def say(self, message: str, hint: str | None = None) -> None:
        self.problems.append(self.place.problem(f"{self.label} {message}", hint))

    def only(self, known: Iterable[str]) -> None:
        """Refuse, and take out, arguments of other names."""
        names = list(known)
        for name in [name for name in self.values if name not in names]:
            hint = nearest(name, names) or (f"known: {', '.join(names)}" if names else "it takes none")
            self.say(f"has no argument {name!r}", hint)
            self._give(name, None, self.origin)

    def read(self, model: type[M], values: Mapping[str, Any] | None = None) -> M | None:
        """The arguments as the model, or None and the problems where it refuses them."""
        given = dict(self.values if values is None else values)
        try:
            return model.model_validate(given)
        except ValidationError as error:
            faults = list(faults_of(model, error))
        for fault in faults:
            hint = fault.hint or _without_quotes(model, fault, given)
            self.problems.append(self.place.problem(f"{self.label}: {fault.message}", hint))
        return None


def _parts(name: str, value: Any) -> list[str]:
    """The names under which origins are kept: each tag has its own."""
    return [f"{name}.{key}" for key in value] if name == TAGS and isinstance(value, dict) else [name]


def _without_quotes(model: type[BaseModel], fault: Fault, given: Mapping[str, Any]) -> str | None:
    """Metaflow takes numbers as text; here they are written as what they are."""
    value = given.get(fault.path)
    if not isinstance(value, str) or not value.replace(".", "", 1).isdecimal():
        return None
    number = float(value) if "." in value else int(value)
    return None if refusals(model, {fault.path: number}) else f"write it without quotes: {fault.path}={number}"
