"""How unkind the world is: which faults may strike, how often, and which of them did."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from random import Random
from zlib import crc32


@dataclass(frozen=True)
class Faults:
    """Each number is a probability: per call, per message, per event, or per container."""

    # Messages and events.
    lost: float = 0.0
    duplicated: float = 0.0
    delayed: float = 0.0
    undeleted: float = 0.0
    # Calls of the dispatcher and of containers.
    throttled: float = 0.0
    answer_lost: float = 0.0
    sent_twice: float = 0.0
    stale_list: float = 0.0
    # Processes.
    killed: float = 0.0
    # Whoever handles what people ask for.
    doomed: float = 0.0
    stalled: float = 0.0
    clock_jump: float = 0.0
    # AWS Batch and its machines.
    twin_container: float = 0.0
    slow_container: float = 0.0
    spot: float = 0.0
    given_up: float = 0.0
    frozen: float = 0.0
    forgotten: float = 0.0
    # Jobs of other runs crowd a second.
    busy: float = 0.0
    # Somebody deregisters a job definition that is in use.
    deregistered: float = 0.0
    # As many light functions at once as the account has left: one.
    crowded: float = 0.0
    # Jobs for which there is no machine for a while, and compute environments that somebody has disabled.
    blocked: float = 0.0

    @classmethod
    def draw(cls, random: Random) -> "Faults":
        """Most kinds off, some on, so that every mixture is met."""
        levels = {field.name: random.choice((0.0, 0.0, 0.02, 0.1, 0.3)) for field in fields(cls)}
        levels["busy"] = random.choice((0.0, 0.5, 0.9))
        return cls(**{name: min(level, MOST.get(name, 1.0)) for name, level in levels.items()})


# More would only show that nothing can be done where nothing works.
MOST = {"throttled": 0.1, "answer_lost": 0.1, "sent_twice": 0.1, "killed": 0.05, "stalled": 0.05, "clock_jump": 0.1}

_WHOLE = 2**32


def _hash(text: str) -> int:
    """A number below 2**32, as good as random and the same in every process."""
    mixed = crc32(text.encode()) * 0x9E3779B1 & 0xFFFFFFFF
    return (mixed ^ mixed >> 15) * 0x85EBCA77 & 0xFFFFFFFF


class Dice:
    """Says when a fault strikes: chance depends on the seed and the place alone, so that without one fault all others
    stay as they were. `struck`: the marks of those that did; with `only`, no others can."""

    def __init__(self, seed: int, faults: Faults, only: Collection[str] | None = None) -> None:
        self.faults = faults
        self.struck: dict[str, str] = {}
        self._seed = seed
        self._only = None if only is None else frozenset(only)
        self._times: dict[str, int] = {}

    def strike(self, name: str, place: str) -> Random | None:
        """Whether this fault happens here and now: then the chance by which to choose how."""
        level = getattr(self.faults, name)
        if not level:
            return None
        spot = f"{self._seed}|{name}|{place}"
        times = self._times[spot] = self._times.get(spot, 0) + 1
        drawn = _hash(f"{spot}|{times}")
        if drawn >= level * _WHOLE:
            return None
        mark = f"{drawn:08x}"
        if self._only is not None and mark not in self._only:
            return None
        self.struck[mark] = f"{name} at {place}"
        return Random(drawn)

    def heal(self) -> None:
        """No fault from here on."""
        self.faults = Faults()
