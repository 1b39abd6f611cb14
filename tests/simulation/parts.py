"""What a relay is made of: the real parts, any of which a planted bug may replace."""

from collections.abc import Callable
from dataclasses import dataclass

from steprelay_core.effects import Effects
from steprelay_core.engine import Engine, Handled
from steprelay_core.ports import Conflict, Ports, Store, Stored
from steprelay_core.state.events import Event
from steprelay_core.submit import Dispatch
from steprelay_core.sweep import Sweeper
from tests.fakes import MemoryStore
from tests.simulation.facts import Handled as HandledFact
from tests.simulation.facts import Raised
from tests.simulation.record import Record
from tests.simulation.scheduler import AnswerLost, Throttled

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


class WatchedEngine(Engine):
    """The engine, with what it decides on written down."""

    def __init__(self, inner: Engine, record: Record) -> None:
        super().__init__(inner.ports, inner.effects, inner._new_id)
        self._inner = inner
        self._record = record

    def handle(self, event: Event) -> Handled:
        record, actor = self._record, self._record.actor
        record.deciding[actor] = event
        record.outcomes.pop(actor, None)
        record.claims.pop(actor, None)
        try:
            handled = self._inner.handle(event)
        except EXPECTED as error:
            record.say(f"  {record.scheduler.who} gives up: {type(error).__name__} {error}")
            raise
        except Exception as error:
            record.happened(Raised(event, error))
            raise
        finally:
            record.deciding.pop(actor, None)
        if record.scheduler.traced:
            record.say(f"  {record.scheduler.who} has handled {event}" + (f": {handled.note}" if handled.note else ""))
        record.happened(HandledFact(event, record.outcomes.pop(actor, {}), record.claims.pop(actor, {})))
        return handled

    def redrive(self, stored: Stored) -> int:
        return self._inner.redrive(stored)
