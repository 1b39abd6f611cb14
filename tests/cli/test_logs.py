"""`logs`: what the tasks of a run printed."""

from pathlib import Path
from typing import Any

import pytest

from steprelay_core.state.model import Failure, Group, GroupKey, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.cli.surroundings import Shell
from tests.client.fake_relay import (
    FOREACH,
    RUN,
    FakeRelay,
    failed_attempt,
    failed_foreach,
    flow_of,
    group,
    run_of,
    stored,
)


def logging() -> FakeRelay:
    logs = {("start", 1): "made\n", ("join", 1): "joined\n"}
    streams = {f"{number}": [[f"task {number}"]] for number in range(4)}
    relay = FakeRelay([failed_foreach()], FOREACH, light_logs=logs, pages=streams)
    relay.outcomes = {
        (f"process.{number}", attempt): {"job_id": f"j{number}"} for number in range(4) for attempt in (1, 2)
    }
    relay.job_streams = {f"j{number}": f"{number}" for number in range(4)}
    return relay


def test_logs_of_a_run_come_in_the_order_of_its_steps_with_every_attempt(tmp_path: Path) -> None:
    lines = Shell(tmp_path, logging())("logs", RUN).out.splitlines()

    assert lines == [
        "start | made",
        "process.0 | task 0",
        "process.1 | task 1",
        "process.2 | task 2",
        "process.3 | task 3",
        "process.3 (attempt 2) | task 3",
    ]


def test_logs_of_one_task_are_chosen_by_its_name(tmp_path: Path) -> None:
    shell = Shell(tmp_path, logging())

    assert shell("logs", RUN, "process.1").out == "process.1 | task 1\n"
    assert {line["task"] for line in shell("logs", RUN, "process", "--json").json} == {f"process.{n}" for n in range(4)}


@pytest.mark.parametrize(
    ("named", "lines"),
    [
        ("train", ["train | lap 0", "train@1 | lap 1", "train@2 | lap 2"]),
        ("train@2", ["train@2 | lap 2"]),
        ("train@0", ["train | lap 0"]),
        ("train@3", []),
    ],
)
def test_logs_of_one_lap_are_chosen_by_its_number(tmp_path: Path, named: str, lines: list[str]) -> None:
    steps: dict[str, Any] = {
        "start": {"next": "train"},
        "train": {"next": [{"to": ["train"]}, {"to": ["end"]}]},
        "end": {},
    }
    groups = [Group(GroupKey("train", (), laps), won={1: Ranges.of(0)}) for laps in ((), (1,), (2,))]
    logs = {(f"train{lap}", 1): f"lap {number}\n" for number, lap in enumerate(("", "@1", "@2"))}
    relay = FakeRelay([stored(*groups)], flow_of(steps), light_logs=logs)
    assert Shell(tmp_path, relay)("logs", RUN, named).out.splitlines() == lines


def test_logs_of_what_names_no_task_say_what_does(tmp_path: Path) -> None:
    result = Shell(tmp_path, logging())("logs", RUN, "process@x")
    assert "'process@x' is not STEP or STEP.SPLIT" in result.err


def test_logs_of_an_unknown_step_get_the_nearest_name(tmp_path: Path) -> None:
    result = Shell(tmp_path, logging())("logs", RUN, "proces")

    assert result.code == 2
    assert "did you mean 'process'?" in result.err


def test_logs_of_thousands_of_tasks_show_those_that_failed_and_say_how_many_are_left(tmp_path: Path) -> None:
    failure = Failure("program", "x", 1)
    process = group(
        "process", (0,), failed=Ranges.of(999), won={1: Ranges.upto(999)}, history=(failed_attempt(999, 1, failure),)
    )
    relay = FakeRelay([stored(process, run=run_of(RunStatus.FAILED))], FOREACH)
    relay.outcomes = {("process.999", 1): {"job_id": "j"}}
    relay.job_streams, relay.pages = {"j": "s"}, {"s": [["boom"]]}

    result = Shell(tmp_path, relay)("logs", RUN, "process")
    assert result.out == "process.999 | boom\n"
    assert "980 more tasks" in result.err
