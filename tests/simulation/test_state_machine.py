"""The same world, with Hypothesis deciding what goes wrong, when, and to whom."""

from dataclasses import fields
from random import Random

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from hypothesis.strategies import integers, sampled_from

from tests.simulation.faults import Dice, Faults
from tests.simulation.simulation import Options, Simulation

KINDS = sorted(field.name for field in fields(Faults))


class ChosenDice(Dice):
    """A fault strikes at the next chance after it was chosen."""

    def __init__(self) -> None:
        super().__init__(0, Faults())
        self._chosen: list[str] = []

    def choose(self, name: str) -> None:
        self._chosen.append(name)

    def strike(self, name: str, place: str) -> Random | None:
        if name not in self._chosen:
            return None
        self._chosen.remove(name)
        return Random(place)

    def heal(self) -> None:
        self._chosen.clear()


class Relay(RuleBasedStateMachine):
    """Whatever goes wrong, no promise is broken, and in the end all is over."""

    def __init__(self) -> None:
        super().__init__()
        self.dice = ChosenDice()
        self.simulation: Simulation | None = None

    @initialize(seed=integers(0, 50), size=integers(0, 2))
    def begin(self, seed: int, size: int) -> None:
        self.simulation = Simulation(Options(seed, size), dice=self.dice)
        self.simulation.begin()

    @precondition(lambda self: not self.simulation.is_over)
    @rule(steps=integers(1, 60))
    def go_on(self, steps: int) -> None:
        assert self.simulation is not None
        self.simulation.go_on(steps)

    @rule(name=sampled_from(KINDS))
    def something_goes_wrong(self, name: str) -> None:
        self.dice.choose(name)

    @precondition(lambda self: not self.simulation.is_over)
    @rule(which=integers(0, 9))
    def somebody_is_killed(self, which: int) -> None:
        assert self.simulation is not None
        actors = [actor for actor in self.simulation.scheduler.actors if not actor.ended]
        if actors:
            self.simulation.scheduler.kill(actors[which % len(actors)])

    @rule(which=integers(0, 1))
    def a_run_is_cancelled(self, which: int) -> None:
        assert self.simulation is not None
        runs = list(self.simulation.workload.flows)
        self.simulation.workload.cancel(runs[which % len(runs)])

    @rule(which=integers(0, 1))
    def a_run_is_resumed(self, which: int) -> None:
        assert self.simulation is not None
        runs = list(self.simulation.workload.flows)
        self.simulation.workload.resume(runs[which % len(runs)])

    def teardown(self) -> None:
        if self.simulation is None:
            return
        self.simulation.heal()
        while not self.simulation.is_over:
            self.simulation.go_on(1000)


Relay.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
TestWhateverHypothesisThinksOf = Relay.TestCase
