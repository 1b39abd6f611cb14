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
from steprelay_core.decide.queue import without_queue
from steprelay_core.state.model import FailedAttempt, Failure, GroupKey, RunFailure, Submission
from steprelay_core.state.ranges import Ranges

# How many failed attempts a group keeps word for word; the first ones tell the cause.
HISTORY_LIMIT = 50

# Whoever fails in a run that fails already.
RUN_FAILS = Verdict("none: the run has failed")

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
    verdicts = _verdicts(draft, key, submission, failures)
    _note(draft, key, submission, failures, began, verdicts)
    if len(members - closed):
        draft.ask(FenceAttempt(key, attempt, (members - closed).spans))
    void_behind(draft, key, submission, members)
    lost = [member for member in members if verdicts[member].again is None]
    if lost:
        # Whoever would have had another attempt is not the cause.
        cause = next((member for member in lost if verdicts[member] is not RUN_FAILS), lost[0])
        give_up(draft, key, Ranges.collect(lost), cause, attempt, failures[cause], verdicts[cause].budget)
    again: dict[Again, list[int]] = {}
    for member in members:
        if (how := verdicts[member].again) is not None:
            again.setdefault(how, []).append(member)
    for how, alike in again.items():
        try_again(draft, key, submission, Ranges.collect(alike), how)


def _verdicts(
    draft: Draft, key: GroupKey, submission: Submission, failures: Mapping[int, Failure]
) -> dict[int, Verdict]:
    """What follows for each member; nothing but the end where the run fails, be it by one of them."""
    step = draft.flow.step(key.step)
    known: dict[tuple[str, int | None], Verdict] = {}
    found = {}
    for member, failure in failures.items():
        kind = (failure.class_, failure.exit_code)
        if kind not in known:
            known[kind] = judge_failure(step, submission, failure)
        found[member] = known[kind]
    if draft.run.failure is None and all(verdict.again for verdict in known.values()):
        return found
    return {member: verdict if verdict.again is None else RUN_FAILS for member, verdict in found.items()}


def _note(
    draft: Draft,
    key: GroupKey,
    submission: Submission,
    failures: Mapping[int, Failure],
    began: Mapping[int, float | None],
    verdicts: Mapping[int, Verdict],
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
    task = str(key.task(member))
    cause = RunFailure(task, attempt, failure, budget)
    draft.set_run(failure=cause, resuming=None)
    draft.announce("Step Failed", task, {"step": key.step} | describe_failure(cause))
    # Beyond these, a wait is dropped when its timer goes off, and a queue when one of its group ends.
    for other in [other for other in draft.groups.values() if other.waits or len(other.queued)][:GROUPS_AT_ONCE]:
        drop_waits(draft, other.key)


def drop_waits(draft: Draft, key: GroupKey) -> None:
    """Give up on attempts that have not begun, since the run ends."""
    group = draft.group(key)
    waiting = union(wait.members for wait in group.waits)
    group = without_queue(replace(group, waits=(), failed=group.failed | waiting))
    draft.put(replace(group, ended_at=None if len(group.live) else draft.now))
