"""How long a job may wait for a machine (`queue_timeout_seconds` of a step, `@timeout(queue_minutes=…)`).

The stored status does not tell whether a job still waits: events are late, and of an array's children hardly any is
told. So Batch is asked when the time is over, and what waits then, and has for too long, is cancelled. Its end is told
like any other, with class `queue_timeout`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from steprelay_core.commands import CancelWaiting, StartQueueTimer
from steprelay_core.decide.draft import Draft, find_submission, swap_submission
from steprelay_core.decide.failure import QUEUE_TIMEOUT_PREFIX
from steprelay_core.decide.limit import TIMER_TOLERANCE
from steprelay_core.state.events import QueueTimerDue, WaitingSeen
from steprelay_core.state.model import GroupKey, Submission

# What has no machine yet. Single jobs depend on nothing, and neither do the arrays of steps that limit waiting.
WAITING = frozenset({"SUBMITTED", "PENDING", "RUNNABLE"})

# When to look again (seconds) after a cancellation, and for children of an array that went back to waiting.
LOOK_AGAIN = 300.0


@dataclass(frozen=True, slots=True)
class Waiter:
    """A job or a child that waits: since when (seconds since the epoch), in which queue, and what Batch says of it."""

    job_id: str
    since: float
    queue: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """Who has waited too long, and, as in `WaitingSeen`, about the others."""

    overdue: tuple[Waiter, ...]
    since: float | None
    due: float | None


def limit_waiting(draft: Draft, key: GroupKey, submission: Submission, *, anew: bool = False) -> Submission:
    """The submission with a look planned at its job, where that waits and may not do so for ever.

    `anew`: whether the job has just gone back to its queue, because Batch itself tries it again.
    """
    limit = draft.flow.step(key.step).queue_timeout_seconds
    if limit is None or submission.light or submission.status not in WAITING:
        return submission
    if submission.queue_due is not None:
        return replace(submission, queued_at=draft.now) if anew else submission
    due = draft.now + limit
    draft.ask(StartQueueTimer(key, submission.id, due))
    return replace(submission, queued_at=draft.now, queue_due=due)


def on_queue_timer_due(draft: Draft, event: QueueTimerDue) -> None:
    submission = find_submission(draft.group(event.group), event.submission)
    if draft.run.status.terminal or submission is None or submission.queue_due is None:
        draft.note = "nothing waits for this timer"
        return
    if event.after is None and submission.queue_due > draft.now + TIMER_TOLERANCE:
        draft.note = "it is too early to look"
        # The later look has a timer of its own.
        if event.due >= submission.queue_due:
            draft.ask(StartQueueTimer(event.group, event.submission, submission.queue_due))
        return
    draft.ask(CancelWaiting(event.group, event.submission, event.after))


def on_waiting_seen(draft: Draft, event: WaitingSeen) -> None:
    submission = find_submission(draft.group(event.group), event.submission)
    if draft.run.status.terminal or submission is None or submission.job_id != event.job_id:
        # The sweep looks at the job that took its place.
        draft.note = "no attempt is waiting for this job"
        return
    queued_at = submission.queued_at if event.since is None else event.since
    changed = replace(submission, queued_at=queued_at, queue_due=event.due)
    draft.put(swap_submission(draft.group(event.group), changed))
    if event.after is not None:
        draft.ask(StartQueueTimer(event.group, event.submission, draft.now, event.after))
    elif event.due is not None:
        draft.ask(StartQueueTimer(event.group, event.submission, event.due))


def waiters_of(details: Iterable[dict[str, Any]]) -> list[Waiter]:
    """Those jobs that wait, as DescribeJobs tells: since they were made, or since their last attempt ended."""
    return [
        Waiter(detail["jobId"], _since(detail), _short(detail["jobQueue"]), detail.get("statusReason") or "")
        for detail in details
        if detail["status"] in WAITING
    ]


def judge_waiting(waiters: Sequence[Waiter], limit: int, now: float, *, array: bool) -> Judged:
    """Tell those whose time is over from those who still have some."""
    overdue = tuple(waiter for waiter in waiters if waiter.since + limit <= now)
    left = [waiter.since for waiter in waiters if waiter.since + limit > now]
    looks = [max(since + limit, now + TIMER_TOLERANCE) for since in left]
    looks += [now + LOOK_AGAIN] if overdue else []
    looks += [now + max(limit, LOOK_AGAIN)] if array else []
    return Judged(overdue, min(left, default=None), min(looks, default=None))


def waited_too_long(waiter: Waiter, limit: int, now: float) -> str:
    """What a job is cancelled with; Batch's own words on it would be lost otherwise."""
    told = f"waited {_words(now - waiter.since)} in queue {waiter.queue}, at most {_words(limit)} allowed"
    return f"{QUEUE_TIMEOUT_PREFIX}: {told}" + (f"; {waiter.reason}" if waiter.reason else "")


def _since(detail: dict[str, Any]) -> float:
    """Batch tells milliseconds."""
    ends = [attempt.get("stoppedAt") or 0 for attempt in detail.get("attempts", ())]
    return float(max([detail["createdAt"], *ends])) / 1000


def _short(queue: str) -> str:
    return queue.rpartition("/")[2]


def _words(seconds: float) -> str:
    """`45 s`, `30 min`, `2 h 5 min`: rounded down, since nobody waited for longer."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    if not hours and whole % 60:
        parts.append(f"{whole % 60} s")
    return " ".join(part for part in parts if part)
