"""The functions' logger, metrics and tracer; service and namespace come from the template's environment."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TypeVar, cast

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from steprelay_core.handled import Handled
from steprelay_core.inbound import BusEvent, Ignored, RunRequested, Upload
from steprelay_core.intake.receive import Accepted, Received, Rejected
from steprelay_core.intake.requests import Fulfilled
from steprelay_core.state.events import (
    CancelRequested,
    JobChanged,
    JobWaits,
    LightEnded,
    OutboxDue,
    QueueTimerDue,
    ResumeRequested,
    RetryRequested,
    RunTimerDue,
    TimerDue,
)

logger = Logger()
metrics = Metrics(namespace="steprelay")
Handler = TypeVar("Handler", bound=Callable[..., object])


def traced(handler: Handler) -> Handler:
    """The handler under Powertools' tracer, with a subsegment for each AWS call.

    Only where Lambda gives an X-Ray daemon to send to: the SDK takes as long to import as all else of a function.
    """
    if not os.environ.get("AWS_XRAY_DAEMON_ADDRESS"):
        return handler
    from aws_lambda_powertools import Tracer

    # Patching more would import every library that X-Ray knows and finds.
    tracer = Tracer(patch_modules=("botocore",))
    return cast("Handler", tracer.capture_lambda_handler(handler, capture_response=False))


def count(name: str, value: int = 1) -> None:
    """Add to one of the relay's metrics."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


_KEYS = ("message_id", "run", "task", "attempt", "job", "status", "flow", "request", "event", "upload")
OfRun = CancelRequested | ResumeRequested | RunTimerDue | OutboxDue
OfJob = JobChanged | JobWaits
Subject = OfJob | LightEnded | TimerDue | QueueTimerDue | OfRun | RetryRequested | RunRequested | BusEvent | Upload


def about(event: Subject) -> None:
    """From here on each line of the record's carries its run and task, or what there is before there is a run."""
    logger.append_keys(**_subject(event))


@contextmanager
def record_keys(message_id: str) -> Iterator[None]:
    """What is logged inside belongs to one message; its keys are gone afterwards, however it ended."""
    logger.append_keys(message_id=message_id)
    try:
        yield
    finally:
        logger.remove_keys(_KEYS)


def log_ignored(event: Ignored) -> None:
    count("EventsIgnored")
    logger.info("nothing to do", reason=event.reason)


def log_handled(handled: Handled) -> None:
    """At INFO what moved the run, at DEBUG what came twice or too late."""
    count("EventsHandled")
    _log_one(handled, told=False)


def log_handled_together(run: str, handled: Sequence[Handled]) -> None:
    """One line for events of a run that were decided on together; each has another, at DEBUG where they are many."""
    count("EventsHandled", len(handled))
    if len(handled) > 1:
        logger.info("handled together", run=run, events=len(handled), commands=sum(each.commands for each in handled))


def log_one_of(handled: Handled, together: int) -> None:
    """One of so many events that were decided on together."""
    _log_one(handled, told=together > 1)


def _log_one(handled: Handled, *, told: bool) -> None:
    level = logger.debug if handled.note or told else logger.info
    level("handled", commands=handled.commands, note=handled.note)


def log_received(received: Received) -> None:
    """The one line about an upload; a rejection's carries every problem."""
    match received:
        case Ignored():
            log_ignored(received)
        case Rejected():
            count("PackagesRejected")
            logger.warning("package rejected", id=received.id, problems=[str(problem) for problem in received.problems])
        case Accepted():
            count("PackagesAccepted")
            logger.info("package accepted", **{key: value for key, value in asdict(received).items() if value})


def log_fulfilled(fulfilled: Fulfilled) -> None:
    count("RequestsFulfilled", len(fulfilled.runs))
    run = fulfilled.runs[0] if len(fulfilled.runs) == 1 else None
    logger.info("request fulfilled", run=run, runs=list(fulfilled.runs), note=fulfilled.note)


def _subject(event: Subject) -> dict[str, str]:
    match event:
        case JobChanged() | JobWaits():
            status = event.status if isinstance(event, JobChanged) else "RUNNABLE"
            return {"run": event.run, "task": _job_task(event), "job": event.job_id, "status": status}
        case LightEnded() | TimerDue():
            return {"run": event.run, "task": str(event.group.task(event.member)), "attempt": str(event.attempt)}
        case QueueTimerDue():
            return {"run": event.run, "task": str(event.group.task(_first_member(event.submission)))}
        case CancelRequested() | ResumeRequested() | RunTimerDue() | OutboxDue():
            return {"run": event.run}
        case RetryRequested():
            return {"run": event.run, "task": str(event.tasks)}
        case RunRequested():
            return {"flow": event.flow, "request": event.request}
        case BusEvent():
            return {"event": event.name, "request": event.request}
        case Upload():
            return {"upload": str(event)}


def _job_task(event: OfJob) -> str:
    """`train.3`; the children of an array by their index in it, `train[3]`, their parent `train[*]`."""
    if event.index is not None:
        return f"{_inside(event)}[{event.index}]"
    if isinstance(event, JobChanged) and event.size is not None:
        return f"{_inside(event)}[*]"
    return str(event.group.task(_first_member(event.submission)))


def _inside(event: OfJob) -> str:
    return ".".join([event.group.step, *(str(index) for index in event.group.path[1:])])


def _first_member(submission: str) -> int:
    member = submission.rpartition("-")[2]
    return int(member) if member.isdecimal() else 0
