"""The claim: one conditional write by which a container proves that it alone may run an attempt."""

import json
from dataclasses import asdict, dataclass

from steprelay.runner.brief import Task
from steprelay.runner.store import Store

# Who owns the claims of the attempts that the relay has moved past.
DISPATCHER = "dispatcher"


@dataclass(frozen=True, slots=True)
class Claim:
    """Who runs an attempt.

    `owner`: unique for each process that claims, `dispatcher` where the relay has moved past the attempt.
    `until`: for light steps, when (seconds since the epoch) the function that claimed it has certainly ended.
    """

    job_id: str | None
    batch_attempt: int | None
    owner: str
    at: float
    until: float | None = None

    def encode(self) -> bytes:
        return json.dumps({key: value for key, value in asdict(self).items() if key != "until" or value}).encode()


def decode_claim(raw: bytes) -> Claim:
    """Read a claim, whoever wrote it."""
    document = json.loads(raw)
    return Claim(
        document.get("job_id"),
        document.get("batch_attempt"),
        document.get("owner") or "",
        document.get("at") or 0.0,
        document.get("until"),
    )


def may_take_over(mine: Claim, taken: Claim) -> bool:
    """Whether `taken` was left by an earlier Batch-internal attempt of the same job."""
    return (
        mine.job_id is not None
        and mine.job_id == taken.job_id
        and (mine.batch_attempt or 0) > (taken.batch_attempt or 0)
    )


def claim(store: Store, task: Task, mine: Claim) -> Claim | None:
    """Claim an attempt; None if it is ours now, else the claim that somebody else holds."""
    key = task.key("claim.json")
    if store.put_once(key, mine.encode()):
        return None
    raw, etag = store.get_tagged(key)
    taken = decode_claim(raw)
    if taken.owner == mine.owner:
        # Our own write went through and only its answer was lost: the client sent it twice.
        return None
    if not may_take_over(mine, taken):
        return taken
    if not store.put_if_match(key, mine.encode(), etag):
        return decode_claim(store.get(key))
    # The predecessor may have come to its end although Batch had given it up: then there is nothing left to run.
    return taken if store.exists(task.key("outcome.json")) else None
