"""The promises of the engine by number, and which facts each is checked on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from tests.simulation.record import Violation

if TYPE_CHECKING:
    from tests.simulation.facts import Fact
    from tests.simulation.simulation import Simulation

SENTENCES = {
    1: "at most one container ever passes the claim of an attempt",
    2: "no container passes the claim of an attempt after the dispatcher has moved past it",
    3: "no job without saved intent",
    4: "attempts only rise, never past the budget",
    5: "an event for one attempt changes no other",
    6: "terminal is absorbing",
    7: "redelivery adds nothing",
    8: "any order of one attempt's events ends in one state",
    9: "no lost update",
    10: "a step starts only when all it depends on has succeeded",
    11: "retries only for retryable classes, each within its own budget and delay",
    12: "no timeout before its deadline, and after it the attempt is ended",
    13: "a run is terminal exactly when all its tasks are",
    14: "a completion is announced at least once, under one id, only after saving",
    15: "after a cancel nothing is submitted and every live job is terminated",
    16: "a poison message goes to the dead-letter queue with its reason and holds nobody up",
    17: "one upload makes one run",
    18: "no command vanishes",
    19: "once the faults stop, every run ends within a bounded number of sweeps",
    20: "the stored state decodes under newer code",
    21: "never more than max_workers tasks of a step in flight under one parent, and none queued while there is room",
    22: "in no second more jobs are submitted than the relay may",
    23: "exit hooks begin once the run's end is saved and never after a cancel, come to an end, and change no run",
    24: "a notice is of a job that does not start, never longer, and changes nothing else",
    25: "what @catch takes ends no run: its failure is recorded, and nothing is tried beyond the last attempt",
}

F = TypeVar("F")
# Says how a fact breaks the promise; None where it keeps it.
Rule = Callable[["Simulation", F], str | None]

_RULES: dict[type, list[tuple[int, Rule[Any]]]] = defaultdict(list)


def rule(number: int, *facts: type) -> Callable[[Rule[F]], Rule[F]]:
    """Have a function checked on every fact of these types."""

    def register(check: Rule[F]) -> Rule[F]:
        for fact in facts:
            _RULES[fact].append((number, check))
        return check

    return register


def broken(number: int, how: str) -> Violation:
    return Violation(number, SENTENCES[number], how)


def judge(simulation: Simulation, fact: Fact) -> Violation | None:
    """The first promise that a fact breaks."""
    for number, check in _RULES[type(fact)]:
        how = check(simulation, fact)
        if how is not None:
            return broken(number, how)
    return None


def numbers_checked() -> set[int]:
    """The promises that some rule speaks of."""
    return {number for rules in _RULES.values() for number, _ in rules}
