"""Whom a problem with a step's `batch` is told of: its decorator, or whatever else gave the value."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from steprelay.compile.problems import CompileProblem, Place
from steprelay_core.spec import Batch, Problem

# How messages name parameters beside the one in the path.
_GIVEN = re.compile(r"\b([a-z_]+)=")
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Where:
    """Where a decorator stands, how messages call it, and what it is called as an origin of values.

    Label and origin are the same where the command line alone gives the decorator.
    """

    place: Place
    label: str
    origin: str

    def blame(self, problem: Problem, parameters: tuple[str, ...], origins: Mapping[str, str]) -> CompileProblem:
        """The problem at the decorator, with everybody named who gave one of the parameters.

        What is given nowhere in the source is told at its own place, once for all steps that it is given to.
        """
        givers = list(dict.fromkeys(giver for name in parameters for giver in _givers(name, origins))) or [self.origin]
        if not any(self._stands(giver) for giver in givers):
            return Place.elsewhere(" and ".join(givers)).problem(problem.message, problem.hint)
        labels = [giver.replace(self.origin, self.label) for giver in sorted(givers, key=self._stands, reverse=True)]
        return self.place.problem(f"{' and '.join(labels)}: {problem.message}", problem.hint)

    def _stands(self, giver: str) -> bool:
        """Whether it is in the source, where people find it by file and line."""
        return giver.startswith("@") or (giver.startswith(self.origin) and self.label != self.origin)


def parameter_of(problem: Problem) -> str | None:
    """The parameter that a problem's path points to: `cpu` of `steps.train.batch.cpu`."""
    _, found, inside = f".{problem.path}".partition(".batch.")
    name = inside.partition(".")[0]
    return name if found and name in Batch.model_fields else None


def parameters_in(problem: Problem) -> tuple[str, ...]:
    """The parameter of its path, deeper where there is something below it, and those its message gives with values."""
    _, _, inside = f".{problem.path}".partition(".batch.")
    named = (name for name in _GIVEN.findall(problem.message) if name in Batch.model_fields)
    return tuple(dict.fromkeys([inside, *named]))


def naming(problem: Problem) -> Problem:
    """The problem with its parameter in the message, if it is not there yet."""
    name = parameter_of(problem)
    if name is None or re.search(rf"\b{name}\b", problem.message):
        return problem
    return Problem(problem.path, f"{name}: {problem.message}", problem.hint, problem.step)


def _givers(parameter: str, origins: Mapping[str, str]) -> Iterator[str]:
    """Who gave the parameter: of tags the one in question, or everybody who gave some."""
    name = parameter.partition(".")[0]
    below = [origin for key, origin in origins.items() if key.startswith(f"{name}.")]
    exactly = origins.get(parameter) or origins.get(name)
    yield from (origin for origin in ([exactly] if exactly else below) if origin != _DEFAULT)
