"""Our own "Timer Due" → `TimerDue`, "Run Timer Due" → `RunTimerDue`, "Outbox Due" → `OutboxDue`, "Queue Timer Due" →
`QueueTimerDue`."""

from typing import Annotated

from pydantic import Field, ValidationError

from steprelay_core.inbound.envelope import Ignored, Inbound, Unreadable, faults, read_envelope
from steprelay_core.state.events import OutboxDue, QueueTimerDue, RunTimerDue, TimerDue
from steprelay_core.state.laps import trimmed
from steprelay_core.state.model import GroupKey

_KINDS = ("Timer Due", "Run Timer Due", "Outbox Due", "Queue Timer Due")


class _OfGroup(Inbound):
    run: str = Field(min_length=1)
    step: str = Field(min_length=1)
    path: list[int]
    laps: list[Annotated[int, Field(ge=0)]] = Field(default_factory=list)

    @property
    def group(self) -> GroupKey:
        return GroupKey(self.step, tuple(self.path), trimmed(self.laps))


class _Detail(_OfGroup):
    attempt: int = Field(ge=1)
    member: int = Field(ge=0)


class _RunDetail(Inbound):
    run: str = Field(min_length=1)
    generation: int = Field(ge=1)


class _Outbox(Inbound):
    run: str = Field(min_length=1)


class _QueueDetail(_OfGroup):
    submission: str = Field(min_length=1)
    due: float = Field(allow_inf_nan=False)
    after: int | None = Field(default=None, ge=0)

    @property
    def event(self) -> QueueTimerDue:
        return QueueTimerDue(self.run, self.group, self.submission, self.due, self.after)


def read_timer_due(body: str) -> TimerDue | RunTimerDue | OutboxDue | QueueTimerDue | Ignored:
    """The timer that has gone off.

    Raises:
        Unreadable: if the message is broken.
    """
    envelope = read_envelope(body)
    if envelope.source != "steprelay.timer" or envelope.detail_type not in _KINDS:
        return Ignored(f"{envelope.detail_type!r} from {envelope.source!r} is not a timer of ours")
    try:
        if envelope.detail_type == "Run Timer Due":
            limit = _RunDetail.model_validate(envelope.detail)
            return RunTimerDue(limit.run, limit.generation)
        if envelope.detail_type == "Outbox Due":
            return OutboxDue(_Outbox.model_validate(envelope.detail).run)
        if envelope.detail_type == "Queue Timer Due":
            return _QueueDetail.model_validate(envelope.detail).event
        detail = _Detail.model_validate(envelope.detail)
    except ValidationError as error:
        raise Unreadable(f"the timer is not complete: {faults(error)}") from None
    return TimerDue(detail.run, detail.group, detail.attempt, detail.member)
