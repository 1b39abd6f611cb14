"""How often SubmitJob is called: AWS Batch takes 50 a second from an account, however many functions work.

A second is booked before a job is submitted in it. Bookings are counted where all functions see them; a second that is
full sends whoever comes to a later one, probed at random in windows that double, so that a backlog of thousands costs
each of them few probes.
"""

from collections.abc import Callable
from random import Random

from steprelay_core.ports import Clock, Pace, Unavailable

# Windows of 1, 1, 2, 4 … seconds: together a day and a half, which is five million jobs.
_WINDOWS = 18

# How often a second may pass while it is being booked before the job is put off.
_TRIES = 5

# How long (seconds) one handler waits for seconds that are booked, all in all; what is due later is put off.
PATIENCE = 3.0

# A message about a booked second is to come so much earlier (seconds): who is early waits, who is late has lost it.
EARLY = 1.0


class NotYet(Exception):
    """The job may be submitted in the second that begins at `due` (since the epoch), which is booked for it."""

    def __init__(self, due: float) -> None:
        super().__init__(f"the job may be submitted at {due}")
        self.due = due


class BookedSeconds:
    """`take(second)` counts one more job in a second (since the epoch), or says that it is full."""

    def __init__(self, take: Callable[[int], bool], random: Random) -> None:
        self._take = take
        self._random = random

    def book(self, now: float) -> float:
        if self._take(int(now)):
            return now
        first, last = 1, 1
        for _ in range(_WINDOWS):
            second = int(now) + self._random.randint(first, last)
            if self._take(second):
                return float(second)
            first, last = last + 1, 2 * last + 1
        raise Unavailable("there is no second in which another job could be submitted")


class Turns:
    """What one handler may submit, and how long it still waits for it."""

    def __init__(self, pace: Pace, clock: Clock, patience: float = PATIENCE) -> None:
        self._pace = pace
        self._clock = clock
        self.patience = patience

    def turn(self, booked: float | None = None) -> Callable[[], None]:
        """What a submission calls before each of its SubmitJobs; `booked`: the second that is booked for the first.

        It returns in the second in which the call may be made, and raises NotYet if that is later than this handler
        can wait.
        """
        left = [] if booked is None else [booked]
        return lambda: self._take(left.pop() if left else None)

    def _take(self, booked: float | None) -> None:
        for _ in range(_TRIES):
            now = self._clock.now()
            if booked is not None and int(booked) == int(now):
                return
            if booked is None or booked < now:
                # Time has passed until the answer is here: whether the second has too is seen in the next round.
                booked = self._pace.book(now)
            elif booked - now > self.patience:
                raise NotYet(booked)
            else:
                self.patience -= booked - now
                self._clock.sleep(booked - now)
        raise NotYet(self._pace.book(self._clock.now() + EARLY))
