"""What whoever packs a flow has set up: environment variables, and the [tool.steprelay] table of pyproject.toml."""

from steprelay.config.settings import Configuration, ConfigurationError, Setting, read_configuration

__all__ = ["Configuration", "ConfigurationError", "Setting", "read_configuration"]
