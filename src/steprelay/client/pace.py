"""How often to look at a run: at once after a change, then slower and slower."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Pace:
    """Waits between looks, in seconds: `shortest` after a change, then each `growth` times the last, up to `longest`.

    `late_output` is how long CloudWatch may hold back the last lines of a job that has ended.
    """

    shortest: float
    longest: float
    growth: float = 1.5
    late_output: float = 0.0
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    _next: float = field(default=0.0, init=False)

    def moved(self) -> None:
        self._next = self.shortest

    def wait(self) -> None:
        self._next = min(max(self._next, self.shortest), self.longest)
        self.sleep(self._next)
        self._next *= self.growth


def local_pace() -> Pace:
    """A light step takes 50 ms; looking more often only takes time from the relay that it runs on."""
    return Pace(shortest=0.025, longest=0.25, growth=1.1)


def cloud_pace() -> Pace:
    """AWS charges for each look, and a step takes seconds at least."""
    return Pace(shortest=0.5, longest=3.0, late_output=3.0)
