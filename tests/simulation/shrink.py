"""Making a failing seed small: a smaller flow first, then as few faults as will do."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.simulation.parts import Parts
from tests.simulation.record import Violation
from tests.simulation.simulation import Options, Simulation

# How many other seeds are tried with a smaller flow and the faults of the failing one.
SEEDS_TRIED = 150


def shrink(options: Options, number: int, parts: Parts | None = None) -> Options:
    """The smallest world found that breaks the same promise."""
    return _fewer_faults(_smaller_flow(options, number, parts) or options, number, parts)


def _smaller_flow(options: Options, number: int, parts: Parts | None) -> Options | None:
    """Other seeds with the same kinds of faults: what breaks in a large flow mostly breaks in a small one."""
    most = 3 if options.size is None else options.size
    for size in range(most):
        for seed in range(options.seed, options.seed + SEEDS_TRIED):
            tried = replace(options, seed=seed, size=size, faults_of=options.seed)
            if breaks(tried, parts) == number:
                return tried
    return None


def _fewer_faults(options: Options, number: int, parts: Parts | None) -> Options:
    simulation = Simulation(options, parts)
    _violation(simulation)
    needed = least(list(simulation.dice.struck), lambda only: breaks(replace(options, only=only), parts) == number)
    return replace(options, only=tuple(needed))


def least(items: Sequence[str], fails: Callable[[Sequence[str]], bool]) -> Sequence[str]:
    """A part of the items that still fails and of which none can be left out (delta debugging)."""
    size = len(items) // 2
    while size and len(items) > 1:
        for first in range(0, len(items), size):
            left = [*items[:first], *items[first + size :]]
            if fails(left):
                items = left
                size = min(size, max(len(items) // 2, 1))
                break
        else:
            size //= 2
    return [] if len(items) == 1 and fails([]) else items


def breaks(options: Options, parts: Parts | None = None) -> int | None:
    """The number of the promise that this world breaks."""
    violation = _violation(Simulation(options, parts))
    return violation.number if violation else None


def _violation(simulation: Simulation) -> Violation | None:
    try:
        simulation.run()
    except Violation as violation:
        return violation
    return None


def command(options: Options) -> str:
    """What plays it again, and shows how."""
    size = [] if options.size is None else [f"--size {options.size}"]
    faults = [] if options.faults_of is None else [f"--faults-of {options.faults_of}"]
    only = [] if options.only is None else [f"--only {','.join(options.only) or 'none'}"]
    wide = ["--wide"] if options.wide else []
    return " ".join(["python -m tests.simulation", f"--seeds {options.seed}", *size, *wide, *faults, *only, "--trace"])


def trace(options: Options, parts: Parts | None = None) -> list[str]:
    """What happens in this world, a line for each thing."""
    simulation = Simulation(replace(options, traced=True), parts)
    violation = _violation(simulation)
    faults = [f"fault {mark}: {what}" for mark, what in simulation.dice.struck.items()]
    return [*simulation.scheduler.trace, *faults, str(violation or "every promise was kept")]
