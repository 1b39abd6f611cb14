"""All that must hold, checked on every fact."""

from tests.simulation.invariants import attempts, chains, effects, endings, starting, state, waiting, windows
from tests.simulation.invariants.rules import SENTENCES, broken, judge, numbers_checked

__all__ = [
    "SENTENCES",
    "attempts",
    "broken",
    "chains",
    "effects",
    "endings",
    "judge",
    "numbers_checked",
    "starting",
    "state",
    "waiting",
    "windows",
]
