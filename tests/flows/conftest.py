"""Flows run as people run them: by command, by upload, by event, on the shared embedded relay."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from steprelay.local.record import RelayInfo
from tests.local.relay.support import Aws

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Ended:
    """What a `run --json` printed."""

    code: int
    changes: list[dict[str, Any]]
    errors: str

    @property
    def result(self) -> dict[str, Any]:
        return next(change for change in reversed(self.changes) if change["kind"] == "result")

    @property
    def artifacts(self) -> dict[str, Any]:
        return {artifact["name"]: artifact["value"] for artifact in self.result["artifacts"]}

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [change for change in self.changes if change["kind"] == kind]


class Project:
    """A folder below the relay's project, so that commands in it find the shared relay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add_example(self, name: str) -> Path:
        source, target = EXAMPLES / name, self.folder / name
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
        return target

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def steprelay(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from steprelay.cli.app import main; main()", *arguments]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "STEPRELAY_"))}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=240, check=False
        )

    def run(self, name: str, *arguments: str) -> Ended:
        """Run a flow to its end."""
        done = self.steprelay("run", name, "--on", "local", "--json", *arguments)
        return Ended(done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr)

    def runs_of(self, flow: str) -> list[dict[str, Any]]:
        listed = json.loads(self.steprelay("runs", "list", "--on", "local", "--json").stdout)
        return [run for run in listed if run["flow"] == flow]


@pytest.fixture
def project(relay: RelayInfo, relay_project: Path) -> Project:
    folder = relay_project / f"project-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    return Project(folder)


@pytest.fixture
def aws(relay: RelayInfo) -> Aws:
    return Aws(relay)
