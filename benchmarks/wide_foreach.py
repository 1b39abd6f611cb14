"""A foreach of tiny tasks on the warm local relay against Metaflow's local runner: what one task more takes.

Run by `make bench`. What is compared is the slope between a small and a large foreach, so that neither's start counts;
both use as many processes at a time as there are processors.
"""

import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.commands import RELAY, environment_in, timed

FEW, MANY = 10, 110
ROUNDS = 3
BUDGET = 0.1

OURS = """
from steprelay import FlowSpec, Parameter, batch, step


class WideFlow(FlowSpec):
    count = Parameter("count", default=10)

    @step
    def start(self):
        self.items = list(range(self.count))
        self.next(self.work, foreach="items")

    @batch(cpu=1, memory=64)
    @step
    def work(self):
        self.double = self.input * 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(work.double for work in inputs)
        self.next(self.end)

    @step
    def end(self):
        assert self.total == self.count * (self.count - 1)


if __name__ == "__main__":
    WideFlow()
"""
THEIRS = OURS.replace("from steprelay import FlowSpec, Parameter, batch, step", "from metaflow import *").replace(
    "    @batch(cpu=1, memory=64)\n", ""
)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="steprelay-bench-") as name:
        folder = Path(name)
        environment = environment_in(folder)
        (folder / "ours.py").write_text(OURS)
        (folder / "theirs.py").write_text(THEIRS)
        at_once = ["--max-workers", str(os.cpu_count()), "--max-num-splits", str(MANY)]
        ours = [sys.executable, "ours.py", "run", "--on", "local", "--count"]
        theirs = [sys.executable, "theirs.py", "--quiet", "run", *at_once, "--count"]
        timed([*RELAY, "local", "up"], folder, environment)
        try:
            timed([*ours, str(FEW)], folder, environment)
            rounds = [(_slope(ours, folder, environment), _slope(theirs, folder, environment)) for _ in range(ROUNDS)]
        finally:
            timed([*RELAY, "local", "down"], folder, environment)
    mine, other = (statistics.median(side) for side in zip(*rounds, strict=True))
    verdict = "within" if mine / other <= BUDGET else "over"
    print(f"a tiny task more in a foreach, {ROUNDS} rounds in turn, medians")
    print(f"    steprelay {mine * 1000:.0f} ms   metaflow {other * 1000:.0f} ms   ratio {mine / other:.2f}", end="")
    print(f"  {verdict} the budget of {BUDGET}")


def _slope(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Seconds per task."""
    few, many = (timed([*command, str(count)], folder, environment)[0] for count in (FEW, MANY))
    return (many - few) / (MANY - FEW)


if __name__ == "__main__":
    main()
