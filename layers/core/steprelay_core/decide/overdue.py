"""What events have not told in time: which attempts the sweep has to look after."""

from collections.abc import Iterable
from dataclasses import dataclass

from steprelay_core.commands import Command, SubmitJob
from steprelay_core.decide.light import is_silent
from steprelay_core.state.events import (
    JOB_ENDED,
    LightSilent,
    QueueTimerDue,
    ResumeRequested,
    RetryRequested,
    RunTimerDue,
    SubmissionLost,
    TimerDue,
    WindowStalled,
)
from steprelay_core.state.model import Group, GroupKey, Run, Submission

# Scheduler's at() has a precision of one minute, an SQS delay one of a second.
TIMER_SILENCE = 120.0

# A job that has been with Batch this long is looked up; a foreach's failed children only tell once.
JOB_SILENCE = 300.0

# One that is not known to have started sooner, so that people hear soon why it does not.
START_SILENCE = 60.0

_STARTED = frozenset({"STARTING", "RUNNING"})


MadeUpFor = (
    LightSilent
    | TimerDue
    | SubmissionLost
    | RunTimerDue
    | ResumeRequested
    | RetryRequested
    | WindowStalled
    | QueueTimerDue
)


@dataclass(frozen=True, slots=True)
class Lookup:
    """A job to look up with DescribeJobs, and the submission that waits for it."""

    group: GroupKey
    submission: str
    job_id: str


@dataclass(frozen=True, slots=True)
class Overdue:
    """Events to make up for, and jobs to look up, in the order of their ids."""

    events: tuple[MadeUpFor, ...]
    lookups: tuple[Lookup, ...]


def find_overdue(
    run: Run, groups: dict[GroupKey, Group], pending: Iterable[Command], now: float, silence: float = JOB_SILENCE
) -> Overdue:
    """What to look after in a run, judged by how long ago each attempt was handed over; `pending`: its outbox.

    `silence`: for how many seconds a job may have been with Batch before it is looked up.
    """
    events: list[MadeUpFor] = _of_the_run(run, now)
    lookups: list[Lookup] = []
    on_the_way = {(command.group, command.submission) for command in pending if isinstance(command, SubmitJob)}
    for group in groups.values():
        events += [
            TimerDue(run.id, group.key, wait.attempt, wait.members.at(0))
            for wait in group.waits
            if wait.due + TIMER_SILENCE < now
        ]
        if len(group.queued) and not len(group.in_flight):
            events.append(WindowStalled(run.id, group.key))
        events += [
            QueueTimerDue(run.id, group.key, submission.id, submission.queue_due)
            for submission in group.submissions
            if submission.queue_due is not None and submission.queue_due + TIMER_SILENCE < now
        ]
        for submission in group.submissions:
            if submission.light:
                events += [LightSilent(run.id, group.key, submission.id)] if is_silent(submission, now) else []
            elif now - submission.submitted_at <= min(silence, _silence(submission)):
                continue
            elif submission.job_id is not None:
                lookups += [Lookup(group.key, submission.id, job) for job in _jobs_of(submission, submission.job_id)]
            elif (group.key, submission.id) not in on_the_way:
                events.append(SubmissionLost(run.id, group.key, submission.id))
    return Overdue(tuple(events), tuple(sorted(lookups, key=lambda lookup: lookup.job_id)))


def _silence(submission: Submission) -> float:
    """How long (seconds) nothing is asked about it. One without a job may be on its way to Batch."""
    waits = submission.job_id is not None and submission.status not in _STARTED
    return START_SILENCE if waits else JOB_SILENCE


def _of_the_run(run: Run, now: float) -> list[MadeUpFor]:
    """Its time limit, and what was not carried out to its end of the request that set it going again."""
    events: list[MadeUpFor] = []
    if run.deadline is not None and run.deadline + TIMER_SILENCE < now:
        events.append(RunTimerDue(run.id, run.generation))
    if run.resuming is not None:
        request, tasks = run.resuming.request, run.resuming.tasks
        events.append(ResumeRequested(run.id, request) if tasks is None else RetryRequested(run.id, tasks, request))
    return events


def _jobs_of(submission: Submission, job_id: str) -> list[str]:
    """The job itself; of an array that has ended, the children that did not tell how."""
    if submission.status not in JOB_ENDED or len(submission.members) == 1:
        return [job_id]
    return [f"{job_id}:{submission.members.position(member)}" for member in submission.open]
