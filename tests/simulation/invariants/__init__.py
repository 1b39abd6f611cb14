"""All that must hold, checked on every fact."""

from tests.simulation.invariants import attempts, catching, chains, effects, endings, hooks, starting, state, windows
from tests.simulation.invariants.rules import SENTENCES, broken, judge, numbers_checked

__all__ = [
    "SENTENCES",
    "attempts",
    "broken",
    "catching",
    "chains",
    "effects",
    "endings",
    "hooks",
    "judge",
    "numbers_checked",
    "starting",
    "state",
    "windows",
]
