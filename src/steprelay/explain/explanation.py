"""What is said of one job: its failure class, what speaks for it, whose fault it is and what follows."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from steprelay.explain.found import Found
from steprelay_core.failure import (
    CLASSES,
    FAULTS,
    FailureClass,
    Reading,
    earlier_attempts,
    read_symptoms,
    symptoms_of,
)

# Of a job that has not failed, by its status.
_NOT_FAILED = {
    "SUBMITTED": "AWS Batch has not looked at it yet",
    "PENDING": "it waits for the jobs it depends on, or for its children",
    "RUNNABLE": "it waits for a place in its queue",
    "STARTING": "it has a machine; its image is pulled and its container started",
    "RUNNING": "it runs",
    "SUCCEEDED": "it is done",
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that AWS Batch itself followed up with another one."""

    class_: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """`class_` is an id of docs/failures.md. `by` says who makes another attempt, `fault` whose fault it was.

    `retry`: whether another attempt is worth making. `next` is what the relay does, `change` what helps, `settings`
    what has a say; `attempts` are those of AWS Batch's own before the last one; `kind` is job, array, child or node.
    """

    class_: str
    means: str
    evidence: str
    fault: str
    retry: bool
    by: str
    next: str
    change: str
    settings: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    exit_code: int | None
    status: str
    kind: str
    job: str
    name: str
    queue: str

    def as_json(self) -> dict[str, Any]:
        """The same for programs; `class` comes first."""
        fields = {name.rstrip("_"): value for name, value in asdict(self).items()}
        fields["attempts"] = [{"class": one.class_, "evidence": one.evidence} for one in self.attempts]
        return fields


def explain_job(found: Found) -> Explanation:
    """Explain a job from what is said of it."""
    detail = found.detail
    symptoms = symptoms_of(detail, blocked=found.blocked)
    reading = read_symptoms(symptoms)
    known = CLASSES[reading.class_]
    attempts = tuple(_attempt(read_symptoms(one)) for one in earlier_attempts(detail))
    queue = _text(detail, "jobQueue") or _text(detail, "jobQueueName") or _text(detail, "jobQueueArn")
    return Explanation(
        class_=known.id,
        means=known.means,
        evidence=_writable("; ".join([_evidence(reading), *_children(detail)])),
        fault=known.fault,
        retry=known.retried,
        by=known.retried_by,
        next=_next(known, symptoms.status, found.blocked, detail, len(attempts)),
        change=known.change,
        settings=known.settings,
        attempts=attempts,
        exit_code=symptoms.exit_code,
        status=_writable(symptoms.status),
        kind=_kind(detail),
        job=_text(detail, "jobId") or _text(detail, "jobArn"),
        name=_text(detail, "jobName"),
        queue=queue.rpartition("/")[2],
    )


def whose(explanation: Explanation) -> str:
    """`the machine's, or that of the services around it`."""
    return FAULTS[CLASSES[explanation.class_].fault]


def _attempt(reading: Reading) -> Attempt:
    return Attempt(reading.class_, _writable(_evidence(reading)))


def _evidence(reading: Reading) -> str:
    return "; ".join(map(str, reading.evidence))


def _next(known: FailureClass, status: str, blocked: bool, detail: Mapping[str, Any], earlier: int) -> str:
    if known.id == "none":
        again = f" again, after {earlier} of its attempts failed" if earlier and status != "SUCCEEDED" else ""
        return _NOT_FAILED.get(status, known.follows) + again
    if status == "RUNNABLE" or blocked:
        return _while_it_waits(known)
    return known.follows + _batch_has_tried(known, detail, earlier)


def _while_it_waits(known: FailureClass) -> str:
    if known.id == "config":
        return "it waits for ever: no machine of its queue can take it, and the jobs behind it wait as well"
    if known.id == "capacity":
        return "it waits until there is a machine, and the jobs behind it as well; AWS Batch goes on looking for one"
    return "it waits, and the jobs behind it as well"


def _batch_has_tried(known: FailureClass, detail: Mapping[str, Any], earlier: int) -> str:
    """How many attempts of its own AWS Batch has spent on a job that has failed for good."""
    strategy = detail.get("retryStrategy")
    allowed = strategy.get("attempts") if isinstance(strategy, Mapping) else None
    if known.retry != "batch" or not isinstance(allowed, int):
        return ""
    return f" (AWS Batch made {earlier + 1} of {max(allowed, earlier + 1)} attempts of its own)"


def _kind(detail: Mapping[str, Any]) -> str:
    array = detail.get("arrayProperties")
    if isinstance(array, Mapping) and array:
        return "child" if "index" in array else "array"
    # AWS Batch user guide, "Multi-node parallel jobs": `job#index` is a node.
    return "node" if "#" in _text(detail, "jobId") else "job"


def _children(detail: Mapping[str, Any]) -> Iterator[str]:
    """How the children of an array stand: `arrayProperties.statusSummary: FAILED 1, SUCCEEDED 7`."""
    array = detail.get("arrayProperties")
    summary = array.get("statusSummary") if isinstance(array, Mapping) else None
    if isinstance(summary, Mapping):
        counts = [f"{status} {count}" for status, count in summary.items() if isinstance(count, int) and count]
        yield f"arrayProperties.statusSummary: {', '.join(counts) or 'nothing yet'}"


def _text(detail: Mapping[str, Any], name: str) -> str:
    value = detail.get(name)
    return _writable(value) if isinstance(value, str) else ""


def _writable(text: str) -> str:
    """JSON's escapes can make halves of characters, which no stream takes."""
    return text.encode("utf-8", "replace").decode()
