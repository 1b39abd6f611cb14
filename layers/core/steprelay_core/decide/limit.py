"""The time limit of a whole run (`timeout_seconds` of the spec, `@timeout` on a flow's class)."""

from steprelay_core.commands import StartRunTimer
from steprelay_core.decide.advance import finish_if_done
from steprelay_core.decide.draft import Draft
from steprelay_core.decide.stop import stop_live
from steprelay_core.state.events import RunTimerDue
from steprelay_core.state.model import Failure, RunFailure

# A timer may go off this much before its time (seconds): Scheduler and SQS round to whole seconds.
TIMER_TOLERANCE = 1.0


def start_limit(draft: Draft) -> None:
    """Give the run its whole time, from now."""
    seconds = draft.flow.spec.timeout_seconds
    if seconds is None:
        return
    due = draft.now + seconds
    draft.set_run(deadline=due)
    draft.ask(StartRunTimer(draft.run.generation, due))


def on_run_timer_due(draft: Draft, event: RunTimerDue) -> None:
    """Fail the run for good and stop all that is under way.

    The failure is saved first, so that nothing new starts; the run ends with the save that stops the last task.
    """
    run = draft.run
    if run.status.terminal or run.deadline is None or event.generation != run.generation:
        draft.note = "nothing waits for this timer"
        return
    if run.deadline > draft.now + TIMER_TOLERANCE:
        draft.ask(StartRunTimer(run.generation, run.deadline))
        return
    why = f"the run took longer than its limit of {draft.flow.spec.timeout_seconds} s"
    if run.failure is None:
        draft.set_run(failure=RunFailure("", 0, Failure("timeout", why)), resuming=None)
    stop_live(draft, why)
    finish_if_done(draft)
