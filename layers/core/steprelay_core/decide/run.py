"""The run's own events: start, light steps' ends, timers, cancellation."""

from dataclasses import replace

from steprelay_core.commands import StartTimer
from steprelay_core.decide.advance import finish_if_done, succeed
from steprelay_core.decide.draft import Draft, union
from steprelay_core.decide.job import Outcomes
from steprelay_core.decide.launch import launch
from steprelay_core.decide.limit import TIMER_TOLERANCE, start_limit
from steprelay_core.decide.outcome import judge, told
from steprelay_core.decide.retry import drop_waits, fail_attempt
from steprelay_core.decide.stop import stop_live
from steprelay_core.state.events import CancelRequested, LightEnded, TimerDue
from steprelay_core.state.model import Failure, GroupKey, RunStatus
from steprelay_core.state.ranges import Ranges


def on_started(draft: Draft) -> None:
    draft.run_changed = True
    origin = {"origin": draft.run.origin.kind} | draft.run.origin.detail
    draft.announce("Run Started", "", {"parameters": draft.run.parameters} | origin)
    start_limit(draft)
    launch(draft, GroupKey(draft.flow.spec.start), Ranges.of(0))


def on_light_ended(draft: Draft, event: LightEnded, outcomes: Outcomes) -> None:
    group = draft.group(event.group)
    waiting = (item for item in group.submissions if item.attempt == event.attempt and event.member in item.open)
    submission = next(waiting, None)
    if submission is None or draft.run.status.terminal:
        draft.note = "no attempt is waiting for this end"
        return
    found = outcomes.get((event.group.task(event.member), event.attempt))
    outcome = judge(draft.flow, event.group.step, found) if found is not None else None
    if outcome is not None and outcome.status == "succeeded":
        succeed(draft, event.group, {event.member: outcome}, event.attempt)
    elif outcome is not None and outcome.failure is not None:
        fail_attempt(draft, event.group, submission, Ranges.of(event.member), told(outcome.failure))
    else:
        failure = Failure("host", event.lost or "the light function left no outcome")
        fail_attempt(draft, event.group, submission, Ranges.of(event.member), failure)
    finish_if_done(draft)


def on_timer_due(draft: Draft, event: TimerDue) -> None:
    group = draft.group(event.group)
    awaited = [wait for wait in group.waits if wait.attempt == event.attempt and event.member in wait.members]
    if not awaited or draft.run.status.terminal:
        draft.note = "nothing waits for this timer"
        return
    if draft.run.failure is not None:
        drop_waits(draft, event.group)
        finish_if_done(draft)
        return
    limit = draft.now + TIMER_TOLERANCE
    if awaited[0].due > limit:
        draft.ask(StartTimer(event.group, event.attempt, event.member, awaited[0].due))
        return
    # Others that are due by now go along: one array for all that start alike instead of many jobs.
    due = [wait for wait in group.waits if wait.attempt == event.attempt and wait.due <= limit]
    draft.put(replace(group, waits=tuple(wait for wait in group.waits if wait not in due)))
    for terms, first in dict.fromkeys((wait.terms, wait.first) for wait in due):
        alike = union(wait.members for wait in due if (wait.terms, wait.first) == (terms, first))
        launch(draft, event.group, alike, event.attempt, terms, first)


def on_cancel(draft: Draft, event: CancelRequested) -> None:
    cancelled = draft.run.status is RunStatus.CANCELLED
    if event.request in draft.run.requests and not cancelled:
        draft.note = "this request was carried out before"
        return
    if draft.run.status.terminal and not (cancelled and any(len(group.live) for group in draft.groups.values())):
        draft.note = "the run has ended already"
        return
    stop_live(draft, event.reason or "on request")
    draft.remember(event.request)
    if not cancelled:
        draft.set_run(status=RunStatus.CANCELLED, ended_at=draft.now, resuming=None)
        draft.announce("Run Cancelled", "", {"reason": event.reason})
