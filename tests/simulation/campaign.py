"""Many seeds, over all cores."""

import os
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from steprelay_core.state.model import RunStatus
from tests.simulation.parts import Parts
from tests.simulation.record import Violation
from tests.simulation.simulation import Options, Simulation

# Seeds that one process is given at a time.
_CHUNK = 20


@dataclass(frozen=True)
class Failed:
    """A seed that broke a promise; `number`: which."""

    seed: int
    number: int
    how: str


@dataclass
class Tally:
    """What has come of so many seeds. `quiet`: the most sweeps in a row that found nothing to go on, and yet an end."""

    seeds: int = 0
    steps: int = 0
    quiet: int = 0
    sweeps: int = 0
    runs: Counter[RunStatus] = field(default_factory=Counter)
    failed: list[Failed] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.seeds += other.seeds
        self.steps += other.steps
        self.quiet, self.sweeps = max(self.quiet, other.quiet), max(self.sweeps, other.sweeps)
        self.runs += other.runs
        self.failed += other.failed

    def told(self, seconds: float) -> str:
        """In one line."""
        runs = ", ".join(f"{count} {status.lower()}" for status, count in sorted(self.runs.items()))
        return (
            f"{self.seeds} seeds, {sum(self.runs.values())} runs ({runs}), {self.steps:,} steps, "
            f"{len(self.failed)} broken promises; after the faults at most {self.sweeps} sweeps, {self.quiet} of them "
            f"idle; {sum(self.runs.values()) / seconds:.0f} runs/s"
        )


def first_of_today() -> int:
    """Where the seeds of today begin; STEPRELAY_SEEDS names another beginning."""
    given = os.environ.get("STEPRELAY_SEEDS")
    return int(given) if given else datetime.now(UTC).toordinal() * 1000


def play(seeds: Iterable[int], size: int | None = None, parts: Parts | None = None, *, wide: bool = False) -> Tally:
    """Play seeds one after the other."""
    tally = Tally()
    for seed in seeds:
        tally.seeds += 1
        try:
            ended = Simulation(Options(seed, size, wide=wide), parts).run()
        except Violation as violation:
            tally.failed.append(Failed(seed, violation.number, str(violation)))
            continue
        tally.steps += ended.steps
        tally.quiet, tally.sweeps = max(tally.quiet, ended.quiet), max(tally.sweeps, ended.sweeps)
        tally.runs.update(ended.runs)
    return tally


def play_on_all_cores(seeds: Sequence[int], size: int | None = None) -> Iterator[Tally]:
    """Play seeds in as many processes as there are cores, and give the tally of each part as it is done."""
    parts = [seeds[first : first + _CHUNK] for first in range(0, len(seeds), _CHUNK)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(play, parts, [size] * len(parts))


def first_caught(parts: Parts, seeds: Iterable[int], promises: Collection[int], *, wide: bool = False) -> Failed | None:
    """The first seed that breaks one of these promises with these parts."""
    for seed in seeds:
        for failed in play([seed], parts=parts, wide=wide).failed:
            if failed.number in promises:
                return failed
    return None


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self._began, 1e-9)
