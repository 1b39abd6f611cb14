"""Bugs planted in the engine are caught: a simulator that finds nothing must have been able to."""

import pytest

from tests.simulation.campaign import first_caught
from tests.simulation.mutants import MUTANTS, SEEDS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_planted_bug_is_caught_by_the_promise_it_breaks(mutant: Mutant) -> None:
    assert first_caught(mutant.parts, range(SEEDS), mutant.promises, wide=mutant.wide) is not None
