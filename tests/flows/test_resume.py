"""A run that failed, or took too long, goes on where it stopped, on the embedded relay."""

import ast
import json
from pathlib import Path
from typing import Any

from tests.flows.conftest import Ended, Project

BREAKING = """
import pathlib, random
from steprelay import FlowSpec, Parameter, batch, retry, step

class BreakingFlow(FlowSpec):
    notes = Parameter("notes", required=True)

    def note(self, what):
        with open(pathlib.Path(self.notes) / "ran", "a") as file:
            print(what, file=file)

    @step
    def start(self):
        self.note("start")
        self.drawn = random.randrange(10**6)
        self.shards = [0, 1, 2]
        self.next(self.work, foreach="shards")

    @batch(memory=256)
    @step
    def work(self):
        self.note(f"work.{self.input}")
        if self.input == 1 and not (pathlib.Path(self.notes) / "mended").exists():
            raise ValueError("the database is down")
        self.kept = (self.input, self.drawn)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.note("join")
        self.kept = [one.kept for one in inputs]
        self.next(self.end)

    @step
    def end(self):
        self.note("end")
"""
SLOW = """
import pathlib, time
from steprelay import FlowSpec, Parameter, batch, step, timeout

@timeout(seconds=8)
class SlowFlow(FlowSpec):
    notes = Parameter("notes", required=True)

    @step
    def start(self):
        self.next(self.end)

    @batch(memory=256)
    @step
    def end(self):
        while not (pathlib.Path(self.notes) / "mended").exists():
            time.sleep(0.1)
        self.done = True
"""


def _ran(project: Project) -> list[str]:
    return sorted((project.folder / "ran").read_text().split())


def _resume(project: Project, command: str, run: str, *more: str) -> Ended:
    done = project.steprelay("runs", command, run, *more, "--follow", "--on", "local", "--json")
    return Ended(done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr)


def _kept(project: Project, run: str) -> dict[str, Any]:
    shown = project.steprelay("runs", "show", run, "--on", "local", "--json")
    document: dict[str, Any] = json.loads(shown.stdout)
    return document


def _broken(project: Project) -> str:
    """Run the flow: split 1 of three fails."""
    project.write("breaking.py", BREAKING)
    ended = project.run("breaking.py", "--notes", str(project.folder))
    assert ended.code == 1, ended.errors
    assert _ran(project) == ["start", "work.0", "work.1", "work.2"]
    return str(ended.result["run"])


def test_a_failed_run_is_resumed_from_its_failed_task_and_ends_right(project: Project) -> None:
    run = _broken(project)
    Path(project.folder / "mended").touch()
    ended = _resume(project, "resume", run)
    assert ended.code == 0, ended.errors
    assert ended.result["run"] == run
    assert _ran(project) == ["end", "join", "start", "work.0", "work.1", "work.1", "work.2"]
    kept = ast.literal_eval(ended.artifacts["kept"])
    # The split of the second attempt found the very number that the first step drew before the run failed.
    assert [number for number, _ in kept] == [0, 1, 2]
    assert len({drawn for _, drawn in kept}) == 1
    shown = _kept(project, run)
    assert (shown["status"], shown["generation"], len(shown["failed_attempts"])) == ("SUCCEEDED", 2, 1)


def test_one_task_is_retried_by_hand_and_the_run_goes_on_to_its_end(project: Project) -> None:
    run = _broken(project)
    Path(project.folder / "mended").touch()
    ended = _resume(project, "retry", run, "work.1")
    assert ended.code == 0, ended.errors
    assert _ran(project).count("work.1") == 2
    assert _ran(project).count("start") == 1
    again = project.steprelay("runs", "resume", run, "--on", "local")
    assert again.returncode == 2
    assert "it succeeded: start a new run" in again.stderr


def test_a_run_that_takes_too_long_fails_as_a_whole_and_has_its_time_again_when_resumed(project: Project) -> None:
    project.write("slow.py", SLOW)
    ended = project.run("slow.py", "--notes", str(project.folder))
    assert ended.code == 1, ended.errors
    failure = ended.result["failure"]
    assert (failure["task"], failure["failure_class"]) == ("", "timeout")
    assert "its limit of 8 s" in failure["reason"]
    Path(project.folder / "mended").touch()
    resumed = _resume(project, "resume", str(ended.result["run"]))
    assert resumed.code == 0, resumed.errors
    assert resumed.artifacts["done"] == "True"
