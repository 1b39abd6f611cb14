"""The virtual clock, what is due when, and whose turn it is: every choice drawn from one seed."""

import heapq
import itertools
from collections.abc import Callable
from random import Random
from typing import TypeVar

from steprelay_core.ports import Unavailable
from tests.simulation.actors import Actor, Stage
from tests.simulation.faults import Dice

START = 1_790_000_000.0

# The queue of what people ask for.
REQUESTS = "requests"

T = TypeVar("T")


class Throttled(Unavailable):
    """AWS asks to come again later; nothing was done."""


class AnswerLost(Unavailable):
    """The call was carried out, but whoever made it will never know (a timeout, a 5xx)."""


class Scheduler:
    """`now`: seconds since the epoch; `steps`: how many things have happened; `trace`: what, where it is kept."""

    def __init__(self, seed: int, dice: Dice, *, traced: bool = False) -> None:
        self.random = Random(seed)
        self.dice = dice
        self.now = START
        self.stage = Stage()
        self.actors: list[Actor] = []
        self.trace: list[str] = []
        self.traced = traced
        self.steps = 0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = itertools.count()

    def say(self, text: str) -> None:
        if self.traced:
            self.trace.append(f"{self.now - START:10.2f}  {text}")

    # Time.

    def at(self, when: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._due, (max(when, self.now), next(self._serial), do))

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        self.at(self.now + seconds, do)

    def clock(self) -> float:
        """The time as whoever is on reads it: no two machines agree to the second."""
        actor = self.stage.current
        if actor is None:
            return self.now
        if chance := self.dice.strike("clock_jump", actor.place):
            actor.skew = chance.choice((-4.0, -1.0, 1.5, 4.0))
            self.say(f"  {actor.name}: its clock is off by {actor.skew:+} s")
        return self.now + actor.skew

    @property
    def read_clock(self) -> float:
        """What whoever is on has just read, or would if its clock does not jump."""
        actor = self.stage.current
        return self.now + (actor.skew if actor else 0.0)

    # Actors.

    def start(self, actor: Actor, seconds: float | None = None) -> None:
        """Let an actor play from now on, for at most so many seconds."""
        self.say(f"{actor.name} starts")
        self.actors.append(actor)
        if seconds is not None:
            self.after(seconds, lambda: self.kill(actor, "is killed at its timeout"))

    def kill(self, actor: Actor, how: str = "is killed") -> None:
        if not actor.ended:
            self.say(f"{actor.name} {how}, before {actor.at}")
            self.stage.kill(actor)

    def call(self, name: str, do: Callable[[], T], *, repeat: bool = False) -> T:
        """One call to AWS by whoever is on. Others may act first; it may fail, or be done and look as if it had.

        `repeat`: the client library may send it twice, when the first answer is lost.
        """
        self.stage.pause(name)
        place = f"{self.place} {name}"
        if self.dice.strike("throttled", place):
            self.say(f"  {self.who}: {name} is throttled")
            raise Throttled(name)
        result = do()
        if repeat and self.dice.strike("sent_twice", place):
            self.say(f"  {self.who}: {name} is sent twice")
            result = do()
        if self.traced:
            self.say(f"  {self.who}: {name}{shown(result)}")
        if self.dice.strike("answer_lost", place):
            self.say(f"  {self.who}: the answer of {name} is lost")
            raise AnswerLost(name)
        return result

    def sleep(self, seconds: float) -> None:
        self.stage.pause("its sleep ends", self.now + seconds)

    @property
    def who(self) -> str:
        return self.stage.current.name if self.stage.current else "somebody"

    @property
    def place(self) -> str:
        """Of whoever is on."""
        return self.stage.current.place if self.stage.current else ""

    # Going on.

    def step(self) -> bool:
        """Let one thing happen; False when nothing is left to happen."""
        self.steps += 1
        ready, soonest = self._ready()
        due = bool(self._due) and self._due[0][0] <= self.now
        if ready and not (due and self.random.random() < 0.5):
            self._go_on(ready[0] if len(ready) == 1 else self.random.choice(ready))
        elif due:
            heapq.heappop(self._due)[2]()
        else:
            return self._wait(soonest)
        return True

    def _ready(self) -> tuple[list[Actor], float | None]:
        """Who can go on now, and else when the first of the others can."""
        now, ready, soonest, ended = self.now, [], None, False
        for actor in self.actors:
            if actor.ended:
                ended = True
            elif actor.wake <= now:
                ready.append(actor)
            elif soonest is None or actor.wake < soonest:
                soonest = actor.wake
        if ended:
            self.actors = [actor for actor in self.actors if not actor.ended]
        return ready, soonest

    def _go_on(self, actor: Actor) -> None:
        place = f"{actor.place} before {actor.at}"
        doomed = actor.place.startswith(REQUESTS) and self.dice.strike("doomed", place)
        if doomed or self.dice.strike("killed", place):
            self.kill(actor)
        elif chance := self.dice.strike("stalled", place):
            actor.wake = self.now + chance.choice((1.0, 30.0, 100.0))
            self.say(f"{actor.name} stalls until {actor.wake - START:.2f}, before {actor.at}")
        else:
            self.stage.play(actor)

    def _wait(self, soonest: float | None) -> bool:
        times = ([] if soonest is None else [soonest]) + ([self._due[0][0]] if self._due else [])
        if not times:
            return False
        self.now = max(self.now, min(times))
        return True


def shown(result: object) -> str:
    """An answer in a trace: what is short enough to be read there."""
    return f" → {result}" if isinstance(result, (str, bool)) or result in (None, [], {}) else ""
