"""How the memory of a step's jobs grows after attempts that ran out of it."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Self

from steprelay_core.spec.batch import Batch

# Unless the step says by how much.
FACTOR = 2

# A step that says by how much, but not how far: so many times what it starts with.
WITHOUT_LIMIT = 8


@dataclass(frozen=True, slots=True)
class Memory:
    """`start` and `limit` in MiB; each growth multiplies by `factor`."""

    start: int
    limit: int
    factor: float

    @classmethod
    def of(cls, batch: Batch, factor: float | None) -> Self:
        """What a step has that asks for this; `factor` is None where it does not say.

        It grows where the step says how far, or by how much.
        """
        most = batch.max_memory or (batch.memory * WITHOUT_LIMIT if factor is not None and factor > 1 else 0)
        return cls(batch.memory, max(most, batch.memory), FACTOR if factor is None else factor)

    def after(self, growth: int) -> int:
        """The MiB after this many growths: whole ones, rounded up, and never above the limit."""
        # Exact: 1000 MiB by 1.1 are 1100, and not one more by a float's error.
        return min(ceil(self.start * Fraction(str(self.factor)) ** growth), self.limit)
