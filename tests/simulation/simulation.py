"""One seed: a relay, its runs and its world, until all is over or a promise is broken."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from random import Random

from steprelay.relay.telemetry import logger, metrics
from steprelay_core.spec import Flow
from steprelay_core.state.model import RunStatus
from steprelay_core.sweep import Swept
from tests.simulation.actors import Actor, Killed
from tests.simulation.facts import Calmed, Fact
from tests.simulation.facts import Swept as SweptFact
from tests.simulation.faults import Dice, Faults
from tests.simulation.invariants import broken, judge
from tests.simulation.parts import EXPECTED, Parts
from tests.simulation.record import Record, Violation
from tests.simulation.relay import SimulatedRelay
from tests.simulation.scheduler import START, Scheduler
from tests.simulation.user_code import Plan
from tests.simulation.workload import Workload

# As in template.yaml (seconds).
FIRST_SWEEP, SWEEP_EVERY, SWEEP_TIMEOUT = 150.0, 300.0, 300.0
# After so many sweeps with nothing at work and nothing new, nothing ever will be: a silent light attempt takes six.
QUIET_SWEEPS = 8
STEPS_AT_MOST = 400_000
# So many calls make a cancel of many groups that hardly anybody survives it.
DOOMED = 0.025


@dataclass(frozen=True)
class Options:
    """What to play. `size`: of flows, 0 to 3, None for any; `wide`: as in `Workload`; `faults_of`: another seed,
    whose kinds of faults these are; `only`: the faults, by their marks, that may strike, None for all."""

    seed: int
    size: int | None = None
    faults_of: int | None = None
    only: Collection[str] | None = None
    traced: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Ended:
    """How a seed ended: its runs, the things that happened, the sweeps after the faults had stopped, and how many of
    these in a row had nothing to go on."""

    runs: tuple[RunStatus, ...]
    steps: int
    sweeps: int
    quiet: int


class Simulation:
    """`run()` plays a seed to its end. `dice`: who else decides when faults strike."""

    def __init__(self, options: Options, parts: Parts | None = None, dice: Dice | None = None) -> None:
        seed, random = options.seed, Random(f"world of {options.seed}")
        drawn, failing = Faults.draw(random), random.choice((0.0, 0.1, 0.4))
        if options.faults_of is not None:
            drawn = Faults.draw(Random(f"world of {options.faults_of}"))
        if options.wide:
            drawn, failing = Faults(doomed=DOOMED), 0.0
        size = random.choice((0, 0, 1, 1, 1, 1, 2, 3))
        self.dice = dice or Dice(seed, drawn, options.only)
        self.scheduler = Scheduler(seed, self.dice, traced=options.traced)
        self.record = Record(self.scheduler, self._judge)
        self.relay = SimulatedRelay(
            self.scheduler, self.record, Plan(seed, failing, wide=options.wide), parts or Parts()
        )
        self.workload = Workload(
            seed,
            size if options.size is None else options.size,
            self.scheduler,
            self.record,
            self.relay,
            wide=options.wide,
        )
        self._heal_at = START + random.choice((3000.0,) if options.wide else (600.0, 3000.0))
        self.healed_at = inf
        self.is_over = False
        # Of what was asked for then, the sweep alone can know.
        self._wide = options.wide
        self._sweeps, self._sweeps_in_storm, self._quiet, self._quietest = 0, 0, 0, 0
        self._last_look: object = None

    def flow(self, run: str) -> Flow:
        """The flow of a run."""
        return self.workload.flows[run]

    def run(self) -> Ended:
        """Play it.

        Raises:
            Violation: if a promise is broken.
        """
        self.begin()
        while not self.is_over:
            self.go_on(1000)
        return self.end()

    def begin(self) -> None:
        """Have people begin what they will do, and the sweeps come."""
        self.workload.begin()
        self.scheduler.after(FIRST_SWEEP, self._sweep)

    def go_on(self, steps: int) -> None:
        """Let some things happen, unless it is over.

        Raises:
            Violation: if a promise is broken.
        """
        with _silence():
            for _ in range(steps):
                self._step()
                if self.is_over:
                    break
        if self.record.violation is None and self.scheduler.steps > STEPS_AT_MOST:
            self.record.violation = broken(19, f"not all was over after {STEPS_AT_MOST} steps: {self._unfinished()}")
        if self.record.violation is not None:
            raise self.record.violation

    def end(self) -> Ended:
        """What has come of it."""
        runs = tuple(stored.run.status for stored in self.relay.store.runs.values())
        return Ended(runs, self.scheduler.steps, self._sweeps - self._sweeps_in_storm, self._quietest)

    def _step(self) -> None:
        self.scheduler.step()
        over = not self.scheduler.actors and self._all_ended()
        if not self._is_healed and (over or self.scheduler.now > self._heal_at):
            self.heal()
        elif over:
            self.record.happened(Calmed())
            self.is_over = True
        self.is_over |= self.record.violation is not None

    def _judge(self, _record: Record, fact: Fact) -> Violation | None:
        return judge(self, fact)

    @property
    def _is_healed(self) -> bool:
        return self.healed_at < inf

    def heal(self) -> None:
        """No fault from here on; an operator has what was given up tried again."""
        self.scheduler.say("the faults stop")
        self.dice.heal()
        self.healed_at, self._sweeps_in_storm = self.scheduler.now, self._sweeps
        for queue in self.relay.queues:
            if not (self._wide and queue is self.relay.requests):
                queue.redrive()

    def _all_ended(self) -> bool:
        """Whether runs, jobs and messages have come to an end, where nobody is at work."""
        runs = self.relay.store.runs
        if self.workload.ahead or len(runs) < len(self.workload.flows):
            return False
        if any(stored.outbox or not stored.run.status.terminal or stored.run.hooks_running for stored in runs.values()):
            return False
        if any(not job.over for job in self.relay.batch.jobs.values()):
            return False
        return all(queue.is_empty for queue in self.relay.queues)

    # Sweeps.

    def _sweep(self) -> None:
        self._sweeps += 1
        sweeper = self.relay.relay.sweeper
        name = f"sweep {self._sweeps}"
        actor = Actor(name, lambda: _call(sweeper.sweep), self._swept, name)
        self.scheduler.start(actor, SWEEP_TIMEOUT)
        self.scheduler.after(SWEEP_EVERY, self._sweep)

    def _swept(self, error: BaseException | None) -> None:
        if isinstance(error, (Killed, *EXPECTED)):
            self.scheduler.say(f"the sweep ends with {type(error).__name__}: {error}")
            return
        if error is not None:
            raise error
        self.record.happened(SweptFact())
        if self._is_healed:
            self._look_for_quiet()

    def _look_for_quiet(self) -> None:
        """Count the sweeps that found nothing new while nothing was at work either."""
        runs = self.relay.store.runs.values()
        look = [(stored.run.id, stored.run.version, len(stored.outbox)) for stored in runs]
        at_work = [actor for actor in self.scheduler.actors if not actor.ended and actor is not self.record.actor]
        at_work_at_batch = any(not job.over for job in self.relay.batch.jobs.values())
        self._quiet = (
            0 if at_work or at_work_at_batch or self.workload.ahead or look != self._last_look else self._quiet + 1
        )
        self._last_look = look
        self._quietest = max(self._quietest, self._quiet)
        if self._quiet > QUIET_SWEEPS and self.record.violation is None:
            self.record.violation = broken(19, f"{self._quiet} sweeps had nothing to go on: {self._unfinished()}")

    def _unfinished(self) -> str:
        runs = self.relay.store.runs
        left = [f"{stored.run.id} {stored.run.status}, outbox {stored.outbox}" for stored in runs.values()]
        return "; ".join(left + [f"{run} was never started" for run in self.workload.flows if run not in runs])


def _call(sweep: Callable[[], Swept]) -> None:
    """What failed for one run holds up no other, and comes up here."""
    errors = [error for _, error in sweep().failures]
    for error in sorted(errors, key=lambda error: isinstance(error, EXPECTED)):
        raise error


@contextmanager
def _silence() -> Iterator[None]:
    """Without the functions' log lines and metrics."""
    level = logger.log_level
    logger.setLevel("CRITICAL")
    try:
        yield
    finally:
        logger.setLevel(level)
        metrics.clear_metrics()
