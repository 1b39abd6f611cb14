"""Which job the array of a chained submission depends on (docs/architecture.md, "Chains")."""

from collections.abc import Sequence
from dataclasses import replace

from steprelay_core.decide.draft import find_submission
from steprelay_core.ports import Stored
from steprelay_core.state.events import Event, JobSubmitted, SubmitRefused
from steprelay_core.state.model import GroupKey, Submission


class AheadUnknown(Exception):
    """What is to be waited for has no job yet."""


class AheadRefused(Exception):
    """AWS Batch has just refused what is to be waited for."""


def job_ahead(stored: Stored, key: GroupKey, submission: Submission, answers: Sequence[Event]) -> str | None:
    """The job of the submission that this one is behind; None where it waits for nobody, or no more.

    `answers`: what AWS has just answered, which is not saved yet.

    Raises:
        AheadUnknown: if that has still to be submitted.
        AheadRefused: if it will never be.
    """
    if submission.behind is None:
        return None
    ahead_key = replace(key, step=submission.behind.step)
    group = stored.groups.get(ahead_key)
    ahead = find_submission(group, submission.behind.submission) if group is not None else None
    if ahead is None:
        return None
    for answer in answers:
        if isinstance(answer, JobSubmitted | SubmitRefused) and (answer.group, answer.submission) == (
            ahead_key,
            ahead.id,
        ):
            if isinstance(answer, SubmitRefused):
                raise AheadRefused(answer.reason)
            return answer.job_id
    if ahead.job_id is None:
        raise AheadUnknown(f"{ahead_key.step} has no job yet")
    return ahead.job_id
