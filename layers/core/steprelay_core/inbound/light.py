"""The light function's "Light Step Ended" → `LightEnded`."""

from typing import Annotated

from pydantic import Field, ValidationError

from steprelay_core.inbound.envelope import Envelope, Inbound, Unreadable, faults
from steprelay_core.state.events import LightEnded
from steprelay_core.state.laps import trimmed
from steprelay_core.state.model import GroupKey


class _Detail(Inbound):
    run: str = Field(min_length=1)
    step: str = Field(min_length=1)
    path: list[int]
    laps: list[Annotated[int, Field(ge=0)]] = Field(default_factory=list)
    member: int = Field(ge=0)
    attempt: int = Field(ge=1)
    lost: str | None = None


def read_light_ended(envelope: Envelope) -> LightEnded:
    """The end of an attempt in the light function.

    Raises:
        Unreadable: if the message is not complete.
    """
    try:
        detail = _Detail.model_validate(envelope.detail)
    except ValidationError as error:
        raise Unreadable(f"the message of the light function is not complete: {faults(error)}") from None
    return LightEnded(
        detail.run,
        GroupKey(detail.step, tuple(detail.path), trimmed(detail.laps)),
        detail.member,
        detail.attempt,
        detail.lost,
    )
