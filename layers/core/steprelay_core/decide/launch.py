"""Handing members of a group over: to AWS Batch as jobs and arrays, to the light function as messages."""

from dataclasses import replace

from steprelay_core.commands import InvokeLight, SubmitJob
from steprelay_core.decide.chain import LONGEST_CHAIN, next_in_chain
from steprelay_core.decide.draft import Draft, swap_submission
from steprelay_core.decide.window import window_of
from steprelay_core.spec import Step
from steprelay_core.state.model import ARRAY_LIMIT, Ahead, Group, GroupKey, Submission, Terms
from steprelay_core.state.ranges import Ranges


def launch(
    draft: Draft,
    key: GroupKey,
    members: Ranges,
    attempt: int | None = None,
    terms: Terms | None = None,
    first: int | None = None,
) -> None:
    """Start an attempt of these members on these terms, unless the run no longer starts anything.

    `attempt`: by default the first that none of them can have begun. `first`: the attempt from which their budget
    counts, by default this one. What follows an array statically is handed over behind it.
    """
    if draft.is_stopping or not len(members):
        return
    step = draft.flow.step(key.step)
    attempt = draft.group(key).voided + 1 if attempt is None else attempt
    first, terms = attempt if first is None else first, terms or Terms()
    for part in members.chunks(_together(draft, key, step)):
        again = step.batch is None and (attempt > first or bool(terms.spent))
        joined = _joined(draft, draft.group(key), part, attempt, terms, first) if again else None
        if joined is not None:
            draft.put(swap_submission(draft.group(key), joined))
            draft.ask(InvokeLight(key, joined.id, part.spans))
            continue
        light = step.batch is None
        submission = Submission(attempt, part, part, light, submitted_at=draft.now, terms=terms, first=first)
        hand_over(draft, key, submission)
        _launch_behind(draft, key, submission)


def hand_over(draft: Draft, key: GroupKey, submission: Submission) -> None:
    """Add a submission to its group, and ask for its job or its messages."""
    group = draft.group(key)
    tried = max(submission.attempt, highest_attempt(group, draft.flow.step(key.step)))
    started_at = draft.now if group.started_at is None else group.started_at
    submissions = (*group.submissions, submission)
    draft.put(replace(group, submissions=submissions, tried=tried, started_at=started_at, ended_at=None))
    draft.ask(InvokeLight(key, submission.id) if submission.light else SubmitJob(key, submission.id))


def _launch_behind(draft: Draft, key: GroupKey, ahead: Submission) -> None:
    """Hand over the arrays of the steps that are certain to follow, each behind the one before."""
    members = ahead.members
    # A window counts the tasks of each step apart, and what is chained starts when Batch sees fit.
    if len(members) < 2 or window_of(draft.flow, draft.groups, key) is not None:
        return
    for _ in range(LONGEST_CHAIN - 1):
        following = next_in_chain(draft.flow, key.step)
        if following is None:
            return
        behind, key = Ahead(key.step, ahead.id), replace(key, step=following)
        group = draft.group(key)
        if len(group.members & members):
            return
        attempt = group.voided + 1
        ahead = Submission(attempt, members, members, False, submitted_at=draft.now, first=attempt, behind=behind)
        hand_over(draft, key, ahead)


def _joined(draft: Draft, group: Group, part: Ranges, attempt: int, terms: Terms, first: int) -> Submission | None:
    """Light tasks that are tried again join those that were before: each is a message of its own, but the state has to
    stay small. A submission is named by its first member, so that must stay the first."""
    alike = (
        submission
        for submission in group.submissions
        if (submission.attempt, submission.terms, submission.first) == (attempt, terms, first)
        and not submission.fallback
        and submission.members.at(0) < part.at(0)
        and len(submission.members) + len(part) <= ARRAY_LIMIT
    )
    found = next(alike, None)
    if found is None:
        return None
    return replace(found, members=found.members | part, open=found.open | part, submitted_at=draft.now, sent_at=None)


def highest_attempt(group: Group, step: Step) -> int:
    """The highest attempt that a member of the group may have begun; 0 for a group that has none."""
    if group.tried or not len(group.members - group.queued):
        return group.tried
    # Saved by a relay that did not note it, when no attempt was beyond the step's budget.
    return 1 + (step.retry.times if step.retry else 0)


def _together(draft: Draft, key: GroupKey, step: Step) -> int:
    """How many members one submission may hold. AWS Batch: an array cannot be made of multi-node parallel jobs."""
    if step.batch is not None and step.batch.nodes > 1:
        return 1
    window = window_of(draft.flow, draft.groups, key)
    return ARRAY_LIMIT if window is None else min(ARRAY_LIMIT, window.portion)
