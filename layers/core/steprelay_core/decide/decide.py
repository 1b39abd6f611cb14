"""The one decision: what an event means for a run. Pure and total."""

from collections.abc import Callable
from typing import Any

from steprelay_core.decide.draft import Decision, Draft, find_submission
from steprelay_core.decide.job import (
    TERMINAL,
    Outcomes,
    members_of,
    on_job_changed,
    on_job_submitted,
    on_submit_refused,
)
from steprelay_core.decide.limit import on_run_timer_due
from steprelay_core.decide.restart import on_resume, on_retry
from steprelay_core.decide.run import on_cancel, on_light_ended, on_started, on_timer_due
from steprelay_core.spec import Flow
from steprelay_core.state.events import (
    CancelRequested,
    Event,
    JobChanged,
    JobSubmitted,
    LightEnded,
    ResumeRequested,
    RetryRequested,
    RunStarted,
    RunTimerDue,
    SubmitRefused,
    TimerDue,
)
from steprelay_core.state.model import Group, GroupKey, Run, TaskKey


def outcomes_needed(groups: dict[GroupKey, Group], event: Event) -> list[tuple[TaskKey, int]]:
    """The (task, attempt) whose outcomes `decide` has to see for this event."""
    if isinstance(event, LightEnded):
        return [(event.group.task(event.member), event.attempt)]
    if isinstance(event, JobChanged) and event.status in TERMINAL and event.group in groups:
        submission = find_submission(groups[event.group], event.submission)
        if submission is not None:
            return [(event.group.task(member), submission.attempt) for member in members_of(submission, event)]
    return []


def decide_start(flow: Flow, event: RunStarted, now: float) -> Decision:
    """The first decision on a run that does not exist yet."""
    run = Run(
        id=event.run,
        flow=event.flow,
        digest=event.digest,
        created_at=now,
        origin=event.origin,
        parameters=event.parameters,
    )
    draft = Draft(flow, run, {}, now)
    on_started(draft)
    return draft.decision()


def decide(
    flow: Flow, run: Run, groups: dict[GroupKey, Group], event: Event, outcomes: Outcomes, now: float
) -> Decision:
    """What this event changes, and what has to be done about it.

    An event that is stale, repeated or about nothing known changes nothing; `Decision.note` says why.
    """
    draft = Draft(flow, run, dict(groups), now)
    match event:
        case JobChanged():
            on_job_changed(draft, event, outcomes)
        case LightEnded():
            on_light_ended(draft, event, outcomes)
        case _:
            _HANDLERS[type(event)](draft, event)
    return draft.decision()


def _on_started_again(draft: Draft, _event: RunStarted) -> None:
    draft.note = "the run exists already"


# Those that need no outcome.
_HANDLERS: dict[type[Event], Callable[[Draft, Any], None]] = {
    RunStarted: _on_started_again,
    TimerDue: on_timer_due,
    RunTimerDue: on_run_timer_due,
    JobSubmitted: on_job_submitted,
    SubmitRefused: on_submit_refused,
    CancelRequested: on_cancel,
    ResumeRequested: on_resume,
    RetryRequested: on_retry,
}
