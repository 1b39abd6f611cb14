"""The outcome: the write-once record that a finished attempt leaves."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from steprelay.runner.brief import Task
from steprelay.runner.store import Store
from steprelay.sdk.binding import Ref

# Beside the outcome of a failed attempt.
FAILED_MARK = "failed"
# Beside that of one that only `@catch` made a success.
CAUGHT_MARK = "caught"
OUTCOME_VERSION = 1
_TEXT_LIMIT, _TRACE_LIMIT = 2_000, 20_000


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed. `class_`: `program` or `timeout`; `exit_code`: of a command or of the process."""

    class_: str
    type: str
    message: str
    traceback: str = ""
    exit_code: int | None = None

    def bounded(self) -> "Failure":
        """With texts short enough for a record: messages keep their start, tracebacks their end."""
        return Failure(
            self.class_, self.type, self.message[:_TEXT_LIMIT], self.traceback[-_TRACE_LIMIT:], self.exit_code
        )


@dataclass(frozen=True, slots=True)
class StackFrame:
    """A foreach that encloses a task: its split, how many there are, and the key of the packed items."""

    index: int
    size: int
    items: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. `transition`: position of the way taken; `stack`: the foreachs it ran in.

    `failure`: also where `@catch` made a success of it (`caught`); `peak_memory_mib`: the most memory it held at a
    time; None where nobody knows.
    """

    status: str
    transition: int | None = None
    foreach_count: int | None = None
    artifacts: Mapping[str, Ref] = field(default_factory=dict)
    stack: tuple[StackFrame, ...] = ()
    failure: Failure | None = None
    caught: bool = False
    peak_memory_mib: int | None = None

    @property
    def succeeded(self) -> bool:
        return self.status == "succeeded"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which job makes the attempt, and when it began (seconds since the epoch)."""

    job_id: str | None
    batch_attempt: int | None
    started_at: float


def encode_outcome(task: Task, attempt: Attempt, outcome: Outcome, ended_at: float) -> bytes:
    """The outcome as it is stored."""
    document: dict[str, Any] = {
        "outcome_version": OUTCOME_VERSION,
        "status": outcome.status,
        "attempt": task.brief.attempt,
        "job_id": attempt.job_id,
        "batch_attempt": attempt.batch_attempt,
        "started_at": attempt.started_at,
        "ended_at": ended_at,
        "transition": outcome.transition,
        "foreach_count": outcome.foreach_count,
        "artifacts": {name: _encode_ref(ref) for name, ref in sorted(outcome.artifacts.items())},
        "stack": [asdict(frame) for frame in outcome.stack],
        "failure": asdict(outcome.failure.bounded()) if outcome.failure and not outcome.caught else None,
        "caught": outcome.caught,
    }
    if outcome.caught and outcome.failure:
        # Its traceback is in the artifact, or in the log.
        document["caught_failure"] = asdict(replace(outcome.failure.bounded(), traceback=""))
    if outcome.peak_memory_mib is not None:
        document["usage"] = {"peak_memory_mib": outcome.peak_memory_mib}
    return json.dumps(document).encode()


def decode_outcome(raw: bytes) -> Outcome:
    """Read a stored outcome; keys this version does not know are left alone."""
    document = json.loads(raw)
    failure = document.get("failure") or document.get("caught_failure")
    return Outcome(
        status=document["status"],
        transition=document.get("transition"),
        foreach_count=document.get("foreach_count"),
        artifacts={name: _decode_ref(ref) for name, ref in document.get("artifacts", {}).items()},
        stack=tuple(StackFrame(frame["index"], frame["size"], frame["items"]) for frame in document.get("stack", ())),
        failure=failure and Failure(**{key: failure.get(key) for key in Failure.__slots__}),
        caught=bool(document.get("caught")),
        peak_memory_mib=(document.get("usage") or {}).get("peak_memory_mib"),
    )


def _encode_ref(ref: Ref) -> dict[str, Any]:
    document: dict[str, Any] = {"sha256": ref.sha256, "size": ref.size, "type": ref.type}
    return document if ref.body is None else document | {"inline": b64encode(ref.body).decode()}


def _decode_ref(document: Mapping[str, Any]) -> Ref:
    inline = document.get("inline")
    body = None if inline is None else b64decode(inline)
    return Ref(document["sha256"], document["size"], document["type"], body)


def write_outcome(store: Store, task: Task, attempt: Attempt, outcome: Outcome, ended_at: float) -> Outcome:
    """Leave the outcome; the one that counts, which is another's if somebody was first.

    A failure is marked first, and one that was caught as well: of arrays the relay lists outcomes without reading them,
    and exit codes may be lost on the way, in a script around the image's command for instance.
    """
    key = task.key("outcome.json")
    if attempt.job_id is not None and (outcome.caught or not outcome.succeeded):
        store.put_once(task.key(CAUGHT_MARK if outcome.caught else FAILED_MARK), b"")
    if store.put_once(key, encode_outcome(task, attempt, outcome, ended_at)):
        return outcome
    return decode_outcome(store.get(key))
