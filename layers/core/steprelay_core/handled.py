"""What the engine answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of an event: `note` says why nothing followed, where nothing did; `more` that not all has yet."""

    run: str
    commands: int = 0
    note: str | None = None
    more: bool = False
