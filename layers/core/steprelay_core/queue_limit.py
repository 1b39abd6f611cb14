"""Asking Batch which jobs of a submission wait for a machine, and cancelling those whose time is over.

Looking and cancelling go together, so that nothing is cancelled on an old answer; and CancelJob, other than
TerminateJob, leaves a job alone that has got as far as STARTING in between.
"""

from typing import Any

from steprelay_core.commands import CancelWaiting, StartQueueTimer
from steprelay_core.decide.waiting import judge_waiting, waited_too_long, waiters_of
from steprelay_core.ports import Clock, Jobs
from steprelay_core.state.events import WaitingSeen
from steprelay_core.state.model import Submission

# Children of an array that are looked at together: as many cancellations as a function has time for.
LOOKED_AT_ONCE = 500


def cancel_waiting(
    jobs: Jobs, clock: Clock, run: str, command: CancelWaiting, submission: Submission, limit: int
) -> WaitingSeen:
    """Cancel those jobs of a submission that have waited for `limit` seconds or longer; what was seen.

    Raises:
        ValueError: if it has no job.
    """
    if submission.job_id is None:
        raise ValueError(f"submission {submission.id} has no job")
    now, array = clock.now(), len(submission.members) > 1
    ids, last = _to_look_at(jobs, submission.job_id, command.after) if array else ([submission.job_id], None)
    judged = judge_waiting(waiters_of(jobs.describe(ids)), limit, now, array=array)
    for waiter in judged.overdue:
        jobs.cancel(waiter.job_id, waited_too_long(waiter, limit, now))
    due = judged.due
    if command.after is not None and due is not None and submission.queue_due is not None:
        # What was looked at before may have less time left.
        due = min(due, max(submission.queue_due, now))
    return WaitingSeen(run, command.group, command.submission, submission.job_id, judged.since, due, last)


def _to_look_at(jobs: Jobs, job_id: str, after: int | None) -> tuple[list[str], int | None]:
    """The ids of the next children that wait, and the last one's index, if there are others."""
    left = [index for index in jobs.waiting_children(job_id) if after is None or index > after]
    part = left[:LOOKED_AT_ONCE]
    return [f"{job_id}:{index}" for index in part], part[-1] if len(left) > len(part) else None


def queue_timer_name(run: str, command: StartQueueTimer) -> str:
    """Different for each look, since Scheduler keeps one timer of a name."""
    task = command.group.task(0)
    after = "" if command.after is None else f":{command.after}"
    return f"{run}:{task.step}:{task.split}:{command.submission}:queue:{command.due:.0f}{after}"


def queue_timer_detail(command: StartQueueTimer) -> dict[str, Any]:
    """What the timer's message tells besides run and time."""
    detail = command.group.as_json() | {"submission": command.submission}
    return detail | ({} if command.after is None else {"after": command.after})
