"""The values that whoever packs a flow has configured, each with where it was found."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steprelay_core.spec import Problem


@dataclass(frozen=True, slots=True)
class Setting:
    """`origin` as people read it: "environment STEPRELAY_BATCH_JOB_QUEUE", "pyproject.toml [tool.steprelay]"."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """None where nothing is configured.

    `queue`: text, or a list in order of fallback; `tags`: names to text; `registry`: what images without a registry
    are looked up in; `stack`: the relay's CloudFormation stack.
    """

    queue: Setting | None = None
    image: Setting | None = None
    registry: Setting | None = None
    iam_role: Setting | None = None
    execution_role: Setting | None = None
    tags: Setting | None = None
    stack: Setting | None = None


class ConfigurationError(ValueError):
    """A configuration that cannot be used, with every problem found; the `path` of each is its place.

    `configuration` holds what is right in it, so that other problems can be told beside these.
    """

    def __init__(self, problems: "Iterable[Problem]", configuration: Configuration | None = None) -> None:
        self.problems = tuple(problems)
        self.configuration = configuration or Configuration()
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Found:
    """A value as it was written: the field of `Configuration` it is for, and what people call it there."""

    field: str
    value: Any
    origin: str
    name: str
