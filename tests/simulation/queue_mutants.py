"""Planted bugs in how long jobs may wait for a machine."""

from dataclasses import replace

from steprelay_core.commands import CancelWaiting, TerminateJob
from steprelay_core.decide import Decision
from steprelay_core.decide.draft import find_submission
from steprelay_core.failure import QUEUE_TIMEOUT_PREFIX
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.events import Event, QueueTimerDue
from tests.simulation.misjudging import Misjudges


class NeverEndsWaiting(Misjudges):
    """Has everybody wait for ever."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        rest = tuple(command for command in decision.commands if not isinstance(command, CancelWaiting))
        return replace(decision, commands=rest)


class EndsUnasked(Misjudges):
    """Ends a job when its time is over, by what is stored of it, and whatever it does."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        if not isinstance(event, QueueTimerDue) or not decision.commands:
            return decision
        submission = find_submission(stored.groups[event.group], event.submission)
        waits = submission is not None and submission.status in ("SUBMITTED", "PENDING", "RUNNABLE")
        if submission is None or submission.job_id is None or not waits:
            return decision
        return replace(decision, commands=(TerminateJob(submission.job_id, f"{QUEUE_TIMEOUT_PREFIX}: too long"),))
