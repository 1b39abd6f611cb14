"""The jobs of AWS Batch in a JSON document, however they are wrapped.

An EventBridge event holds a job in `detail`; SQS puts events into messages, Lambda messages into `Records`, SNS an
event into a `Message`; DescribeJobs lists jobs under `jobs`, ListJobs under `jobSummaryList`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from steprelay_core.failure import STATUSES

BLOCKED = "Batch Job Queue Blocked"
DETAIL_TYPES = ("Batch Job State Change", BLOCKED)

# More wrappings than this nobody makes; a document nested without end must not exhaust the stack.
_DEEPEST = 12

# Lambda's event, the answers of sqs:ReceiveMessage, of batch:DescribeJobs and of batch:ListJobs.
_LISTS = ("Records", "Messages", "jobs", "jobSummaryList")
# What holds an event as text: a message of SQS as Lambda and as the API give it, and one of SNS.
_TEXTS = ("body", "Body", "Message")


@dataclass(frozen=True, slots=True)
class Found:
    """A job as Batch describes it. `blocked`: a Job Queue Blocked event told of it."""

    detail: Mapping[str, Any]
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class NotExplained:
    """Something that is no job of AWS Batch: what it is, and its place in the document."""

    what: str
    where: str


def find_jobs(document: object) -> list[Found | NotExplained]:
    """Every job in a document, in order, and whatever stands in the place of one. Nothing is raised."""
    return list(_search(document, "", 0))


def _search(value: object, where: str, depth: int) -> Iterator[Found | NotExplained]:
    if depth > _DEEPEST:
        yield NotExplained("something wrapped too often", where)
    elif isinstance(value, list):
        yield from _each(value, where, depth)
    elif isinstance(value, str):
        yield from _text(value, where, depth)
    elif isinstance(value, Mapping):
        yield from _object(value, where, depth)
    else:
        yield NotExplained(f"{json.dumps(value)}", where)


def _each(values: list[Any], where: str, depth: int) -> Iterator[Found | NotExplained]:
    if not values:
        yield NotExplained("an empty list", where)
    for number, value in enumerate(values):
        yield from _search(value, f"{where}[{number}]", depth + 1)


def _text(text: str, where: str, depth: int) -> Iterator[Found | NotExplained]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        yield NotExplained("text that is no JSON", where)
        return
    yield from _search(value, where, depth + 1)


def _object(value: Mapping[str, Any], where: str, depth: int) -> Iterator[Found | NotExplained]:
    if "detail-type" in value:
        yield _event(value, where)
        return
    for name in (*_LISTS, "Sns", *_TEXTS):
        inner = value.get(name)
        wraps = isinstance(inner, list) if name in _LISTS else isinstance(inner, str | Mapping)
        if wraps:
            yield from _search(inner, f"{where}.{name}" if where else name, depth + 1)
            return
    yield _job(value, where)


def _event(event: Mapping[str, Any], where: str) -> Found | NotExplained:
    kind, detail = event["detail-type"], event.get("detail")
    if kind not in DETAIL_TYPES:
        return NotExplained(f"an event of type {str(kind)[:80]!r}", where)
    if not isinstance(detail, Mapping):
        return NotExplained(f"a {kind!r} event without a detail", where)
    if kind == BLOCKED:
        return Found(detail, blocked=True)
    return _job(detail, f"{where}.detail" if where else "detail")


def _job(detail: Mapping[str, Any], where: str) -> Found | NotExplained:
    status = detail.get("status")
    if isinstance(status, str) and (status in STATUSES or any(name in detail for name in ("jobId", "jobArn"))):
        return Found(detail)
    keys = ", ".join(repr(str(key)[:40]) for key in list(detail)[:5])
    return NotExplained(f"an object with {keys or 'nothing in it'}", where)
