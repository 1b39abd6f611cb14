"""From a job as AWS Batch tells of it, in an event or in DescribeJobs, to its symptoms.

Anything may come: these are also the jobs of others, and of versions of Batch that are not known here. What is not of
the shape that it should have is as if it were not there.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from steprelay_core.failure.reading import Symptoms, Told

_ENDED = frozenset({"SUCCEEDED", "FAILED"})


def symptoms_of(detail: object, *, blocked: bool = False) -> Symptoms:
    """The symptoms of a job (JobDetail of the AWS Batch API). `blocked`: a Job Queue Blocked event told of it.

    How a job ended stands at the top; only in its last attempt if no container came up, or if the job has several
    nodes and so no container of its own.
    """
    job = _mapping(detail)
    status = _text(job.get("status")) or ("RUNNABLE" if blocked else "")
    attempts = _attempts(job)
    last = attempts[-1] if attempts and status in _ENDED else {}
    within = f"attempts[{len(attempts) - 1}]"
    exit_code = _exit_code(job)
    return Symptoms(
        status=status,
        reason=_first(Told("statusReason", _text(job.get("statusReason"))), _reason(last, within)),
        container=_first(_container_reason(job), _container_reason(last, f"{within}.")),
        exit_code=exit_code if exit_code is not None else _exit_code(last),
        stopped=next((mark for mark in ("isCancelled", "isTerminated") if job.get(mark) is True), None),
        parent=_is_size(_mapping(job.get("arrayProperties")).get("size")),
        blocked=blocked,
    )


def earlier_attempts(detail: object) -> tuple[Symptoms, ...]:
    """The symptoms of the attempts that AWS Batch itself has followed up with another one, the first one first."""
    job = _mapping(detail)
    attempts = _attempts(job)
    over = attempts[:-1] if _text(job.get("status")) in _ENDED else attempts
    return tuple(_symptoms_of_attempt(attempt, f"attempts[{number}]") for number, attempt in enumerate(over))


def _symptoms_of_attempt(attempt: Mapping[str, Any], within: str) -> Symptoms:
    container = _container_reason(attempt, f"{within}.")
    return Symptoms(reason=_reason(attempt, within), container=container, exit_code=_exit_code(attempt))


def _reason(attempt: Mapping[str, Any], within: str) -> Told:
    return Told(f"{within}.statusReason", _text(attempt.get("statusReason")))


def _container_reason(holder: Mapping[str, Any], within: str = "") -> Told:
    """What the first container says that says anything."""
    found = (Told(f"{within}{where}.reason", _text(one.get("reason"))) for where, one in _containers(holder))
    return next((told for told in found if told.text), Told(f"{within}container.reason"))


def _exit_code(holder: Mapping[str, Any]) -> int | None:
    """The exit code; of several containers, that of the first that failed."""
    codes = [code for _, one in _containers(holder) if _is_number(code := one.get("exitCode"))]
    return next((code for code in codes if code), codes[0] if codes else None)


def _containers(holder: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The containers of a job or an attempt, which has one, or several in the properties of its ECS task."""
    yield "container", _mapping(holder.get("container"))
    for owner, path in ((holder, ""), (_mapping(holder.get("ecsProperties")), "ecsProperties.")):
        for at, task in enumerate(_list(owner.get("taskProperties"))):
            for number, container in enumerate(_list(_mapping(task).get("containers"))):
                yield f"{path}taskProperties[{at}].containers[{number}]", _mapping(container)


def _attempts(job: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [_mapping(attempt) for attempt in _list(job.get("attempts"))]


def _first(told: Told, other: Told) -> Told:
    return other if other.text and not told.text else told


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
