"""Bugs of notices, to be planted in the engine."""

from dataclasses import replace

from steprelay_core.decide import Decision
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.events import Event, JobChanged, JobWaits
from tests.simulation.misjudging import Misjudges


class KeepsNotices(Misjudges):
    """Never takes one away that still was true a moment ago."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        if decision.run is None or isinstance(event, JobWaits):
            return decision
        return replace(decision, run=replace(decision.run, notices=stored.run.notices))


class NoticesAnybody(Misjudges):
    """Takes each wait for one that never ends."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        if isinstance(event, JobWaits) and event.waits and not event.reason:
            event = replace(event, reason="CAPACITY:MADE_UP")
        return flow, stored, event


class AbandonsTheStuck(Misjudges):
    """Gives a task up whose job is noticed."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        if isinstance(event, JobWaits) and event.waits and event.reason and event.index is None:
            event = JobChanged(event.run, event.group, event.submission, event.job_id, "FAILED", event.reason)
        return flow, stored, event


# Name, engine, and the promises by which each may be caught.
NOTICE_BUGS = (
    ("keeps notices of jobs that have started", KeepsNotices, 24),
    ("notices whoever waits", NoticesAnybody, 24),
    ("fails a task that is noticed", AbandonsTheStuck, 4, 5, 7, 24),
)
