"""Messages on the relay's bus and from schedules → what they ask for."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, ValidationError

from steprelay_core.inbound.envelope import Envelope, Ignored, Inbound, Unreadable, faults, read_envelope
from steprelay_core.state.events import CancelRequested, ResumeRequested, RetryRequested
from steprelay_core.state.model import Origin, TaskSelection

SCHEDULE_SOURCE = "steprelay.schedule"
_OWN_SOURCE = "steprelay"


@dataclass(frozen=True, slots=True)
class RunRequested:
    """Start the deployed version of `flow`. `request` is the same however often the message is delivered."""

    request: str
    flow: str
    origin: Origin
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BusEvent:
    """Something happened; the flows deployed with a trigger of this name start. `request` as in `RunRequested`."""

    request: str
    name: str
    source: str
    detail: dict[str, Any] = field(default_factory=dict)


Request = RunRequested | CancelRequested | ResumeRequested | RetryRequested | BusEvent


class _Run(Inbound):
    flow: str = Field(min_length=1)
    parameters: dict[str, Any] = Field(default_factory=dict)
    schedule: str | None = None
    scheduled_time: str | None = Field(default=None, alias="scheduled-time")


class _Cancel(Inbound):
    run: str = Field(min_length=1)
    reason: str = ""


class _Resume(Inbound):
    """`request`: an id of the sender's own, who may then send the same request twice over the bus."""

    run: str = Field(min_length=1)
    request: str | None = Field(default=None, min_length=1, max_length=64)


class _Retry(_Resume):
    tasks: str = Field(min_length=1, max_length=500)


def read_request(body: str, message_id: str) -> Request | Ignored:
    """What a message on the run-requests queue asks for.

    `message_id` (SQS's, the same at every redelivery) identifies messages that no event bus gave an id.

    Raises:
        Unreadable: if the message is broken.
    """
    envelope = read_envelope(body)
    if envelope.source == _OWN_SOURCE:
        # A flow that an announcement of the relay starts would announce itself in turn, without end.
        return Ignored(f"{envelope.detail_type!r} is the relay's own announcement")
    identity = envelope.id or message_id
    try:
        match envelope.detail_type:
            case "Run Requested":
                return _run(envelope, identity)
            case "Cancel Requested":
                cancel = _Cancel.model_validate(envelope.detail)
                return CancelRequested(cancel.run, cancel.reason, identity)
            case "Resume Requested":
                resume = _Resume.model_validate(envelope.detail)
                return ResumeRequested(resume.run, resume.request or identity)
            case "Retry Requested":
                retry = _Retry.model_validate(envelope.detail)
                return RetryRequested(retry.run, _tasks(retry.tasks), retry.request or identity)
    except ValidationError as error:
        raise Unreadable(f"{envelope.detail_type!r} is not complete: {faults(error)}") from None
    return BusEvent(identity, envelope.detail_type, envelope.source, envelope.detail)


def _tasks(text: str) -> TaskSelection:
    try:
        return TaskSelection.parse(text)
    except ValueError as error:
        raise Unreadable(f"'Retry Requested' is not complete: tasks: {error}") from None


def _run(envelope: Envelope, identity: str) -> RunRequested:
    wanted = _Run.model_validate(envelope.detail)
    if envelope.source != SCHEDULE_SOURCE:
        origin = Origin("request", {"source": envelope.source, "id": identity})
        return RunRequested(identity, wanted.flow, origin, wanted.parameters)
    name, time = wanted.schedule or "", wanted.scheduled_time
    detail = {"schedule": name}
    # Scheduler may deliver twice, and then under another execution id: name and hour are what stays the same.
    # An emulator that does not fill in the hour leaves the keyword in its place.
    if time and not time.startswith("<aws.scheduler"):
        identity, detail = f"{name}@{time}", detail | {"time": time}
    return RunRequested(identity, wanted.flow, Origin("schedule", detail), wanted.parameters)
