"""Seconds that are booked in a dictionary."""

from collections import Counter
from random import Random

from steprelay_core.pace import BookedSeconds


class MemoryPace(BookedSeconds):
    """At most `limit` bookings for each second; `taken` counts them, `probed` lists the seconds that were asked for."""

    def __init__(self, limit: int, seed: int = 1) -> None:
        super().__init__(self._take_one, Random(seed))
        self.limit = limit
        self.taken: Counter[int] = Counter()
        self.probed: list[int] = []

    def _take_one(self, second: int) -> bool:
        self.probed.append(second)
        if self.taken[second] >= self.limit:
            return False
        self.taken[second] += 1
        return True
