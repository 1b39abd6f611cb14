"""Bugs planted in how jobs are spread over seconds, in who carries out what was left, and in how a cancel goes on."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from steprelay_core.effects import Effects
from steprelay_core.engine import Engine
from steprelay_core.pace import Turns
from steprelay_core.ports import OutboxEntry, Ports, Unpaced
from steprelay_core.state.events import Event, StopUnfinished
from steprelay_core.submit import Dispatch
from steprelay_core.sweep import Sweeper
from tests.fakes import MemoryStore


class NeverWaits(Effects):
    """Submits whenever there is something to submit."""

    def __init__(self, ports: Ports, dispatch: Dispatch) -> None:
        super().__init__(replace(ports, pace=Unpaced()), dispatch)


class _LateTurns(Turns):
    def turn(self, booked: float | None = None) -> Callable[[], None]:
        return super().turn() if booked is None else lambda: None


class SpendsLate(Effects):
    """Takes a second that was booked for good, though it has passed."""

    def turns(self) -> Turns:
        return _LateTurns(self.ports.pace, self.ports.clock)


class GivesToAll(MemoryStore):
    """Lets everybody take up an outbox entry who comes across it."""

    def __init__(self, real: MemoryStore) -> None:
        super().__init__()
        self.runs, self.deployments, self.definitions = real.runs, real.deployments, real.definitions

    def take_up(self, run: str, entry: OutboxEntry, until: float) -> bool:
        return True


class _Unstopping:
    """An engine that the sweep cannot have go on with a cancel."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.ports = engine.ports

    def handle(self, event: Event) -> object:
        return None if isinstance(event, StopUnfinished) else self._engine.handle(event)

    def handle_all(self, events: Sequence[Event]) -> object:
        return self._engine.handle_all(events)

    def redrive(self, *arguments: object) -> object:
        return self._engine.redrive(*arguments)  # type: ignore[arg-type]


class LeavesCancelsHalfway(Sweeper):
    """Never goes on with a cancel whose handler died."""

    def __init__(self, engine: Engine, relay: str) -> None:
        super().__init__(_Unstopping(engine), relay)  # type: ignore[arg-type]
