"""What follows when an attempt has failed: another attempt, now or later, or the end of the task."""

from dataclasses import replace

from steprelay_core.commands import FenceAttempt, StartTimer
from steprelay_core.decide.advance import describe_failure
from steprelay_core.decide.draft import GROUPS_AT_ONCE, Draft, settle_members, union
from steprelay_core.decide.failure import is_final
from steprelay_core.decide.launch import launch
from steprelay_core.decide.queue import without_queue
from steprelay_core.decide.terms import terms_after
from steprelay_core.spec.models import Retry
from steprelay_core.state.model import FailedAttempt, Failure, GroupKey, RunFailure, Submission, Wait
from steprelay_core.state.ranges import Ranges

# How many failed attempts a group keeps word for word; the first ones tell the cause.
HISTORY_LIMIT = 50


def fail_attempt(
    draft: Draft,
    key: GroupKey,
    submission: Submission,
    members: Ranges,
    failure: Failure,
    began_at: float | None = None,
) -> None:
    """Move these members of a submission past its attempt, which failed; `began_at` where they tell it themselves.

    The attempt is fenced first: whatever container of it still wakes finds its claim taken.
    """
    attempt, step = submission.attempt, draft.flow.step(key.step)
    group = settle_members(draft.group(key), members)
    began = began_at or submission.started_at
    lines = tuple(FailedAttempt(member, attempt, draft.now, failure, began) for member in members)
    draft.put(replace(group, history=(*group.history, *lines)[:HISTORY_LIMIT]))
    draft.ask(FenceAttempt(key, attempt, members.spans))
    before, first = attempt - submission.first, submission.first
    if draft.run.failure is None and not is_final(failure) and step.retry and before < step.retry.times:
        due = draft.now + delay_before(before + 2, step.retry)
        terms = terms_after(step.batch, submission.terms, failure)
        _try_again(draft, key, Wait(attempt + 1, members, due, terms, first))
    else:
        give_up(draft, key, members, attempt, failure)


def delay_before(attempt: int, retry: Retry) -> float:
    """Seconds to wait before this attempt of a budget; the second one waits `minutes_between_retries`."""
    return float(retry.minutes_between_retries) * 60 * float(retry.backoff) ** (attempt - 2)


def _try_again(draft: Draft, key: GroupKey, wait: Wait) -> None:
    if wait.due <= draft.now:
        launch(draft, key, wait.members, wait.attempt, wait.terms, wait.first)
        return
    group = draft.group(key)
    draft.put(replace(group, waits=(*group.waits, wait)))
    draft.ask(StartTimer(key, wait.attempt, wait.members.at(0), wait.due))


def give_up(draft: Draft, key: GroupKey, members: Ranges, attempt: int, failure: Failure) -> None:
    """End tasks for good. The run's first such failure stops new attempts; what runs may finish."""
    group = draft.group(key)
    group = replace(group, failed=group.failed | members)
    draft.put(replace(group, ended_at=None if len(group.live) else draft.now))
    if draft.run.failure is not None:
        return
    task = str(key.task(members.at(0)))
    draft.set_run(failure=RunFailure(task, attempt, failure), resuming=None)
    draft.announce("Step Failed", task, {"step": key.step} | describe_failure(RunFailure(task, attempt, failure)))
    # Beyond these, a wait is dropped when its timer goes off, and a queue when one of its group ends.
    for other in [other for other in draft.groups.values() if other.waits or len(other.queued)][:GROUPS_AT_ONCE]:
        drop_waits(draft, other.key)


def drop_waits(draft: Draft, key: GroupKey) -> None:
    """Give up on attempts that have not begun, since the run ends."""
    group = draft.group(key)
    waiting = union(wait.members for wait in group.waits)
    group = without_queue(replace(group, waits=(), failed=group.failed | waiting))
    draft.put(replace(group, ended_at=None if len(group.live) else draft.now))
