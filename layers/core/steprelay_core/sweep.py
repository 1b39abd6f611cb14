"""The sweep: every few minutes it makes up for events that were lost and handlers that died.

Nothing depends on it in the ordinary way of a run; it is what the promises rest on when something was lost.
"""

from dataclasses import dataclass

from steprelay_core.decide.overdue import MadeUpFor, find_overdue
from steprelay_core.definitions import SECONDS_A_DAY, retire_unused
from steprelay_core.engine import Engine
from steprelay_core.inbound.envelope import Envelope, Ignored, Unreadable
from steprelay_core.inbound.job import read_job_change
from steprelay_core.state.events import JobChanged

# One sweep looks after this many runs.
RUNS_PER_SWEEP = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: runs looked at, outbox entries carried out again, events made up for, and job definitions
    deregistered because nobody used them any more."""

    runs: int
    redriven: int
    events: int
    definitions: int = 0


class Sweeper:
    """Looks after the live runs of one relay (`relay`: the name its jobs carry), and after its job definitions.

    `expire_days`: after how long without use a definition is deregistered; 0 keeps them all.
    """

    def __init__(self, engine: Engine, relay: str, expire_days: int = 0) -> None:
        self.engine = engine
        self.relay = relay
        self.expire_days = expire_days

    def sweep(self) -> Swept:
        runs = self.engine.ports.store.unsettled(limit=RUNS_PER_SWEEP)
        swept = [self._look_after(run) for run in runs]
        redriven, events = sum(redriven for redriven, _ in swept), sum(events for _, events in swept)
        return Swept(len(runs), redriven, events, self._retire_definitions())

    def _retire_definitions(self) -> int:
        if not self.expire_days:
            return 0
        ports = self.engine.ports
        return retire_unused(ports.jobs, ports.store, ports.clock.now() - self.expire_days * SECONDS_A_DAY)

    def _look_after(self, run: str) -> tuple[int, int]:
        stored = self.engine.ports.store.load(run)
        if stored is None:
            return 0, 0
        redriven = self.engine.redrive(stored)
        if stored.run.status.terminal:
            return redriven, 0
        overdue = find_overdue(stored.run, stored.groups, self.engine.ports.clock.now())
        events: list[MadeUpFor | JobChanged] = [*overdue.events, *self._look_up(overdue.job_ids)]
        for event in events:
            self.engine.handle(event)
        return redriven, len(events)

    def _look_up(self, job_ids: tuple[str, ...]) -> list[JobChanged]:
        """What Batch says of these jobs, as the events that should have told it."""
        if not job_ids:
            return []
        found = []
        for detail in self.engine.ports.jobs.describe(job_ids):
            envelope = Envelope.model_validate(
                {"source": "aws.batch", "detail-type": "Batch Job State Change", "detail": detail}
            )
            try:
                change = read_job_change(envelope, self.relay)
            except Unreadable:
                continue
            if not isinstance(change, Ignored):
                found.append(change)
        return found
