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
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from steprelay.local.record import RelayFolder
from steprelay.local.relay import LocalRelay
from tests.flows.conftest import Ended, Project

FAULTS = "spot=0.2,oom=0.1,host=0.05,duplicate=0.3,lost=0.1,delay=0.3"
# Each is a process that mostly waits.
AT_ONCE = 6


@dataclass(frozen=True)
class Example:
    """An example, how it is run, and the artifacts it ends with wherever it runs."""

    name: str
    arguments: tuple[str, ...] = ()
    artifacts: Mapping[str, str] = field(default_factory=dict)

    def problems(self, ended: Ended) -> Iterator[str]:
        """How its end differs from the one it should have."""
        if ended.code != 0:
            yield f"exit code {ended.code}: {ended.errors[-2000:]}"
            return
        for name, value in self.artifacts.items():
            if ended.artifacts.get(name) != value:
                yield f"{name} is {ended.artifacts.get(name)}, not {value}"


EXAMPLES = (
    Example("robust.py", (), {"result": "3160"}),
    Example("checkpoint.py", ("--epochs", "8"), {"weight": "4.0"}),
    Example("hello.py", (), {"greeting": "'hello world'"}),
    Example("branch.py", (), {"different": "8", "word": "'quick'"}),
    Example("nested.py", (), {"best": "{'depth': 4, 'loss': 1.005, 'rate': 0.025}"}),
    Example("any_language", (), {"result": "{'lines': 4, 'words': 20}"}),
    Example("foreach.py", ("--limit", "20"), {"primes": "[2, 3, 5, 7, 11, 13, 17, 19]"}),
    Example("overtake.py", ("--slow", "1"), {"scores": "[3, 2, 2, 3]"}),
    Example("decide.py", ("--rows", "10"), {"where": "'a light step, light'"}),
    Example("decide.py", ("--rows", "5000"), {"where": "'AWS Batch, in step heavy'"}),
    Example("loop.py", ("--number", "9", "--tolerance", "0.01"), {"laps": "4"}),
    Example("batch_gallery.py", (), {"squares": "[0, 1, 4, 9, 16, 25, 36, 49]", "total": "499500"}),
    Example("scheduled.py", (), {"started_by": "'upload'"}),
)


@dataclass(frozen=True)
class Played:
    """An example's run, and what was wrong with it."""

    example: Example
    ended: Ended
    seconds: float
    problems: tuple[str, ...]


def play(project: Project, examples: tuple[Example, ...] = EXAMPLES) -> list[Played]:
    """Run examples at once on the relay of this project, each to its end."""
    for name in {example.name for example in examples}:
        project.add_example(name)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda example: _play(project, example), examples))


def _play(project: Project, example: Example) -> Played:
    begin = time.monotonic()
    ended = project.run(example.name, *example.arguments)
    return Played(example, ended, time.monotonic() - begin, tuple(example.problems(ended)))


def faults_of(log: str) -> Counter[str]:
    """What a relay's log tells of faults on purpose: how many of each kind."""
    return Counter(re.findall(r"by chance: (?:\w+ is )?(\w+),? of", log))


def _play_seed(folder: Path, chaos: str) -> tuple[list[Played], Counter[str]]:
    LocalRelay.up(folder, chaos=chaos)
    try:
        played = play(Project(folder))
        log = RelayFolder(folder).log
        shutil.copy(log, folder / "relay.log")
        return played, faults_of(log.read_text())
    finally:
        LocalRelay.down(folder)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _judge_seed(seed: int, faults: str) -> bool:
    folder = Path(tempfile.mkdtemp(prefix="steprelay-chaos-"))
    begin = time.monotonic()
    played, met = _play_seed(folder, f"{faults},seed={seed}")
    slowest = max(played, key=lambda each: each.seconds)
    told = ", ".join(f"{count} {fault}" for fault, count in sorted(met.items()))
    retried = sum(len(each.ended.of_kind("attempt_failed")) for each in played)
    _say(
        f"seed {seed}: {time.monotonic() - begin:.1f} s, {told}; {retried} attempts failed;"
        f" slowest {slowest.example.name} {slowest.seconds:.1f} s"
    )
    bad = [each for each in played if each.problems]
    for each in bad:
        _say(f"  {each.example.name} {each.example.arguments}: {'; '.join(each.problems)}; see {folder}")
    if not bad:
        shutil.rmtree(folder, ignore_errors=True)
    return not bad


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
