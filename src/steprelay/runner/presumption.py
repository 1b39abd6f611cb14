"""What a chained task presumes: that the task before it has won with a certain attempt.

AWS Batch starts it when that one's job has succeeded, which proves nothing (docs/architecture.md, "Chains").
"""

from steprelay.runner.brief import Task, attempt_key, split_of
from steprelay.runner.claim import DISPATCHER, decode_claim
from steprelay.runner.outcome import decode_outcome
from steprelay.runner.store import Missing, Store


def unfounded(store: Store, task: Task) -> str | None:
    """Why the task must not begin; None if all that it presumes is true.

    To be asked before the attempt is claimed: when the relay moves past what is presumed, it takes this attempt's claim
    as well, so that whoever has looked before finds it taken.
    """
    for group in task.brief.groups if any(group.presumed for group in task.brief.groups) else ():
        attempt = next((attempt for attempt, members in group.won if task.member in members), None)
        split = split_of(group.path, task.member, group.laps)
        if attempt is None:
            return f"the brief names no attempt of {group.step} for {task.name}"
        keys = [
            attempt_key(task.brief.run, group.step, split, attempt, name) for name in ("outcome.json", "claim.json")
        ]
        if not _has_won(store, keys[0]):
            return f"attempt {attempt} of {group.step} has not succeeded"
        if _is_fenced(store, keys[1]):
            return f"the relay has moved past attempt {attempt} of {group.step}"
    return None


def _has_won(store: Store, key: str) -> bool:
    """As the relay will judge it: it went the one way there is. Nonsense, which user code may write, is no success."""
    try:
        outcome = decode_outcome(store.get(key))
    except (Missing, ValueError, KeyError, TypeError, AttributeError):
        return False
    return outcome.succeeded and outcome.transition == 0 and outcome.foreach_count is None


def _is_fenced(store: Store, key: str) -> bool:
    try:
        return decode_claim(store.get(key)).owner == DISPATCHER
    except Missing:
        return False
