"""Every promise of the engine, in worlds that are as unkind as they come."""

import sys
from dataclasses import replace
from random import Random

import pytest

from tests.simulation.campaign import first_of_today, play
from tests.simulation.faults import Dice, Faults
from tests.simulation.shrink import command
from tests.simulation.simulation import Options, Simulation

# Seeds to a test: what one process plays in two or three seconds. `make seeds` plays many more.
PART = 100
FIXED_PARTS = range(3)
FRESH_PARTS = range(1)
WIDE = range(4)


def broken_promises(seeds: range, *, wide: bool = False) -> list[str]:
    return [f"{failed.how}\n{command(Options(failed.seed, wide=wide))}" for failed in play(seeds, wide=wide).failed]


@pytest.mark.parametrize("part", FIXED_PARTS)
def test_every_promise_is_kept_with_the_seeds_that_are_always_played(part: int) -> None:
    assert broken_promises(range(part * PART, (part + 1) * PART)) == []


@pytest.mark.parametrize("part", FRESH_PARTS)
def test_every_promise_is_kept_with_the_seeds_of_today(part: int) -> None:
    first = first_of_today() + part * PART
    sys.stdout.write(f"seeds {first}:{first + PART}\n")
    assert broken_promises(range(first, first + PART)) == []


def test_every_promise_is_kept_where_cancels_of_many_groups_keep_dying() -> None:
    assert broken_promises(WIDE, wide=True) == []


@pytest.mark.parametrize("kind", ["crowded", "forgotten"])
def test_every_promise_is_kept_where_this_always_strikes(kind: str) -> None:
    for seed in range(150):
        faults = replace(Faults.draw(Random(f"world of {seed}")), **{kind: 1.0})
        Simulation(Options(seed, size=3), dice=Dice(seed, faults)).run()
