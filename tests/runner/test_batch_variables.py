"""What AWS Batch gives a container in its environment, as the step's code finds it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.containers import Containers
from tests.runner.lab import Lab, flow, item

BATCH = {
    "AWS_BATCH_JOB_ID": "4f2a-1c", "AWS_BATCH_JOB_ATTEMPT": "3",
    "AWS_BATCH_CE_NAME": "spot-environment", "AWS_BATCH_JQ_NAME": "the-queue",
}  # fmt: skip
SECRET = "correct horse battery staple"
FLOW = flow(
    """
    @step
    def start(self):
        self.seen = {name: value for name, value in os.environ.items() if name.startswith("AWS_BATCH_")}
        self.items = "ab"
        self.next(self.each, foreach="items")
    @step
    def each(self):
        self.seen = {name: value for name, value in os.environ.items() if name.startswith("AWS_BATCH_")}
    @step
    def secret(self):
        self.length = len(os.environ["DB_PASSWORD"])
    @step
    def fail(self):
        self.length = len(os.environ["DB_PASSWORD"])
        raise ValueError("no good")
""",
    before="import os",
)
WRITE_THEM = """
import json, os
seen = {name: value for name, value in os.environ.items() if name.startswith("AWS_BATCH_")}
json.dump(seen, open(os.environ["STEPRELAY_OUTPUT"] + "/seen.json", "w"))
"""


@pytest.fixture
def containers(tmp_path: Path) -> Iterator[Containers]:
    with Containers(Lab(tmp_path, FLOW)) as running:
        yield running


def test_a_python_step_reads_its_job_attempt_environment_and_queue(containers: Containers) -> None:
    containers.run("start", {"to": ["each"], "foreach": "items"}, environment=BATCH)
    assert containers.lab.artifacts(containers.lab.outcome("start"))["seen"] == BATCH


def test_a_command_reads_them_as_well(containers: Containers) -> None:
    assert containers.run("start", command=["python3", "-c", WRITE_THEM], environment=BATCH) == (0, "")
    assert containers.lab.artifacts(containers.lab.outcome("start"))["seen"] == BATCH


@pytest.mark.parametrize("command", [None, ["python3", "-c", WRITE_THEM]])
def test_the_child_of_an_array_reads_its_index(containers: Containers, command: list[str] | None) -> None:
    containers.run("start", {"to": ["each"], "foreach": "items"})
    child = {**BATCH, "AWS_BATCH_JOB_ID": "4f2a-1c:1", "AWS_BATCH_JOB_ARRAY_INDEX": "1"}
    changes = {"path": [0], "members": [[0, 1]], "inputs": item("start"), "command": command}
    containers.run("each", environment=child, **changes)
    assert containers.lab.artifacts(containers.lab.outcome("each", member=1, path=(0,)))["seen"] == child


@pytest.mark.parametrize(("step", "code"), [("secret", 0), ("fail", 1)])
def test_a_secret_reaches_the_step_and_is_written_nowhere(containers: Containers, step: str, code: int) -> None:
    process = containers.start(step, environment={"DB_PASSWORD": SECRET})
    output, error = process.communicate(timeout=60)
    assert process.returncode == code
    _assert_nowhere(containers.lab, output + error)


@pytest.mark.parametrize("ending", ["", "; exit 3"])
def test_a_secret_reaches_a_command_and_is_written_nowhere(containers: Containers, ending: str) -> None:
    command = ["sh", "-c", f'echo "length ${{#DB_PASSWORD}}"{ending}']
    process = containers.start("start", command=command, environment={"DB_PASSWORD": SECRET})
    output, error = process.communicate(timeout=60)
    assert output == f"length {len(SECRET)}\n"
    _assert_nowhere(containers.lab, output + error)


def _assert_nowhere(lab: Lab, printed: str) -> None:
    keys = lab.store.keys("runs/") + lab.store.keys("artifacts/")
    assert {key.rpartition("/")[2] for key in keys} >= {"claim.json", "outcome.json", "brief-1-0.json"}
    everything = printed + "".join(lab.store.get(key).decode(errors="replace") for key in keys)
    # Values in outcomes are pickles in base64, which a plain search does not find.
    for key in keys:
        if key.endswith("outcome.json"):
            parts = key.split("/")
            everything += json.dumps(lab.artifacts(lab.outcome(parts[2])), default=str)
    assert SECRET not in everything
