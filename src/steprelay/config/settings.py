"""The configuration put together from all its sources."""

from collections.abc import Mapping
from pathlib import Path

from steprelay.config.environment import PROFILE, read_environment
from steprelay.config.pyproject import read_pyproject
from steprelay.config.values import Configuration, ConfigurationError, Setting


def read_configuration(env: Mapping[str, str], folder: Path) -> Configuration:
    """Read the environment, and the nearest pyproject.toml from `folder` upwards that has [tool.steprelay].

    Of each setting the first one counts: STEPRELAY_… in the environment, METAFLOW_… there, the profile in
    pyproject.toml, its [tool.steprelay] table. All of them are checked.

    Raises:
        ConfigurationError: with every problem of both.
    """
    found, problems = read_environment(env)
    in_file, problems_of_file = read_pyproject(folder, env.get(PROFILE, "").strip() or None)
    found, problems = [*found, *in_file], [*problems, *problems_of_file]
    settings: dict[str, Setting | None] = {}
    if found:
        # Checking takes the models, which cost more than most commands do.
        from steprelay.config.check import checked

        for each in found:
            value, wrong = checked(each)
            problems += wrong
            settings.setdefault(each.field, None if wrong else Setting(value, each.origin))
    configuration = Configuration(**settings)
    if problems:
        raise ConfigurationError(problems, configuration)
    return configuration
