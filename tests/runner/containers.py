"""Runners as the main processes of containers: real processes over a lab's bucket."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from tests.runner.lab import Lab

ROOT = Path(__file__).parents[2]
# PATIENCE is how long a node waits for the main one; ANNOUNCE tells each time it looks in vain.
PROGRAM = """
import os, sys, time
from pathlib import Path
from steprelay.runner.main import main
from steprelay.runner.nodes import Patience
from tests.runner.folder_store import FolderStore

def pause(seconds):
    if "ANNOUNCE" in os.environ:
        print("looking", flush=True)
    time.sleep(seconds)

patience = Patience(float(os.environ.get("PATIENCE", 30)), interval=0.01, pause=pause)
sys.exit(main(os.environ, FolderStore(Path(os.environ["BUCKET"])), patience))
"""


class Containers:
    """Starts runners, and kills those that are left at the end."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.started: list[subprocess.Popen[str]] = []

    def start(self, step: str, *ways: Any, environment: dict[str, str] | None = None, **changes: Any) -> Any:
        key = self.lab.put_brief(step, *ways, **changes)
        self.started.append(subprocess.Popen(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={
                **os.environ, "BUCKET": str(self.lab.store.root), "STEPRELAY_BRIEF": f"s3://data/{key}",
                "AWS_BATCH_JOB_ID": "job-1", "AWS_BATCH_JOB_ATTEMPT": "1", "TMPDIR": str(self.lab.folder),
                **(environment or {}),
            },
        ))  # fmt: skip
        return self.started[-1]

    def run(self, step: str, *ways: Any, environment: dict[str, str] | None = None, **changes: Any) -> tuple[int, str]:
        """Exit code and stderr."""
        process = self.start(step, *ways, environment=environment, **changes)
        _, error = process.communicate(timeout=60)
        return process.returncode, error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
