"""What must hold where the time that jobs may wait is limited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steprelay_core.failure import QUEUE_TIMEOUT_PREFIX
from tests.simulation.batch import WAITING
from tests.simulation.facts import QueueTimedOut, Saved
from tests.simulation.invariants.attempts import CLOCKS_DIFFER
from tests.simulation.invariants.attempts import place_of as _place
from tests.simulation.invariants.rules import rule

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation


@rule(12, QueueTimedOut)
def nobody_is_ended_early_for_waiting(simulation: Simulation, ended: QueueTimedOut) -> str | None:
    place = ended.place
    limit = simulation.flow(place.run).step(place.group.step).queue_timeout_seconds
    if ended.status not in WAITING:
        return f"{place} is ended for waiting, and is {ended.status}"
    if limit is None or ended.waited < limit - CLOCKS_DIFFER:
        return f"{place} is ended for waiting after {ended.waited:.0f} s of {limit}"
    return None


@rule(12, Saved)
def queue_timeouts_are_true(simulation: Simulation, saved: Saved) -> str | None:
    """Nobody is said to have waited too long whose job was not ended for that."""
    for was, group in saved.changed:
        for line in group.history[len(was.history) :]:
            if line.failure.class_ != "queue_timeout":
                continue
            held = [item for item in was.submissions if item.attempt == line.attempt and line.member in item.members]
            places = [_place(saved.given.id, group.key, submission, line.member) for submission in held]
            units = [unit for place in places for unit in simulation.relay.batch.units_at(place)]
            if not any(unit.reason.startswith(QUEUE_TIMEOUT_PREFIX) for unit in units):
                return f"{group.key.task(line.member)} was not ended for waiting: {line.failure}"
    return None
