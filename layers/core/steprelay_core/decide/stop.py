"""Stopping what is under way, for a cancellation or because the run's time is over."""

from dataclasses import replace

from steprelay_core.commands import FenceAttempt, TerminateJob, TerminateUnrecorded
from steprelay_core.decide.chain import ahead_of, presumed
from steprelay_core.decide.draft import GROUPS_AT_ONCE, Draft, union
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
    # What was handed over behind others comes first: nothing may begin behind what is stopped already.
    live = [group for group in draft.groups.values() if len(group.live)]
    live.sort(key=lambda group: -_depth(draft, group))
    for group in live[:GROUPS_AT_ONCE]:
        _stop(draft, group, f"{CANCEL_PREFIX}: {why}")
    draft.more = len(live) > GROUPS_AT_ONCE


def stop_cancelled(draft: Draft, why: str) -> None:
    """End what a cancelled run has left; what does not fit into one save is left to the next, and the sweep finds the
    run until all is stopped."""
    stop_live(draft, why)
    draft.set_run(stopping=why if draft.more else None)


def _depth(draft: Draft, group: Group) -> int:
    """How many groups it waits for."""
    return max((len(ahead_of(draft.groups, group.key, item)) for item in group.submissions), default=0)


def _stop(draft: Draft, group: Group, reason: str) -> None:
    for submission in group.submissions:
        draft.ask(FenceAttempt(group.key, submission.attempt, submission.open.spans))
        for job_id in (submission.job_id, *submission.others):
            if job_id is not None:
                draft.ask(TerminateJob(job_id, reason))
        if submission.job_id is None and not submission.light:
            member, until = submission.members.at(0), draft.now + UNRECORDED_FOR
            draft.ask(TerminateUnrecorded(group.key, submission.attempt, member, until, reason))
    # What had not begun has not failed: it follows anew once the member ahead has won.
    left = [(item.attempt, presumed(draft.groups, group.key, item)) for item in group.submissions]
    voided = max((attempt for attempt, members in left if len(members)), default=0)
    failed = group.failed | (group.in_flight - union(members for _, members in left))
    stopped = replace(group, submissions=(), waits=(), failed=failed, voided=max(group.voided, voided))
    draft.put(without_queue(replace(stopped, ended_at=draft.now)))
