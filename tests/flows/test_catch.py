"""@catch where no code of the step could: the flow goes on with the failure in an artifact."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from steprelay.local.relay import LocalRelay
from tests.flows.conftest import Project

HUNGRY = """
from steprelay import FlowSpec, batch, catch, retry, step


class HungryFlow(FlowSpec):
    @step
    def start(self):
        self.shards = [0, 1, 2]
        self.next(self.process, foreach="shards")

    @catch(var="problem")
    @retry(times=1, minutes_between_retries=0)
    @batch(cpu=1, memory=128)
    @step
    def process(self):
        self.before = "began"
        if self.input == 1:
            self.ballast = b"x" * (300 * 1024 * 1024)
        if self.input == 2:
            raise ValueError("no luck")
        self.total = self.input * 10
        self.next(self.join)

    @step
    def join(self, inputs):
        self.totals = [getattr(shard, "total", None) for shard in inputs]
        self.seen = [[shard.shards, getattr(shard, "before", None)] for shard in inputs]
        self.problems = [str(shard.problem) for shard in inputs]
        self.code = inputs[1].problem.exit_code
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    HungryFlow()
"""

KILLED = {
    "spec_version": 1,
    "flow": "KilledFlow",
    "start": "work",
    "steps": {
        "work": {"command": ["sh", "-c", "kill -9 $PPID"], "batch": {}, "catch": {"var": "problem"}, "next": "end"},
        "end": {"command": ["true"]},
    },
}

LOST = """
from steprelay import FlowSpec, batch, catch, step


class LostFlow(FlowSpec):
    @catch(var="problem", print_exception=False)
    @batch(cpu=1, memory=128)
    @step
    def start(self):
        self.done = True
        self.next(self.end)

    @step
    def end(self):
        self.how = [self.problem.class_, hasattr(self, "done")]


if __name__ == "__main__":
    LostFlow()
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Project]:
    """A project with a relay of its own on which no machine ever starts a container."""
    LocalRelay.up(tmp_path, chaos="host=1,seed=1")
    yield Project(tmp_path)
    LocalRelay.down(tmp_path)


def test_splits_whose_last_attempts_failed_are_problems_in_the_join_whoever_saw_them_fail(project: Project) -> None:
    project.write("hungry.py", HUNGRY)
    ended = project.run("hungry.py")
    assert ended.code == 0, ended.errors
    assert ended.artifacts["totals"] == "[0, None, None]"
    assert ended.artifacts["seen"] == "[[[0, 1, 2], 'began'], [[0, 1, 2], None], [[0, 1, 2], 'began']]"
    assert ended.artifacts["problems"].startswith("['None', 'oom: OutOfMemoryError: ")
    assert ended.artifacts["problems"].endswith("'no luck']")
    assert ended.artifacts["code"] == "137"
    then = {(change["task"], change["attempt"]): change["then"] for change in ended.of_kind("attempt_failed")}
    assert (then["process.1", 2], then["process.2", 2]) == ("catch", "catch")

    run = ended.result["run"]
    shown = json.loads(project.steprelay("runs", "show", run, "--on", "local", "--json").stdout)
    process = next(step for step in shown["steps"] if step["step"] == "process")
    assert (process["state"], process["done"], process["caught"], process["failed"]) == ("succeeded", 3, 2, 0)
    log = project.steprelay("logs", run, "process.1", "--on", "local").stdout
    assert "@catch lets the flow go on, with the failure in 'problem'" in log


def test_a_command_that_takes_its_runner_along_is_caught(project: Project) -> None:
    project.write("steprelay.json", json.dumps(KILLED))
    ended = project.run("steprelay.json")
    assert ended.code == 0, ended.errors
    assert [change["failure_class"] for change in ended.of_kind("attempt_failed")] == ["oom_suspected"]
    assert [change["task"] for change in ended.of_kind("task") if change["caught"]] == ["work"]


def test_a_step_that_no_machine_ever_started_is_caught(hostile: Project) -> None:
    hostile.write("lost.py", LOST)
    ended = hostile.run("lost.py")
    assert ended.code == 0, ended.errors
    assert ended.artifacts["how"] == "['host', False]"
