"""From what attempts were given, and for how long, to what that costs. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from steprelay.client.cost.prices import Compute, Prices

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Measured:
    """An attempt whose time is known. `won`: its task goes on with what it did; any other is wasted."""

    task: str
    attempt: int
    compute: Compute
    seconds: float
    vcpus: float
    memory_mib: int
    gpus: int = 0
    neurons: int = 0
    nodes: int = 1
    won: bool = True

    def price(self, prices: Prices) -> float:
        rates = prices.per_hour[self.compute]
        hourly = rates.vcpu * self.vcpus + rates.gib * self.memory_mib / 1024
        hourly += rates.gpu * self.gpus + rates.neuron * self.neurons
        return hourly * self.nodes * self.seconds / _HOUR


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts of a step that ended alike: how many there were, and those of them that were measured."""

    made: int = 0
    measured: tuple[Measured, ...] = ()


@dataclass(frozen=True, slots=True)
class StepCost:
    """A step's share. `measured` of its `attempts` stand for all of them; `failed` are those that did not win.

    Seconds are multiplied by vCPUs, MiB and GPUs; `price` and `wasted` (its part for failed attempts) are in the
    currency of the prices. `computes`: what the attempts ran on.
    """

    step: str
    attempts: int
    failed: int
    measured: int
    vcpu_seconds: float
    memory_mib_seconds: float
    gpu_seconds: float
    price: float
    wasted: float
    computes: tuple[Compute, ...] = ()
    each: tuple["AttemptCost", ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptCost:
    """One attempt that was measured, in the units of `StepCost`."""

    task: str
    attempt: int
    won: bool
    compute: Compute
    seconds: float
    vcpu_seconds: float
    memory_mib_seconds: float
    gpu_seconds: float
    price: float


@dataclass(frozen=True, slots=True)
class RunCost:
    """All steps with what they are priced by; `assumed` are the steps of which nobody knows what they ran on."""

    as_of: str
    region: str
    currency: str
    steps: tuple[StepCost, ...]
    assumed: tuple[str, ...] = field(default=())

    @property
    def price(self) -> float:
        return sum(step.price for step in self.steps)

    @property
    def wasted(self) -> float:
        return sum(step.wasted for step in self.steps)


def step_cost(step: str, won: Attempts, failed: Attempts, prices: Prices) -> StepCost:
    """What a step cost: attempts that were not measured are taken for the average of those alike that were."""
    parts = [([_priced(one, prices) for one in attempts.measured], _scale(attempts)) for attempts in (won, failed)]
    each = [one for measured, _ in parts for one in measured]

    def total(of: str) -> float:
        return sum(scale * sum(float(getattr(one, of)) for one in measured) for measured, scale in parts)

    return StepCost(
        step=step,
        attempts=won.made + failed.made,
        failed=failed.made,
        measured=len(each),
        vcpu_seconds=total("vcpu_seconds"),
        memory_mib_seconds=total("memory_mib_seconds"),
        gpu_seconds=total("gpu_seconds"),
        price=total("price"),
        wasted=_scale(failed) * sum(one.price for one in each if not one.won),
        computes=tuple(dict.fromkeys(one.compute for one in each)),
        each=tuple(sorted(each, key=lambda one: (one.task, one.attempt))),
    )


def _scale(attempts: Attempts) -> float:
    return attempts.made / len(attempts.measured) if attempts.measured else 0.0


def _priced(one: Measured, prices: Prices) -> AttemptCost:
    time = one.nodes * one.seconds
    return AttemptCost(
        one.task,
        one.attempt,
        one.won,
        one.compute,
        one.seconds,
        one.vcpus * time,
        one.memory_mib * time,
        one.gpus * time,
        one.price(prices),
    )


def run_cost(steps: Sequence[StepCost], prices: Prices, assumed: Iterable[str] = ()) -> RunCost:
    """All steps of which anything is known."""
    known = tuple(step for step in steps if step.measured)
    return RunCost(prices.as_of, prices.region, prices.currency, known, tuple(assumed))
