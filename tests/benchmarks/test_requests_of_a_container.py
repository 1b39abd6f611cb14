"""What a container asks of the data bucket: the larger part of a task's cost."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from benchmarks.arrays.prices import RUNNER
from tests.runner.lab import Lab, flow, item

ROOT = Path(__file__).parents[2]
SOURCE = flow("""
    @step
    def start(self):
        self.items = ["a", "b", "c"]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.seen = self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        pass
""")
# Each call of the store is one request to S3.
PROGRAM = """
import os, sys
from pathlib import Path
from steprelay.runner.main import main
from tests.runner.folder_store import FolderStore

class Counting(FolderStore):
    def __getattribute__(self, name):
        if name.startswith(("get", "put", "download", "upload", "exists")):
            with open(os.environ["CALLS"], "a") as calls:
                calls.write(name + "\\n")
        return super().__getattribute__(name)

sys.exit(main(os.environ, Counting(Path(os.environ["BUCKET"]))))
"""
# Beside these, the bootstrap gets the bundle, and the join gets the outcome.
BUNDLE, JOIN = 1, 1


def test_a_task_of_a_foreach_takes_the_requests_that_its_cost_is_told_from(tmp_path: Path) -> None:
    lab = Lab(tmp_path, SOURCE)
    lab.succeed("start", {"to": ["work"], "foreach": "items"})
    key = lab.put_brief("work", "join", path=[0], members=[[1, 1]], inputs=item("start"))
    environment = {
        "BUCKET": str(lab.store.root), "STEPRELAY_BRIEF": f"s3://data/{key}", "CALLS": str(tmp_path / "calls"),
        "AWS_BATCH_JOB_ID": "job-1", "AWS_BATCH_JOB_ATTEMPT": "1",
    }  # fmt: skip
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, env=os.environ | environment, check=True)
    calls = Counter((tmp_path / "calls").read_text().split())
    writes = sum(calls[name] for name in ("put_once", "put_if_match", "put", "upload"))
    assert writes == RUNNER["S3 PUT"]
    assert calls.total() - writes + BUNDLE + JOIN == RUNNER["S3 GET"], calls
