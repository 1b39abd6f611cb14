"""What follows when an attempt has failed: another attempt, now or later, or the end of the task."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from steprelay_core.commands import FenceAttempt
from steprelay_core.decide.advance import describe_failure
from steprelay_core.decide.budget import Again, Verdict, judge_failure
from steprelay_core.decide.chain import void_behind
from steprelay_core.decide.crowd import try_again
from steprelay_core.decide.draft import GROUPS_AT_ONCE, Draft, settle_members, union
from steprelay_core.decide.fallback import caught_of, fall_back
from steprelay_core.decide.queue import without_queue
from steprelay_core.state.model import HISTORY_LIMIT, FailedAttempt, Failure, GroupKey, RunFailure, Submission
from steprelay_core.state.ranges import Ranges

# Whoever fails in a run that fails already.
RUN_FAILS = Verdict("none: the run has failed")
# Of an attempt that was made for `@catch` alone.
NOT_CAUGHT, CAUGHT_AGAIN = Verdict("none: @catch could not go on either"), Verdict("free: @catch is tried again")

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
    attempt, members = submission.attempt, Ranges.collect(failures)
    verdicts = _judged(draft, key, submission, failures)
    last = {member: failures[member] for member in members if verdicts[member].again is None}
    caught, given_up = caught_of(draft, key, submission, last, closed)
    if given_up or draft.run.failure is not None:
        # Whoever would have had another attempt is not the cause.
        going = {member: failures[member] for member in members if member not in last}
        verdicts |= dict.fromkeys(going, RUN_FAILS)
        given_up |= {member: (attempt, failure) for member, failure in going.items()}
    if submission.fallback and caught:
        verdicts = dict.fromkeys(members, CAUGHT_AGAIN)
    _note(draft, key, submission, failures, began, verdicts, union(cause.members for cause in caught))
    if len(members - closed):
        draft.ask(FenceAttempt(key, attempt, (members - closed).spans))
    void_behind(draft, key, submission, members)
    if given_up:
        told = min(last or given_up)
        give_up(draft, key, Ranges.collect(given_up), told, *given_up[told], verdicts[told].budget)
    fall_back(draft, key, submission, caught)
    for how, alike in _by_terms(verdicts).items():
        try_again(draft, key, submission, Ranges.collect(alike), how)


def _judged(draft: Draft, key: GroupKey, submission: Submission, failures: Mapping[int, Failure]) -> dict[int, Verdict]:
    """Who has another attempt, as far as its own failure is concerned."""
    if submission.fallback:
        return dict.fromkeys(failures, NOT_CAUGHT)
    step = draft.flow.step(key.step)
    known: dict[tuple[str, int | None], Verdict] = {}
    found = {}
    for member, failure in failures.items():
        kind = (failure.class_, failure.exit_code)
        if kind not in known:
            known[kind] = judge_failure(step, submission, failure)
        found[member] = known[kind]
    return found


def _by_terms(verdicts: Mapping[int, Verdict]) -> dict[Again, list[int]]:
    """Who has another attempt, together with those whose is alike."""
    found: dict[Again, list[int]] = {}
    for member in sorted(verdicts):
        if (how := verdicts[member].again) is not None:
            found.setdefault(how, []).append(member)
    return found


def _note(
    draft: Draft,
    key: GroupKey,
    submission: Submission,
    failures: Mapping[int, Failure],
    began: Mapping[int, float | None],
    verdicts: Mapping[int, Verdict],
    caught: Ranges,
) -> None:
    """Take them out of the submission, with a line of history for the first ones."""
    members = Ranges.collect(failures)
    group = settle_members(draft.group(key), members)
    room = HISTORY_LIMIT - len(group.history)
    lines = tuple(
        FailedAttempt(
            member,
            submission.attempt,
            draft.now,
            failures[member],
            began.get(member) or submission.started_at,
            verdicts[member].budget,
            member in caught,
        )
        for member in members.first(max(room, 0))
    )
    draft.put(replace(group, history=(*group.history, *lines)))


def give_up(
    draft: Draft, key: GroupKey, members: Ranges, member: int, attempt: int, failure: Failure, budget: str
) -> None:
    """End tasks for good. The run's first such failure stops new attempts; what runs may finish.

    `member` is the one that is told of: how its attempt failed, and why there is no further one.
    """
    group = draft.group(key)
    group = replace(group, failed=group.failed | members)
    draft.put(replace(group, ended_at=None if len(group.live) else draft.now))
    if draft.run.failure is not None:
        return
    cause = RunFailure(str(key.task(member)), attempt, failure, budget)
    draft.set_run(failure=cause, resuming=None)
    draft.announce("Step Failed", cause.task, describe_failure(cause))
    # Beyond these, a wait is dropped when its timer goes off, and a queue when one of its group ends.
    for other in [other for other in draft.groups.values() if other.waits or len(other.queued)][:GROUPS_AT_ONCE]:
        drop_waits(draft, other.key)


def drop_waits(draft: Draft, key: GroupKey) -> None:
    """Give up on attempts that have not begun, since the run ends."""
    group = draft.group(key)
    waiting = union(wait.members for wait in group.waits)
    group = without_queue(replace(group, waits=(), failed=group.failed | waiting))
    draft.put(replace(group, ended_at=None if len(group.live) else draft.now))
