"""What a relay is made of: the real parts, any of which a planted bug may replace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steprelay_core.effects import Effects
from steprelay_core.engine import Engine
from steprelay_core.ports import Conflict, Ports, Store
from steprelay_core.state.events import Event, JobChanged
from steprelay_core.sweep import Sweeper
from tests.simulation.facts import Handled as HandledFact
from tests.simulation.facts import Raised
from tests.simulation.scheduler import AnswerLost, Throttled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from steprelay_core.decide.array import ArrayEnd
    from steprelay_core.evidence import Evidence
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
    """How each part is made; `buries`: whether functions move poison to their dead-letter queues; `looks`: whether
    runners look at what they presume."""

    engine: Callable[[Ports, Effects, Callable[[], str]], Engine] = Engine
    effects: Callable[[Ports, Dispatch], Effects] = Effects
    sweeper: Callable[[Engine, str], Sweeper] = Sweeper
    store: Callable[[MemoryStore], Store] = lambda store: store
    buries: bool = True
    looks: bool = True


class Seen:
    """All that was read for some events, also what was read anew later."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self.outcomes: dict[Attempt, Outcome] = {}
        self.claims: dict[Attempt, Claimed | None] = {}
        self.arrays: dict[JobChanged, ArrayEnd] = {}

    def note(self) -> None:
        self.outcomes |= self._evidence.outcomes
        self.claims |= self._evidence.claims
        self.arrays |= self._evidence.arrays


class WatchedEngine(Engine):
    """The engine, with what it decides on written down."""

    def __init__(self, inner: Engine, record: Record) -> None:
        super().__init__(inner.ports, inner.effects, inner._new_id)
        self._inner = inner
        self._record = record
        self._read, inner.evidence = inner.evidence, self._watch
        self._seen: dict[Actor | None, Seen] = {}

    def _watch(self, ports: Ports) -> Evidence:
        evidence = self._read(ports)
        # Arrays are small here, and listings are what is to be proven.
        evidence.few = 1
        seen = self._seen[self._record.actor] = Seen(evidence)
        begin = evidence.begin

        def begin_anew() -> None:
            seen.note()
            begin()

        evidence.begin = begin_anew  # type: ignore[method-assign]
        return evidence

    def handle_all(self, events: Sequence[Event]) -> list[HandledAnswer | Exception]:
        record, actor = self._record, self._record.actor
        record.deciding[actor] = tuple(events)
        try:
            answers = self._inner.handle_all(events)
        finally:
            record.deciding.pop(actor, None)
            seen = self._seen.pop(actor)
        seen.note()
        for place, (event, answer) in enumerate(zip(events, answers, strict=True)):
            if not _overtaken(event, events[place + 1 :]):
                self._note(event, answer, seen)
        return answers

    def _note(self, event: Event, answer: HandledAnswer | Exception, seen: Seen) -> None:
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
            array = seen.arrays.get(event) if isinstance(event, JobChanged) else None
            record.happened(HandledFact(event, seen.outcomes, seen.claims, array))

    def redrive(self, stored: Stored) -> int:
        return self._inner.redrive(stored)


def _overtaken(event: Event, later: Sequence[Event]) -> bool:
    """Whether what a job has told is old by the end of the batch: its job had ended with a later event."""
    return isinstance(event, JobChanged) and any(
        isinstance(other, JobChanged) and (other.group, other.submission) == (event.group, event.submission)
        for other in later
    )
