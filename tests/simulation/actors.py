"""Handlers and containers as actors that stop at every call to the outside, so that any interleaving can be played."""

from collections.abc import Callable
from dataclasses import dataclass, field

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]


class Killed(BaseException):
    """The process of this actor was killed here: nothing after this line happens."""


def _expect_no_error(failure: BaseException | None) -> None:
    if failure is not None and not isinstance(failure, Killed):
        raise failure


@dataclass(eq=False)
class Actor:
    """One invocation of a function, or one container.

    `place`: what tells it from others, whatever its number; `skew`: how far its clock is off (seconds); `at`: the call
    it waits before; `wake`: not to go on before this time.
    """

    name: str
    body: Callable[[], None]
    on_end: Callable[[BaseException | None], None] = _expect_no_error
    place: str = ""
    skew: float = 0.0
    at: str = "its start"
    wake: float = 0.0
    ended: bool = False
    fiber: greenlet = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.fiber = greenlet(self._run)

    def _run(self) -> None:
        failure: BaseException | None = None
        try:
            self.body()
        except (Killed, Exception) as error:
            failure = error
        self.ended = True
        self.on_end(failure)

    def resume(self) -> None:
        self.fiber.parent = getcurrent()
        self.fiber.switch()

    def kill(self) -> None:
        """End it where it waits."""
        if self.ended:
            return
        if not self.fiber:
            self.ended = True
            self.on_end(Killed())
            return
        self.fiber.parent = getcurrent()
        self.fiber.throw(Killed())


class Stage:
    """Who is on, and the way back to whoever let them play."""

    def __init__(self) -> None:
        self.current: Actor | None = None

    def play(self, actor: Actor) -> None:
        self._give(actor, actor.resume)

    def kill(self, actor: Actor) -> None:
        self._give(actor, actor.kill)

    def _give(self, actor: Actor, what: Callable[[], None]) -> None:
        self.current, before = actor, self.current
        try:
            what()
        finally:
            self.current = before

    def pause(self, at: str, until: float = 0.0) -> None:
        """Wait for the next turn; not before the time `until`."""
        actor = self.current
        if actor is None or getcurrent() is not actor.fiber:
            return
        actor.at, actor.wake = at, until
        actor.fiber.parent.switch()
