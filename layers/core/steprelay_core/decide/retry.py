"""What follows when an attempt has failed: another attempt, now or later, or the end of the task."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from steprelay_core.commands import FenceAttempt
from steprelay_core.decide.advance import describe_failure
from steprelay_core.decide.chain import void_behind
from steprelay_core.decide.crowd import try_again
from steprelay_core.decide.draft import GROUPS_AT_ONCE, Draft, settle_members, union
from steprelay_core.decide.failure import is_final
from steprelay_core.decide.queue import without_queue
from steprelay_core.decide.terms import terms_after
from steprelay_core.state.model import FailedAttempt, Failure, GroupKey, RunFailure, Submission, Terms
from steprelay_core.state.ranges import Ranges

# How many failed attempts a group keeps word for word; the first ones tell the cause.
HISTORY_LIMIT = 50

NOBODY = Ranges()
NEVER: Mapping[int, float | None] = MappingProxyType({})


def fail_attempt(
    draft: Draft,
    key: GroupKey,
    submission: Submission,
    members: Ranges,
    failure: Failure,
    began_at: float | None = None,
) -> None:
    """Move these members of a submission, which failed alike and left no outcome, past its attempt; `began_at` where
    they tell it themselves."""
    fail_members(draft, key, submission, dict.fromkeys(members, failure), began=dict.fromkeys(members, began_at))


def fail_members(
    draft: Draft,
    key: GroupKey,
    submission: Submission,
    failures: Mapping[int, Failure],
    closed: Ranges = NOBODY,
    began: Mapping[int, float | None] = NEVER,
) -> None:
    """Move members of a submission past its attempt, which failed; those that may be tried again go on together.

    The attempt is fenced first, so that whatever container of it still wakes finds its claim taken; but not for members
    whose attempt is `closed` by an outcome, which no container passes either. What was handed over behind them is void.
    `began`: when they did, where they tell.
    """
    if not failures:
        return
    attempt, step, members = submission.attempt, draft.flow.step(key.step), Ranges.collect(failures)
    _note(draft, key, submission, failures, began)
    if len(members - closed):
        draft.ask(FenceAttempt(key, attempt, (members - closed).spans))
    void_behind(draft, key, submission, members)
    in_budget = step.retry is not None and attempt - submission.first < step.retry.times
    again: dict[Terms, list[int]] = {}
    lost = []
    for member, failure in sorted(failures.items()):
        if in_budget and not is_final(failure):
            again.setdefault(terms_after(step.batch, submission.terms, failure), []).append(member)
        else:
            lost.append(member)
    if lost:
        give_up(draft, key, Ranges.collect(lost), attempt, failures[lost[0]])
    for terms, alike in again.items():
        if draft.run.failure is None:
            try_again(draft, key, submission, Ranges.collect(alike), terms)
        else:
            give_up(draft, key, Ranges.collect(alike), attempt, failures[alike[0]])


def _note(
    draft: Draft,
    key: GroupKey,
    submission: Submission,
    failures: Mapping[int, Failure],
    began: Mapping[int, float | None],
) -> None:
    """Take them out of the submission, with a line of history for the first ones."""
    members = Ranges.collect(failures)
    group = settle_members(draft.group(key), members)
    room = HISTORY_LIMIT - len(group.history)
    lines = tuple(
        FailedAttempt(
            member, submission.attempt, draft.now, failures[member], began.get(member) or submission.started_at
        )
        for member in members.first(max(room, 0))
    )
    draft.put(replace(group, history=(*group.history, *lines)))


def give_up(draft: Draft, key: GroupKey, members: Ranges, attempt: int, failure: Failure) -> None:
    """End tasks for good. The run's first such failure stops new attempts; what runs may finish."""
    group = draft.group(key)
    group = replace(group, failed=group.failed | members)
    draft.put(replace(group, ended_at=None if len(group.live) else draft.now))
    if draft.run.failure is not None:
        return
    task = str(key.task(members.at(0)))
    draft.set_run(failure=RunFailure(task, attempt, failure), resuming=None)
    draft.announce("Step Failed", task, describe_failure(RunFailure(task, attempt, failure)))
    # Beyond these, a wait is dropped when its timer goes off, and a queue when one of its group ends.
    for other in [other for other in draft.groups.values() if other.waits or len(other.queued)][:GROUPS_AT_ONCE]:
        drop_waits(draft, other.key)


def drop_waits(draft: Draft, key: GroupKey) -> None:
    """Give up on attempts that have not begun, since the run ends."""
    group = draft.group(key)
    waiting = union(wait.members for wait in group.waits)
    group = without_queue(replace(group, waits=(), failed=group.failed | waiting))
    draft.put(replace(group, ended_at=None if len(group.live) else draft.now))
