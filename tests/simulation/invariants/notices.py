"""What must hold of notices: whose they are, why there is one, and that they are for people only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steprelay_core.decide.notices import NOTICES_KEPT
from steprelay_core.state.events import JobWaits
from tests.simulation.facts import Saved
from tests.simulation.invariants.rules import rule
from tests.simulation.record import JobPlace

if TYPE_CHECKING:
    from steprelay_core.ports import Stored
    from steprelay_core.state.model import Notice
    from tests.simulation.simulation import Simulation


@rule(24, Saved)
def notices_are_of_jobs_that_do_not_start(_: Simulation, saved: Saved) -> str | None:
    notices = saved.after.run.notices
    if notices and saved.after.run.status.terminal:
        return f"{saved.given.id} has ended and says that jobs of it wait: {notices}"
    if len(notices) > NOTICES_KEPT or len({notice.subject for notice in notices}) < len(notices):
        return f"{saved.given.id} has {len(notices)} notices, some of the same job or too many"
    for notice in notices:
        if (status := _status(saved.after, notice)) not in ("SUBMITTED", "PENDING", "RUNNABLE"):
            return f"{saved.given.id} says that {notice.subject} waits, which is {status or 'over'}"
    return None


def _status(stored: Stored, notice: Notice) -> str | None:
    group = stored.groups.get(notice.group)
    submissions = group.submissions if group is not None else ()
    found = [one.status for one in submissions if one.id == notice.submission and not one.light]
    return found[0] if found else None


@rule(24, Saved)
def notices_have_a_reason(simulation: Simulation, saved: Saved) -> str | None:
    record = simulation.record
    before = saved.before.run.notices if saved.before else ()
    blocked = {(place.run, place.group, place.submission) for place in record.blocked.values()}
    for notice in saved.after.run.notices:
        if notice in before or notice.queue in record.closed or notice.behind in record.blocked:
            continue
        place = JobPlace(saved.given.id, *notice.subject)
        if (place.run, place.group, place.submission) not in blocked:
            return f"{saved.given.id} says that {notice.subject} does not start, and it only waits for its turn"
    return None


@rule(24, Saved)
def a_look_at_a_waiting_job_changes_nothing_else(_: Simulation, saved: Saved) -> str | None:
    if saved.events and all(isinstance(event, JobWaits) for event in saved.events) and saved.changed:
        return f"{saved.events} changed {[group.key for _, group in saved.changed]}"
    return None
