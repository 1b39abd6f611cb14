"""All that must hold, checked on every fact."""

from tests.simulation.invariants import attempts, budgets, chains, effects, endings, starting, state, windows
from tests.simulation.invariants.rules import SENTENCES, broken, judge, numbers_checked

__all__ = [
    "SENTENCES",
    "attempts",
    "broken",
    "budgets",
    "chains",
    "effects",
    "endings",
    "judge",
    "numbers_checked",
    "starting",
    "state",
    "windows",
]
