"""All that must hold, checked on every fact."""

from tests.simulation.invariants import (
    attempts,
    budgets,
    catching,
    chains,
    effects,
    endings,
    hooks,
    notices,
    queue_limits,
    starting,
    state,
    windows,
)
from tests.simulation.invariants.rules import SENTENCES, broken, judge, numbers_checked

__all__ = [
    "SENTENCES",
    "attempts",
    "broken",
    "budgets",
    "catching",
    "chains",
    "effects",
    "endings",
    "hooks",
    "judge",
    "notices",
    "numbers_checked",
    "queue_limits",
    "starting",
    "state",
    "windows",
]
