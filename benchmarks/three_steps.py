"""Three light steps on the warm local relay against `metaflow run` of the same flow, command against command.

Run by `make bench`. The two take turns, so that whatever else the machine does hits both; what is compared are
medians. Both find their bytecode compiled, as installed packages do.
"""

import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from benchmarks.commands import RELAY, environment_in, timed
from steprelay.cli.relays import ConfiguredRelays
from steprelay.client.changes import RunEnded
from steprelay.client.follow import follow
from steprelay.compile import compile_file
from steprelay.package import build_package

ROUNDS = 15
WARM_UP = 3
BUDGET = 0.25
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "hello.py"

# examples/hello.py, in Metaflow's words.
METAFLOW = """
from metaflow import FlowSpec, Parameter, step


class HelloFlow(FlowSpec):
    whom = Parameter("whom", default="world")

    @step
    def start(self):
        self.words = ["hello", self.whom]
        self.next(self.middle)

    @step
    def middle(self):
        self.greeting = " ".join(self.words)
        self.next(self.end)

    @step
    def end(self):
        print(self.greeting)


if __name__ == "__main__":
    HelloFlow()
"""
_STAMPED = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) .*?(Workflow starting|Done!)", re.MULTILINE)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="steprelay-bench-") as folder, project(Path(folder)) as ours:
        theirs = Path(folder) / "hello_metaflow.py"
        theirs.write_text(METAFLOW)
        environment = environment_in(Path(folder))

        def metaflow() -> tuple[float, float]:
            seconds, said = timed([sys.executable, str(theirs), "run"], Path(folder), environment)
            begun, done = (datetime.fromisoformat(stamp).timestamp() for stamp, _ in _STAMPED.findall(said))
            return seconds, done - begun

        def steprelay() -> tuple[float, float]:
            seconds, _ = timed([sys.executable, str(EXAMPLE), "run", "--on", "local"], Path(folder), environment)
            return seconds, ours()

        _report(*_in_turn(steprelay, metaflow))


@contextmanager
def project(folder: Path) -> Iterator[Callable[[], float]]:
    """A folder with a relay; gives what uploads the example and returns the seconds to its end."""
    environment = environment_in(folder)
    timed([*RELAY, "local", "up"], folder, environment)
    try:
        connection = ConfiguredRelays({}, folder).connect("local", None, print)
        package = build_package(EXAMPLE.parent, compile_file(EXAMPLE).flow.spec, destination=folder / "hello.tar.gz")

        def upload() -> float:
            began = time.time()
            sent = connection.client.upload("run", "HelloFlow", package.path, {})
            *_, end = follow(connection.client, sent.run, connection.pace, sent)
            assert isinstance(end, RunEnded)
            assert end.status == "SUCCEEDED", end
            return end.at - began

        yield upload
    finally:
        timed([*RELAY, "local", "down"], folder, environment)


def _in_turn(
    ours: Callable[[], tuple[float, float]], theirs: Callable[[], tuple[float, float]]
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    for _ in range(WARM_UP):
        ours()
    theirs()
    rounds = [(ours(), theirs()) for _ in range(ROUNDS)]
    return [ours for ours, _ in rounds], [theirs for _, theirs in rounds]


def _report(ours: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> None:
    print(f"three light steps, {len(ours)} rounds in turn, medians (fastest)")
    for place, what in enumerate(("whole command", "upload to finish, Metaflow's from its start to its end")):
        mine, other = [one[place] for one in ours], [one[place] for one in theirs]
        ratio = statistics.median(mine) / statistics.median(other)
        verdict = f"{'within' if ratio <= BUDGET else 'over'} the budget of {BUDGET}" if place == 0 else ""
        print(f"  {what}\n    steprelay {_shown(mine)}   metaflow {_shown(other)}   ratio {ratio:.2f}  {verdict}")


def _shown(times: list[float]) -> str:
    return f"{statistics.median(times) * 1000:.0f} ms ({min(times) * 1000:.0f})"


if __name__ == "__main__":
    main()
