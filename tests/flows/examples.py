"""The examples, all at once: what each ends with, wherever it runs."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steprelay.client.changes import RunEnded
from steprelay.client.follow import describe_end
from steprelay.client.relay import RelayClient
from steprelay.compile import compile_file
from steprelay.package import build_package
from steprelay_core.ports import Stored
from steprelay_core.spec import parse_spec
from tests.flows.conftest import EXAMPLES as FOLDER
from tests.local.relay.support import eventually

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
    Example("notify.py", {}, {"total": "10"}),
    Example("any_language", {}, {"result": "{'lines': 4, 'words': 20}"}),
)


class Started:
    """Examples that were started together on a relay; `folder` takes copies of them, and their packages."""

    def __init__(self, client: RelayClient, folder: Path, examples: Sequence[Example] = EXAMPLES) -> None:
        self.client = client
        self._runs: dict[str, str] = {}
        sources = folder / "examples"
        shutil.copytree(FOLDER, sources)
        for example in examples:
            source = sources / example.file
            if source.is_dir():
                root, spec = source, parse_spec((source / "steprelay.json").read_bytes()).spec
            else:
                root, spec = sources, compile_file(source).flow.spec
            package = build_package(root, spec, destination=folder / f"{example.name}.tar.gz", replaces_own=True)
            self._runs[example.name] = client.upload("run", spec.flow, package.path, example.parameters).run

    def end(self, example: Example) -> RunEnded:
        """How its run ended, once it has."""
        stored = eventually(lambda: self._ended(example), SECONDS, pause=0.25)
        return describe_end(self.client, self.client.flow(stored.run.digest), stored)

    def problems(self, example: Example) -> list[str]:
        """How its end differs from the one that it should have."""
        return list(_problems(example, self.end(example)))

    def _ended(self, example: Example) -> Stored | None:
        stored = self.client.load(self._runs[example.name])
        return stored if stored is not None and stored.run.status.terminal else None


def _problems(example: Example, ended: RunEnded) -> Iterator[str]:
    if ended.status != "SUCCEEDED":
        yield f"{ended.status}: {ended.failure}"
        return
    found = {artifact.name: artifact.value for artifact in ended.artifacts}
    for name, value in example.artifacts.items():
        if found.get(name) != value:
            yield f"{name} is {found.get(name)}, not {value}"
