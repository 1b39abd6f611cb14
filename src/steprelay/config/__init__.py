"""What whoever packs a flow has set up: environment variables, and the [tool.steprelay] table of pyproject.toml."""

from steprelay.config.settings import read_configuration
from steprelay.config.values import Configuration, ConfigurationError, Setting

__all__ = ["Configuration", "ConfigurationError", "Setting", "read_configuration"]
