"""Every example on a relay that makes faults on purpose: `python -m tests.flows.chaos --seeds 0:20`.

Each ends with the artifacts that it has without faults. A seed whose examples do not is named, with what went wrong,
and its relay's log is kept.
"""

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from functools import cached_property
from pathlib import Path

from steprelay.cli.relays import ConfiguredRelays
from steprelay.local.record import RelayFolder
from steprelay.local.relay import LocalRelay
from tests.flows.examples import EXAMPLES, Example, Started

FAULTS = "spot=0.2,oom=0.1,host=0.05,duplicate=0.3,lost=0.1,delay=0.3"


class Troubled:
    """A relay of its own that makes these faults (`--chaos`), in a folder of its own."""

    def __init__(self, folder: Path, chaos: str) -> None:
        self.folder = folder
        self._info = LocalRelay.up(folder, chaos=chaos)

    @cached_property
    def started(self) -> Started:
        """All examples, from when they are asked for."""
        client = ConfiguredRelays({}, self.folder, self._info).connect("local", None, lambda _: None).client
        return Started(client, self.folder)

    @property
    def faults(self) -> Counter[str]:
        """What its log tells of faults on purpose: how many of each kind."""
        log = RelayFolder(self.folder).log.read_text()
        made = re.findall(r"by chance: (?:\w+ is )?(\w+)(?: and (\w+))?", log)
        return Counter(fault for faults in made for fault in faults if fault)

    def down(self) -> None:
        LocalRelay.down(self.folder)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _judge_seed(seed: int, faults: str) -> bool:
    folder = Path(tempfile.mkdtemp(prefix="steprelay-chaos-"))
    begin = time.monotonic()
    relay = Troubled(folder, f"{faults},seed={seed}")
    try:
        bad = [f"{example.name}: {said}" for example in EXAMPLES for said in _how(relay.started, example)]
        told = ", ".join(f"{count} {fault}" for fault, count in sorted(relay.faults.items()))
        _say(f"seed {seed}: {time.monotonic() - begin:.1f} s; {told}")
        if bad:
            shutil.copy(RelayFolder(folder).log, folder / "relay.log")
    finally:
        relay.down()
    for line in bad:
        _say(f"  {line}; see {folder}")
    if not bad:
        shutil.rmtree(folder, ignore_errors=True)
    return not bad


def _how(started: Started, example: Example) -> list[str]:
    try:
        return started.problems(example)
    except AssertionError as error:
        return [str(error)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0:10", help="FROM:TO, the second one excluded")
    parser.add_argument("--faults", default=FAULTS, help="as --chaos takes them, without a seed")
    asked = parser.parse_args()
    first, _, last = asked.seeds.partition(":")
    wrong = [seed for seed in range(int(first), int(last or int(first) + 1)) if not _judge_seed(seed, asked.faults)]
    _say(f"wrong: seeds {', '.join(map(str, wrong))}" if wrong else "all right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
