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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from steprelay.cli.relays import ConfiguredRelays
from steprelay.client.changes import RunEnded
from steprelay.client.follow import describe_end
from steprelay.client.relay import RelayClient
from steprelay.compile import compile_file
from steprelay.local.record import RelayFolder, RelayInfo
from steprelay.local.relay import LocalRelay
from steprelay.package import build_package
from steprelay_core.ports import Stored
from steprelay_core.spec import parse_spec
from tests.flows.conftest import EXAMPLES as FOLDER

FAULTS = "spot=0.2,oom=0.1,host=0.05,duplicate=0.3,lost=0.1,delay=0.3"
SECONDS = 240.0


@dataclass(frozen=True)
class Example:
    """An example, its run's parameters, and the artifacts it ends with wherever it runs."""

    file: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return "-".join([Path(self.file).stem, *map(str, self.parameters.values())])


EXAMPLES = (
    Example("hello.py", {}, {"greeting": "'hello world'"}),
    Example("robust.py", {}, {"result": "3160"}),
    Example("checkpoint.py", {"epochs": 8}, {"weight": "4.0"}),
    Example("foreach.py", {"limit": 20}, {"primes": "[2, 3, 5, 7, 11, 13, 17, 19]"}),
    Example("overtake.py", {"slow": 1}, {"scores": "[3, 2, 2, 3]"}),
    Example("nested.py", {}, {"best": "{'depth': 4, 'loss': 1.005, 'rate': 0.025}"}),
    Example("branch.py", {}, {"different": "8", "word": "'quick'"}),
    Example("decide.py", {"rows": 10}, {"where": "'a light step, light'"}),
    Example("decide.py", {"rows": 5000}, {"where": "'AWS Batch, in step heavy'"}),
    Example("loop.py", {"number": 9.0, "tolerance": 0.01}, {"laps": "4"}),
    Example("batch_gallery.py", {}, {"squares": "[0, 1, 4, 9, 16, 25, 36, 49]", "mean": "499.5"}),
    Example("scheduled.py", {}, {"started_by": "'upload'"}),
    Example("any_language", {}, {"result": "{'lines': 4, 'words': 20}"}),
)


class Troubled:
    """A relay of its own that makes these faults (`--chaos`), in a folder of its own."""

    def __init__(self, folder: Path, chaos: str) -> None:
        self.folder, self.chaos = folder, chaos
        self.info: RelayInfo = LocalRelay.up(folder, chaos=chaos)
        self._runs: dict[str, str] = {}

    @cached_property
    def client(self) -> RelayClient:
        return ConfiguredRelays({}, self.folder, self.info).connect("local", None, lambda _: None).client

    def start(self, examples: Sequence[Example]) -> None:
        """Start them all at once."""
        sources = self.folder / "examples"
        shutil.copytree(FOLDER, sources)
        for example in examples:
            source = sources / example.file
            if source.is_dir():
                root, spec = source, parse_spec((source / "steprelay.json").read_bytes()).spec
            else:
                root, spec = sources, compile_file(source).flow.spec
            package = build_package(root, spec, destination=self.folder / f"{example.name}.tar.gz", replaces_own=True)
            upload = self.client.upload("run", spec.flow, package.path, example.parameters)
            self._runs[example.name] = upload.run

    def end(self, example: Example) -> RunEnded:
        """How its run ended, once it has."""

        deadline = time.monotonic() + SECONDS
        while (stored := self._ended(example)) is None:
            assert time.monotonic() < deadline, f"{self._runs[example.name]} has not ended after {SECONDS:.0f} s"
            # Whoever asks takes the relay's time.
            time.sleep(0.25)
        return describe_end(self.client, self.client.flow(stored.run.digest), stored)

    def _ended(self, example: Example) -> Stored | None:
        stored = self.client.load(self._runs[example.name])
        return stored if stored is not None and stored.run.status.terminal else None

    @property
    def faults(self) -> Counter[str]:
        """What its log tells of faults on purpose: how many of each kind."""
        log = RelayFolder(self.folder).log.read_text()
        made = re.findall(r"by chance: (?:\w+ is )?(\w+)(?: and (\w+))?", log)
        return Counter(fault for faults in made for fault in faults if fault)

    def down(self) -> None:
        LocalRelay.down(self.folder)


def problems(example: Example, ended: RunEnded) -> Iterator[str]:
    """How its end differs from the one it should have."""
    if ended.status != "SUCCEEDED":
        yield f"{ended.status}: {ended.failure}"
        return
    found = {artifact.name: artifact.value for artifact in ended.artifacts}
    for name, value in example.artifacts.items():
        if found.get(name) != value:
            yield f"{name} is {found.get(name)}, not {value}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _judge_seed(seed: int, faults: str) -> bool:
    folder = Path(tempfile.mkdtemp(prefix="steprelay-chaos-"))
    begin = time.monotonic()
    relay = Troubled(folder, f"{faults},seed={seed}")
    try:
        relay.start(EXAMPLES)
        bad = [f"{example.name}: {said}" for example in EXAMPLES for said in _how(relay, example)]
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


def _how(relay: Troubled, example: Example) -> list[str]:
    try:
        return list(problems(example, relay.end(example)))
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
