"""What a relay is made of: the real parts, any of which a planted bug may replace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steprelay_core.effects import Effects
from steprelay_core.engine import Engine
from steprelay_core.evidence import Evidence
from steprelay_core.ports import Conflict, Ports, Store
from steprelay_core.state.events import Event, JobChanged
from steprelay_core.sweep import Sweeper
from tests.simulation.facts import Handled as HandledFact
from tests.simulation.facts import Raised
from tests.simulation.scheduler import AnswerLost, Throttled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from steprelay_core.decide.array import ArrayEnd
    from steprelay_core.handled import Handled as HandledAnswer
    from steprelay_core.ports import Attempt, Stored
    from steprelay_core.state.claim import Claimed
    from steprelay_core.state.outcome import Outcome
    from steprelay_core.submit import Dispatch
    from tests.fakes import MemoryStore
    from tests.simulation.actors import Actor
    from tests.simulation.record import Record

# What may end a handler because the world is unkind: the event comes again.
EXPECTED = (Throttled, AnswerLost, Conflict)


@dataclass(frozen=True)
class Parts:
    """How each part is made; `buries`: whether functions move poison to their dead-letter queues."""

    engine: Callable[[Ports, Effects, Callable[[], str]], Engine] = Engine
    effects: Callable[[Ports, Dispatch], Effects] = Effects
    sweeper: Callable[[Engine, str], Sweeper] = Sweeper
    store: Callable[[MemoryStore], Store] = lambda store: store
    buries: bool = True


class WatchedEvidence(Evidence):
    """What is read, with all of it kept that was ever decided on."""

    def __init__(self, ports: Ports) -> None:
        super().__init__(ports)
        self.all_outcomes: dict[Attempt, Outcome] = {}
        self.all_claims: dict[Attempt, Claimed | None] = {}
        self.all_arrays: dict[JobChanged, ArrayEnd] = {}

    def begin(self) -> None:
        self.note()
        super().begin()

    def note(self) -> None:
        self.all_outcomes |= self.outcomes
        self.all_claims |= self.claims
        self.all_arrays |= self.arrays


class WatchedEngine(Engine):
    """The engine, with what it decides on written down."""

    def __init__(self, inner: Engine, record: Record) -> None:
        super().__init__(inner.ports, inner.effects, inner._new_id)
        self._inner = inner
        self._record = record
        inner.evidence = self._watch
        self._evidence: dict[Actor | None, WatchedEvidence] = {}

    def _watch(self, ports: Ports) -> Evidence:
        self._evidence[self._record.actor] = made = WatchedEvidence(ports)
        return made

    def handle_all(self, events: Sequence[Event]) -> list[HandledAnswer | Exception]:
        record, actor = self._record, self._record.actor
        record.deciding[actor] = tuple(events)
        try:
            answers = self._inner.handle_all(events)
        finally:
            record.deciding.pop(actor, None)
            read = self._evidence.pop(actor, WatchedEvidence(self.ports))
        read.note()
        for place, (event, answer) in enumerate(zip(events, answers, strict=True)):
            if not _overtaken(event, events[place + 1 :]):
                self._note(event, answer, read)
        return answers

    def _note(self, event: Event, answer: HandledAnswer | Exception, read: WatchedEvidence) -> None:
        record = self._record
        if isinstance(answer, EXPECTED):
            record.say(f"  {record.scheduler.who} gives up: {type(answer).__name__} {answer}")
        elif isinstance(answer, Exception):
            record.happened(Raised(event, answer))
        else:
            if record.scheduler.traced:
                record.say(
                    f"  {record.scheduler.who} has handled {event}" + (f": {answer.note}" if answer.note else "")
                )
            array = read.all_arrays.get(event) if isinstance(event, JobChanged) else None
            record.happened(HandledFact(event, read.all_outcomes, read.all_claims, array))

    def redrive(self, stored: Stored) -> int:
        return self._inner.redrive(stored)


def _overtaken(event: Event, later: Sequence[Event]) -> bool:
    """Whether what a job has told is old by the end of the batch: its job had ended with a later event."""
    return isinstance(event, JobChanged) and any(
        isinstance(other, JobChanged) and (other.group, other.submission) == (event.group, event.submission)
        for other in later
    )
