"""What keeps a folder from being packed, or an archive from being a package."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PackageProblem:
    """One fault; `path` is the file or folder, from the root of the package where it lies in it."""

    path: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class PackageError(ValueError):
    """A package that cannot be made or read, with every problem found."""

    def __init__(self, problems: Iterable[PackageProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
