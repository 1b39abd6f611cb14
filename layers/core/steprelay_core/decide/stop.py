"""Stopping what is under way, for a cancellation or because the run's time is over."""

from dataclasses import replace

from steprelay_core.commands import FenceAttempt, TerminateJob, TerminateUnrecorded
from steprelay_core.decide.draft import GROUPS_AT_ONCE, Draft
from steprelay_core.decide.failure import CANCEL_PREFIX
from steprelay_core.decide.queue import without_queue
from steprelay_core.state.model import Group

# For how long (seconds) a job may turn up that was submitted before its attempt was stopped: a function lives 5 minutes
# at the most, and ListJobs needs some to know of a job.
UNRECORDED_FOR = 600.0


def stop_live(draft: Draft, why: str) -> None:
    """End every live task, of as many groups as go into one save; `draft.more` says that some are left.

    `why` is echoed in the jobs' statusReason.
    """
    live = [group for group in draft.groups.values() if len(group.live)]
    for group in live[:GROUPS_AT_ONCE]:
        _stop(draft, group, f"{CANCEL_PREFIX}: {why}")
    draft.more = len(live) > GROUPS_AT_ONCE


def _stop(draft: Draft, group: Group, reason: str) -> None:
    for submission in group.submissions:
        draft.ask(FenceAttempt(group.key, submission.attempt, submission.open.spans))
        for job_id in (submission.job_id, *submission.others):
            if job_id is not None:
                draft.ask(TerminateJob(job_id, reason))
        if submission.job_id is None and not submission.light:
            member, until = submission.members.at(0), draft.now + UNRECORDED_FOR
            draft.ask(TerminateUnrecorded(group.key, submission.attempt, member, until, reason))
    stopped = replace(group, submissions=(), waits=(), failed=group.failed | group.in_flight, ended_at=draft.now)
    draft.put(without_queue(stopped))
