"""The end of what was handed over behind another submission (docs/architecture.md, "Chains")."""

from collections.abc import Mapping

from steprelay_core.decide.advance import succeed, succeed_alike
from steprelay_core.decide.chain import Groups, ahead_of, presumed, void
from steprelay_core.decide.draft import Draft, find_submission
from steprelay_core.decide.failure import LEFT_EXIT_CODE, classify
from steprelay_core.decide.launch import launch
from steprelay_core.decide.outcome import judge
from steprelay_core.state.events import JobChanged
from steprelay_core.state.model import GroupKey, Submission, TaskKey
from steprelay_core.state.outcome import Outcome
from steprelay_core.state.ranges import Ranges


def attempts_ahead(groups: Groups, key: GroupKey, submission: Submission, members: Ranges) -> list[tuple[TaskKey, int]]:
    """The attempts ahead of these members that are still undecided."""
    return [
        (ahead_key.task(member), ahead.attempt)
        for ahead_key, ahead in ahead_of(groups, key, submission)
        for member in members & ahead.open
    ]


def take_ahead(
    draft: Draft,
    key: GroupKey,
    submission: Submission,
    members: Ranges,
    outcomes: Mapping[tuple[TaskKey, int], Outcome],
) -> None:
    """Let those ahead of these members succeed whose outcomes say so, although their own events are still to come.

    So nobody is decided upon before the one ahead: whoever has won has won behind a winner.
    """
    listed = draft.array.ahead if draft.array is not None else {}
    for ahead_key, ahead in ahead_of(draft.groups, key, submission):
        undecided = members & ahead.open
        told = undecided & listed.get(ahead_key, Ranges())
        succeed_alike(draft, ahead_key, ahead.attempt, told, 0)
        found = ((member, outcomes.get((ahead_key.task(member), ahead.attempt))) for member in undecided - told)
        ended = {member: judge(draft.flow, ahead_key, outcome) for member, outcome in found if outcome is not None}
        won = {member: outcome for member, outcome in ended.items() if outcome.status == "succeeded"}
        if won:
            succeed(draft, ahead_key, won, ahead.attempt)


def unfounded(draft: Draft, key: GroupKey, submission: Submission, members: Ranges) -> Ranges:
    """Those of these members whose job has ended although the one ahead has not won."""
    return presumed(draft.groups, key, submission) & members


def says_nothing(submission: Submission, job: JobChanged) -> bool:
    """Whether a job that was chained ended without having begun, for want of what it waited for."""
    left = job.exit_code == LEFT_EXIT_CODE and not job.container_reason
    return submission.behind is not None and (left or classify(job).class_ == "dependency")


def begin_anew(draft: Draft, key: GroupKey, submission: Submission, members: Ranges) -> None:
    """Void these members; those whose turn it is already begin with an attempt of their own, behind nobody."""
    current = find_submission(draft.group(key), submission.id)
    if current is None or not len(members):
        return
    waiting = presumed(draft.groups, key, current)
    void(draft, key, current, members)
    launch(draft, key, members & current.open - waiting)
