"""The run's own events: start, timers, cancellation."""

from dataclasses import replace

from steprelay_core.commands import StartTimer, SubmitJob, TerminateUnrecorded
from steprelay_core.decide.advance import finish_if_done
from steprelay_core.decide.draft import Draft, find_submission, union
from steprelay_core.decide.launch import launch
from steprelay_core.decide.limit import TIMER_TOLERANCE, start_limit
from steprelay_core.decide.queue import tend_queue
from steprelay_core.decide.retry import drop_waits
from steprelay_core.decide.stop import stop_cancelled
from steprelay_core.state.events import (
    CancelRequested,
    OutboxDue,
    SearchPutOff,
    StopUnfinished,
    SubmitPutOff,
    TimerDue,
    WindowStalled,
)
from steprelay_core.state.model import GroupKey, RunStatus
from steprelay_core.state.ranges import Ranges


def on_started(draft: Draft) -> None:
    draft.run_changed = True
    origin = {"origin": draft.run.origin.kind} | draft.run.origin.detail
    draft.announce("Run Started", "", {"parameters": draft.run.parameters} | origin)
    start_limit(draft)
    launch(draft, GroupKey(draft.flow.spec.start), Ranges.of(0))


def on_timer_due(draft: Draft, event: TimerDue) -> None:
    group = draft.group(event.group)
    limit = draft.now + TIMER_TOLERANCE
    alike = [wait for wait in group.waits if wait.attempt == event.attempt]
    # Whoever the timer was started for may have been tried again by hand: it still stands for the others.
    awaited = [wait for wait in alike if event.member in wait.members] or [wait for wait in alike if wait.due <= limit]
    if not awaited or draft.run.status.terminal:
        draft.note = "nothing waits for this timer"
        return
    if draft.run.failure is not None:
        drop_waits(draft, event.group)
        finish_if_done(draft)
        return
    if awaited[0].due > limit:
        draft.ask(StartTimer(event.group, event.attempt, event.member, awaited[0].due))
        return
    # Others that are due by now go along: one array for all that start alike instead of many jobs.
    due = [wait for wait in group.waits if wait.attempt == event.attempt and wait.due <= limit]
    draft.put(replace(group, waits=tuple(wait for wait in group.waits if wait not in due)))
    for terms, first in dict.fromkeys((wait.terms, wait.first) for wait in due):
        together = union(wait.members for wait in due if (wait.terms, wait.first) == (terms, first))
        launch(draft, event.group, together, event.attempt, terms, first)


def on_window_stalled(draft: Draft, event: WindowStalled) -> None:
    """The sweep has found members in a queue whom nobody is going to make room for."""
    tend_queue(draft, event.group)
    finish_if_done(draft)
    if not draft.changed:
        draft.note = "nobody can leave this queue, or nobody is in it"


def on_cancel(draft: Draft, event: CancelRequested) -> None:
    cancelled = draft.run.status is RunStatus.CANCELLED
    if cancelled and any(len(group.live) for group in draft.groups.values()):
        draft.remember(event.request)
        stop_cancelled(draft, draft.run.stopping or event.reason or "on request")
        return
    if draft.run.status.terminal:
        draft.note = "the run has ended already"
        # Else the same message, coming late a second time, would end the run after somebody had resumed it.
        draft.remember(event.request)
        return
    if event.request in draft.run.requests:
        draft.note = "this request was carried out before"
        return
    draft.remember(event.request)
    draft.set_run(status=RunStatus.CANCELLED, ended_at=draft.now, resuming=None)
    draft.announce("Run Cancelled", "", {"reason": event.reason})
    stop_cancelled(draft, event.reason or "on request")


def on_stop_unfinished(draft: Draft, _event: StopUnfinished) -> None:
    if draft.run.stopping is None:
        draft.note = "nothing is left to stop"
    else:
        stop_cancelled(draft, draft.run.stopping)


def on_submit_put_off(draft: Draft, event: SubmitPutOff) -> None:
    """Keep in the outbox what still has to be submitted; Batch may have taken it after all."""
    submission = find_submission(draft.group(event.group), event.submission)
    if submission is None or submission.job_id is not None or draft.run.status.terminal:
        draft.note = "nothing is left to submit"
        return
    draft.later.append(SubmitJob(event.group, event.submission, look=True, due=event.due))


def on_search_put_off(draft: Draft, event: SearchPutOff) -> None:
    """Keep looking until no job can turn up any more."""
    if draft.now < event.until:
        search = TerminateUnrecorded(event.group, event.attempt, event.member, event.until, event.reason)
        draft.later.append(search)
    else:
        draft.note = "no job can turn up any more"


def on_outbox_due(draft: Draft, _event: OutboxDue) -> None:
    draft.note = "the outbox was gone through"
