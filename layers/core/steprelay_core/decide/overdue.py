"""What events have not told in time: which attempts the sweep has to look after."""

from dataclasses import dataclass

from steprelay_core.state.events import LightEnded, ResumeRequested, RetryRequested, RunTimerDue, TimerDue
from steprelay_core.state.model import Group, GroupKey, Run, Submission

# A light attempt takes at most Lambda's 900 s; its message is redelivered within the same time once.
LIGHT_SILENCE = 2 * 900.0

# Scheduler's at() has a precision of one minute, an SQS delay one of a second.
TIMER_SILENCE = 120.0

# A job that has been with Batch this long is looked up; a foreach's failed children only tell once.
JOB_SILENCE = 300.0


MadeUpFor = LightEnded | TimerDue | RunTimerDue | ResumeRequested | RetryRequested


@dataclass(frozen=True, slots=True)
class Overdue:
    """Events to make up for, and job ids to look up with DescribeJobs."""

    events: tuple[MadeUpFor, ...]
    job_ids: tuple[str, ...]


def find_overdue(run: Run, groups: dict[GroupKey, Group], now: float) -> Overdue:
    """What to look after in a run, judged by how long ago each attempt was handed over."""
    events: list[MadeUpFor] = _of_the_run(run, now)
    job_ids: list[str] = []
    for group in groups.values():
        events += [
            TimerDue(run.id, group.key, wait.attempt, wait.members.at(0))
            for wait in group.waits
            if wait.due + TIMER_SILENCE < now
        ]
        for submission in group.submissions:
            if submission.light and submission.submitted_at + LIGHT_SILENCE < now:
                lost = f"the light function was silent for {now - submission.submitted_at:.0f} s"
                events += [
                    LightEnded(run.id, group.key, member, submission.attempt, lost) for member in submission.open
                ]
            elif submission.job_id is not None and submission.submitted_at + JOB_SILENCE < now:
                job_ids += _jobs_of(submission, submission.job_id)
    return Overdue(tuple(events), tuple(job_ids))


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
    if submission.status not in ("SUCCEEDED", "FAILED") or len(submission.members) == 1:
        return [job_id]
    return [f"{job_id}:{submission.members.position(member)}" for member in submission.open]
