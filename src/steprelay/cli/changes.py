"""What a command adds to a flow as it is written: options such as `--with`, and the configuration around it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steprelay.cli.context import Context
from steprelay.cli.errors import Fault, UserError, count, explain, faults_of
from steprelay.cli.source import Loaded, Source

if TYPE_CHECKING:
    from steprelay.compile.options import Options


@dataclass(frozen=True, slots=True)
class Changes:
    """The options as typed."""

    overrides: tuple[str, ...] = ()
    round_up: bool = False
    max_workers: int | None = None

    @classmethod
    def given(cls, overrides: Iterable[str] | None, *, round_up: bool, max_workers: int | None = None) -> "Changes":
        return cls(tuple(overrides or ()), round_up, max_workers)


def load_flow(context: Context, source: Source, changes: Changes) -> Loaded:
    """The flow with everything that was asked for and configured.

    Raises:
        UserError: with every problem of the configuration and of the options, and beside them those of the flow.
        CompileError: with every problem of a flow's source, or of what the options make of it.
        SpecError: with every problem of a spec.
    """
    options, refused = _read_options(context, source, changes)
    if not refused:
        return source.load(options)
    refused |= _problems_of(lambda: source.load(options))
    faults = [fault for some in refused.values() for fault in some]
    *places, last = refused
    where = f"{', '.join(places)} and {last}" if places else last
    raise UserError(f"{count(len(faults), 'problem')} in {where}", faults=faults)


def _read_options(context: Context, source: Source, changes: Changes) -> "tuple[Options, dict[str, list[Fault]]]":
    """The options, the configuration of the environment and of the flow's folder, and what is wrong in each.

    What is wrong is left out of the options, so that the flow can be looked at all the same.
    """
    from steprelay.compile.options import Options
    from steprelay.compile.overrides import OverrideError, read_overrides
    from steprelay.config import ConfigurationError, read_configuration

    refused: dict[str, list[Fault]] = {}
    try:
        configuration = read_configuration(context.env, source.root)
    except ConfigurationError as error:
        configuration, refused["the configuration"] = error.configuration, list(faults_of(error.problems))
    try:
        overrides = read_overrides(changes.overrides)
    except OverrideError as error:
        overrides, refused["--with"] = error.overrides, list(faults_of(error.problems))
    return Options(configuration, overrides, changes.round_up, changes.max_workers), refused


def _problems_of(load: Callable[[], Loaded]) -> dict[str, list[Fault]]:
    """What stands in the way of the flow itself, if anything does."""
    try:
        load()
    except Exception as error:
        report = explain(error)
        if report is None:
            raise
        return {"the flow": list(report.faults) or [Fault(report.message, hint=report.hint)]}
    return {}
