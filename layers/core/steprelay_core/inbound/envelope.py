"""What every event on our queues has in common: EventBridge's envelope, and the two ways of not being used."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

# A reason is for people and for a message attribute; a hostile event may hold thousands of faults.
_FAULTS_TOLD = 5


class DeadLetter(Exception):
    """Redelivery cannot mend this message: it goes to the dead-letter queue, with this text as its reason."""


class Unreadable(DeadLetter):
    """A message that is broken: not JSON, not an event, or an event without what it must have."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A well-formed message that asks nothing of this relay, and why."""

    reason: str


class Inbound(BaseModel):
    """AWS adds keys to its events at any time, so unknown ones are left alone; known ones must have their type."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Envelope(Inbound):
    """An EventBridge event, or a message of our own in its shape (`id` and `time` are then missing)."""

    source: str
    detail_type: str = Field(alias="detail-type")
    detail: dict[str, Any]
    id: str | None = None


def read_envelope(body: str) -> Envelope:
    """Read the body of an SQS message.

    Raises:
        Unreadable: if it is not JSON, or not an event.
    """
    try:
        return Envelope.model_validate_json(body)
    except ValidationError as error:
        raise Unreadable(f"the message is not an event: {faults(error)}") from None


def faults(error: ValidationError) -> str:
    """The first faults in one line: `attempts.0.container: Input should be an object`."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = [": ".join(filter(None, (".".join(map(str, fault["loc"])), fault["msg"]))) for fault in found]
    more = [f"and {len(told) - _FAULTS_TOLD} more"] if len(told) > _FAULTS_TOLD else []
    return "; ".join([*told[:_FAULTS_TOLD], *more])
