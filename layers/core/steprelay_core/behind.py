"""Which job the array of a chained submission depends on (docs/architecture.md, "Chains")."""

from collections.abc import Sequence

from steprelay_core.decide.chain import ahead_of
from steprelay_core.ports import Stored
from steprelay_core.state.events import Event, JobSubmitted, SubmitPutOff, SubmitRefused
from steprelay_core.state.model import GroupKey, Submission

_OfSubmission = JobSubmitted | SubmitRefused | SubmitPutOff


class AheadUnknown(Exception):
    """What is to be waited for has no job yet; `due`: when it is to be submitted, if it has just been put off."""

    def __init__(self, due: float | None = None) -> None:
        super().__init__(f"the job to be waited for is submitted at {due}")
        self.due = due


class AheadRefused(Exception):
    """AWS Batch has just refused what is to be waited for."""


def job_ahead(stored: Stored, key: GroupKey, submission: Submission, answers: Sequence[Event]) -> str | None:
    """The job of the submission that this one is behind; None where it waits for nobody, or no more.

    `answers`: what AWS has just answered, which is not saved yet.

    Raises:
        AheadUnknown: if that has still to be submitted.
        AheadRefused: if it will never be.
    """
    held = ahead_of(stored.groups, key, submission)
    if not held:
        return None
    ahead_key, ahead = held[-1]
    for answer in answers:
        if not isinstance(answer, _OfSubmission) or (answer.group, answer.submission) != (ahead_key, ahead.id):
            continue
        match answer:
            case JobSubmitted():
                return answer.job_id
            case SubmitRefused():
                raise AheadRefused(answer.reason)
            case SubmitPutOff():
                raise AheadUnknown(answer.due)
    if ahead.job_id is None:
        raise AheadUnknown
    return ahead.job_id
