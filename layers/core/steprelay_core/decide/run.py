"""The run's own events: start, timers, cancellation."""

from dataclasses import replace

from steprelay_core.commands import FenceAttempt, StartTimer, SubmitJob, TerminateJob, TerminateUnrecorded
from steprelay_core.decide.advance import finish_if_done
from steprelay_core.decide.draft import GROUPS_AT_ONCE, Draft, find_submission, union
from steprelay_core.decide.failure import CANCEL_PREFIX
from steprelay_core.decide.launch import launch
from steprelay_core.decide.retry import drop_waits
from steprelay_core.state.events import CancelRequested, OutboxDue, SearchPutOff, SubmitPutOff, TimerDue
from steprelay_core.state.model import Group, GroupKey, RunStatus
from steprelay_core.state.ranges import Ranges

# A timer may go off this much before its time (seconds): Scheduler and SQS round to whole seconds.
TIMER_TOLERANCE = 1.0


# For how long (seconds) a job may turn up that was submitted before its run was cancelled: a function lives 5 minutes
# at the most, and ListJobs needs some to know of a job.
UNRECORDED_FOR = 600.0


def on_started(draft: Draft) -> None:
    draft.run_changed = True
    origin = {"origin": draft.run.origin.kind} | draft.run.origin.detail
    draft.announce("Run Started", "", {"parameters": draft.run.parameters} | origin)
    launch(draft, GroupKey(draft.flow.spec.start), Ranges.of(0))


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
    # Others that are due by now go along: one array for all of the same terms instead of many jobs.
    due = [wait for wait in group.waits if wait.attempt == event.attempt and wait.due <= limit]
    draft.put(replace(group, waits=tuple(wait for wait in group.waits if wait not in due)))
    for terms in dict.fromkeys(wait.terms for wait in due):
        launch(draft, event.group, union(wait.members for wait in due if wait.terms == terms), event.attempt, terms)


def on_cancel(draft: Draft, event: CancelRequested) -> None:
    live = [group for group in draft.groups.values() if len(group.live)]
    if draft.run.status.terminal and (draft.run.status is not RunStatus.CANCELLED or not live):
        draft.note = "the run has ended already"
        return
    reason = f"{CANCEL_PREFIX}: {event.reason or 'on request'}"
    for group in live[:GROUPS_AT_ONCE]:
        _stop(draft, group, reason)
    draft.more = len(live) > GROUPS_AT_ONCE
    if not draft.run.status.terminal:
        draft.set_run(status=RunStatus.CANCELLED, ended_at=draft.now)
        draft.announce("Run Cancelled", "", {"reason": event.reason})


def _stop(draft: Draft, group: Group, reason: str) -> None:
    for submission in group.submissions:
        draft.ask(FenceAttempt(group.key, submission.attempt, submission.open.spans))
        for job_id in (submission.job_id, *submission.others):
            if job_id is not None:
                draft.ask(TerminateJob(job_id, reason))
        if submission.job_id is None and not submission.light:
            member, until = submission.members.at(0), draft.now + UNRECORDED_FOR
            draft.ask(TerminateUnrecorded(group.key, submission.attempt, member, until, reason))
    ended = replace(group, submissions=(), waits=(), failed=group.failed | group.live, ended_at=draft.now)
    draft.put(ended)


def on_submit_put_off(draft: Draft, event: SubmitPutOff) -> None:
    """Keep in the outbox what still has to be submitted; Batch may have taken it after all."""
    submission = find_submission(draft.group(event.group), event.submission)
    if submission is None or submission.job_id is not None or draft.run.status.terminal:
        draft.note = "nothing is left to submit"
        return
    draft.later.append(SubmitJob(event.group, event.submission, look=True))


def on_search_put_off(draft: Draft, event: SearchPutOff) -> None:
    """Keep looking until no job can turn up any more."""
    if draft.now < event.until:
        search = TerminateUnrecorded(event.group, event.attempt, event.member, event.until, event.reason)
        draft.later.append(search)
    else:
        draft.note = "no job can turn up any more"


def on_outbox_due(draft: Draft, _event: OutboxDue) -> None:
    draft.note = "the outbox was gone through"
