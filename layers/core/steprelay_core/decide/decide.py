"""The one decision: what an event means for a run. Pure and total."""

from collections.abc import Callable, Iterable
from typing import Any

from steprelay_core.decide.array import ArrayEnd, ends_of
from steprelay_core.decide.chained import attempts_ahead
from steprelay_core.decide.draft import Claims, Decision, Draft, find_submission
from steprelay_core.decide.hook_ends import on_hook_silent, on_light_function_ended
from steprelay_core.decide.job import (
    Outcomes,
    members_of,
    on_children_failed,
    on_job_changed,
    on_job_missing,
    on_job_submitted,
    on_submission_lost,
    on_submit_refused,
)
from steprelay_core.decide.light import on_light_silent
from steprelay_core.decide.limit import on_run_timer_due
from steprelay_core.decide.notices import drop_stale, note_reason, on_job_waits
from steprelay_core.decide.restart import on_resume, on_retry
from steprelay_core.decide.run import (
    on_cancel,
    on_outbox_due,
    on_search_put_off,
    on_started,
    on_stop_unfinished,
    on_submit_put_off,
    on_timer_due,
    on_window_stalled,
)
from steprelay_core.decide.waiting import on_queue_timer_due, on_waiting_seen
from steprelay_core.spec import Flow
from steprelay_core.state.events import (
    CancelRequested,
    ChildrenFailed,
    Event,
    HookSilent,
    JobChanged,
    JobMissing,
    JobSubmitted,
    JobWaits,
    LightEnded,
    LightSilent,
    OutboxDue,
    QueueTimerDue,
    ResumeRequested,
    RetryRequested,
    RunStarted,
    RunTimerDue,
    SearchPutOff,
    StopUnfinished,
    SubmissionLost,
    SubmitPutOff,
    SubmitRefused,
    TimerDue,
    WaitingSeen,
    WindowStalled,
)
from steprelay_core.state.model import Group, GroupKey, Run, Submission, TaskKey
from steprelay_core.state.ranges import Ranges

# By the type of the event: what is decided by outcomes, and what without.
_ENDS: dict[type, Callable[[Draft, Any, Outcomes], None]] = {
    JobChanged: on_job_changed,
    ChildrenFailed: on_children_failed,
    JobMissing: on_job_missing,
    LightEnded: on_light_function_ended,
    LightSilent: on_light_silent,
    HookSilent: on_hook_silent,
}
_OTHERS: dict[type, Callable[[Draft, Any], None]] = {
    TimerDue: on_timer_due,
    RunTimerDue: on_run_timer_due,
    JobSubmitted: on_job_submitted,
    SubmissionLost: on_submission_lost,
    SubmitRefused: on_submit_refused,
    CancelRequested: on_cancel,
    ResumeRequested: on_resume,
    RetryRequested: on_retry,
    SubmitPutOff: on_submit_put_off,
    SearchPutOff: on_search_put_off,
    OutboxDue: on_outbox_due,
    StopUnfinished: on_stop_unfinished,
    WindowStalled: on_window_stalled,
    QueueTimerDue: on_queue_timer_due,
    WaitingSeen: on_waiting_seen,
    JobWaits: on_job_waits,
}


def outcomes_needed(groups: dict[GroupKey, Group], event: Event) -> list[tuple[TaskKey, int]]:
    """The (task, attempt) whose outcomes `decide` has to see for this event, or else their claims."""
    if isinstance(event, LightEnded):
        return [(event.group.task(event.member), event.attempt)]
    if isinstance(event, HookSilent):
        return [(TaskKey(event.name, (), 0), event.attempt)]
    if isinstance(event, JobChanged) and not event.ended:
        return []
    if isinstance(event, JobChanged | ChildrenFailed | JobMissing | LightSilent) and event.group in groups:
        submission = find_submission(groups[event.group], event.submission)
        if submission is not None:
            members = Ranges.collect(_members(submission, event))
            own = [(event.group.task(member), submission.attempt) for member in members]
            return attempts_ahead(groups, event.group, submission, members) + own
    return []


def _members(submission: Submission, event: JobChanged | ChildrenFailed | JobMissing | LightSilent) -> Iterable[int]:
    match event:
        case LightSilent():
            return submission.open
        case ChildrenFailed():
            return ends_of(submission, event)
    return members_of(submission, event)


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
    flow: Flow,
    run: Run,
    groups: dict[GroupKey, Group],
    event: Event,
    outcomes: Outcomes,
    now: float,
    claims: Claims | None = None,
    array: ArrayEnd | None = None,
) -> Decision:
    """What this event changes, and what has to be done about it.

    `outcomes` and `claims`: as the data bucket has them for the attempts that `outcomes_needed` names. `array`: what
    was found out instead about an array that has ended; without it all of its outcomes count as read.

    An event that is stale, repeated or about nothing known changes nothing; `Decision.note` says why.
    """
    draft = Draft(flow, run, dict(groups), now, claims or {}, array=array)
    if type(event) in _ENDS:
        _ENDS[type(event)](draft, event, outcomes)
    elif type(event) in _OTHERS:
        _OTHERS[type(event)](draft, event)
    else:
        draft.note = "the run exists already"
    if isinstance(event, JobChanged):
        note_reason(draft, event)
    drop_stale(draft)
    return draft.decision()
