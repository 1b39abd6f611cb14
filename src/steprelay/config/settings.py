"""The values that whoever packs a flow has configured, each with where it was found."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    """A configuration that cannot be used, with every problem found; the `path` of each is its place."""

    def __init__(self, problems: "Iterable[Problem]") -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Found:
    """A value as it was written: the field of `Configuration` it is for, and what people call it there."""

    field: str
    value: Any
    origin: str
    name: str


def read_configuration(env: Mapping[str, str], folder: Path) -> Configuration:
    """Read the environment, and the nearest pyproject.toml from `folder` upwards that has [tool.steprelay].

    Of each setting the first one counts: STEPRELAY_… in the environment, METAFLOW_… there, the profile in
    pyproject.toml, its [tool.steprelay] table. All of them are checked.

    Raises:
        ConfigurationError: with every problem of both.
    """
    from steprelay.config.environment import PROFILE, read_environment
    from steprelay.config.pyproject import read_pyproject

    found, problems = read_environment(env)
    in_file, problems_of_file = read_pyproject(folder, env.get(PROFILE, "").strip() or None)
    found, problems = [*found, *in_file], [*problems, *problems_of_file]
    settings: dict[str, Setting] = {}
    if found:
        # Checking takes the models, which cost more than most commands do.
        from steprelay.config.check import checked

        for each in found:
            value, wrong = checked(each)
            problems += wrong
            settings.setdefault(each.field, Setting(value, each.origin))
    if problems:
        raise ConfigurationError(problems)
    return Configuration(**settings)
