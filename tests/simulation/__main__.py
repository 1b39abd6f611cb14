"""Play the simulator: `python -m tests.simulation --seeds 0:10000`.

A seed that breaks a promise is shrunk, and told as the one command that plays it again, step by step.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from tests.simulation.campaign import Failed, Stopwatch, Tally, first_of_today, play_on_all_cores
from tests.simulation.mutants import table
from tests.simulation.shrink import command, shrink, trace
from tests.simulation.simulation import Options

tell = partial(print, flush=True)

# Shrinking takes a while.
SHRUNK_AT_MOST = 3


def main(arguments: list[str] | None = None) -> int:
    """0 if every promise was kept and every planted bug caught, 1 otherwise."""
    given = _parser().parse_args(arguments)
    first, _, last = given.seeds.partition(":")
    if given.mutants:
        return 0 if table(tell=tell).all_caught else 1
    if given.trace:
        tell("\n".join(trace(Options(int(first), given.size, given.faults_of, _marks(given.only), wide=given.wide))))
        return 0
    seeds = [*range(int(first), int(last or int(first) + 1))]
    if given.fresh:
        today = first_of_today()
        tell(f"seeds {given.seeds}, and of today {today}:{today + given.fresh}")
        seeds += range(today, today + given.fresh)
    return _play(seeds, given.size)


def _play(seeds: Sequence[int], size: int | None) -> int:
    watch, total = Stopwatch(), Tally()
    for tally in play_on_all_cores(seeds, size):
        total.add(tally)
        for failed in tally.failed:
            tell(f"seed {failed.seed}: {failed.how}\n    {command(Options(failed.seed, size))}")
    tell(total.told(watch.seconds))
    _shrink(total.failed, size)
    return 1 if total.failed else 0


def _shrink(failures: list[Failed], size: int | None) -> None:
    by_number = {failed.number: failed for failed in reversed(failures)}
    for failed in list(by_number.values())[:SHRUNK_AT_MOST]:
        small = shrink(Options(failed.seed, size), failed.number)
        tell(f"invariant {failed.number}, as small as it gets:\n    {command(small)}")


def _marks(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(text.split(","))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", default="0:1000", help="first:last (last not included), or one seed")
    parser.add_argument("--fresh", type=int, default=0, metavar="N", help="and N seeds that are new each day")
    parser.add_argument("--size", type=int, choices=range(4), help="how large flows are, if not as the seed draws")
    parser.add_argument("--wide", action="store_true", help="with --trace: a run of many groups that is cancelled")
    parser.add_argument("--trace", action="store_true", help="show what happens with the first seed")
    parser.add_argument("--faults-of", type=int, metavar="SEED", help="with --trace: the seed whose faults these are")
    parser.add_argument("--only", help="with --trace: the faults, by their marks, that may strike; `none` for none")
    parser.add_argument("--mutants", action="store_true", help="plant bugs in the engine; how soon each is caught")
    return parser


if __name__ == "__main__":
    sys.exit(main())
