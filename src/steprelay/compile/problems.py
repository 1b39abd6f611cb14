"""What is wrong with a flow, and where it was written."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file; lines count from 1, and 0 is the file as a whole."""

    file: str
    line: int

    @classmethod
    def of(cls, file: str | None, line: int | None) -> "Place":
        """A place as code objects name it: relative to where Python was started, or through links."""
        path = Path(file or "<unknown>")
        return cls(str(path.resolve() if path.exists() else path), line or 1)

    @classmethod
    def elsewhere(cls, name: str) -> "Place":
        """What is no file: `environment STEPRELAY_BATCH_JOB_QUEUE`, `--with batch:cpu=8`."""
        return cls(name, 0)

    def problem(self, message: str, hint: str | None = None) -> "CompileProblem":
        return CompileProblem(self.file, self.line, message, hint)


@dataclass(frozen=True, slots=True, order=True)
class CompileProblem:
    """One fault, or one warning: `file` is the path as Python knows it, `line` counts from 1.

    Line 0 is the file as a whole, or a place that is no file: a variable of the environment, an option.
    """

    file: str
    line: int
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class CompileError(ValueError):
    """A flow that cannot be packed, with every problem found in it, in the order of the source."""

    def __init__(self, problems: Iterable[CompileProblem]) -> None:
        self.problems = tuple(sorted(set(problems), key=lambda found: (found.file, found.line, found.message)))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def relative_to(self, folder: Path) -> "CompileError":
        """The same problems, with files below `folder` named from there, as people type them."""
        return CompileError(replace(problem, file=_from(problem.file, folder)) for problem in self.problems)


def _from(file: str, folder: Path) -> str:
    path = Path(file)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else file
