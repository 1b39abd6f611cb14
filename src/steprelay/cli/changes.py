"""What a command adds to a flow as it is written: `--with`, `--round-up`, and the configuration around it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from steprelay.cli.context import Context
from steprelay.cli.errors import Fault, UserError, count, faults_of
from steprelay.cli.source import Loaded, Source

if TYPE_CHECKING:
    from steprelay.compile.options import Options

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Changes:
    """The options as typed."""

    overrides: tuple[str, ...] = ()
    round_up: bool = False

    @classmethod
    def given(cls, overrides: Iterable[str] | None, *, round_up: bool) -> "Changes":
        return cls(tuple(overrides or ()), round_up)


def load_flow(context: Context, source: Source, changes: Changes) -> Loaded:
    """The flow with everything that was asked for and configured.

    Raises:
        UserError: with every problem of the configuration and of the options.
        CompileError: with every problem of a flow's source, or of what the options make of it.
        SpecError: with every problem of a spec.
    """
    return source.load(read_options(context, source, changes))


def read_options(context: Context, source: Source, changes: Changes) -> "Options":
    """The options, and the configuration of the environment and of the flow's folder.

    Raises:
        UserError: with every problem of both.
    """
    from steprelay.compile.options import Options
    from steprelay.compile.overrides import OverrideError, read_overrides
    from steprelay.config import Configuration, ConfigurationError, read_configuration

    configured: list[Fault] = []
    typed: list[Fault] = []
    configuration = _read(lambda: read_configuration(context.env, source.root), ConfigurationError, configured)
    overrides = _read(lambda: read_overrides(changes.overrides), OverrideError, typed)
    if configured or typed:
        places = [place for place, faults in (("the configuration", configured), ("--with", typed)) if faults]
        faults = [*configured, *typed]
        raise UserError(f"{count(len(faults), 'problem')} in {' and '.join(places)}", faults=faults)
    return Options(configuration or Configuration(), overrides or (), changes.round_up)


def _read(read: Callable[[], T], expected: type[Any], faults: list[Fault]) -> T | None:
    try:
        return read()
    except expected as error:
        faults += faults_of(error.problems)
        return None
