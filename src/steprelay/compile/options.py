"""What is known beside a flow when it is compiled: the configuration and the command line."""

from dataclasses import dataclass, field

from steprelay.compile.overrides import Override
from steprelay.config.values import Configuration


@dataclass(frozen=True, slots=True)
class Options:
    """Later overrides win over earlier ones; `round_up` sets the parameter of that name on every batch step.

    `max_workers`: for every foreach that has none of its own.
    """

    configuration: Configuration = field(default_factory=Configuration)
    overrides: tuple[Override, ...] = ()
    round_up: bool = False
    max_workers: int | None = None


NO_OPTIONS = Options()
