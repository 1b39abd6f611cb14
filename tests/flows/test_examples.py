"""Every example ends as it says, through the real template on the embedded relay."""

import ast
from pathlib import Path

import pytest

from steprelay.cli.relays import ConfiguredRelays
from steprelay.local.record import RelayInfo
from tests.flows.conftest import EXAMPLES as FOLDER
from tests.flows.conftest import Project
from tests.flows.examples import EXAMPLES, Example, Started


@pytest.fixture(scope="module")
def started(relay: RelayInfo, relay_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Started:
    """All examples are started at once; a test waits for its own."""
    client = ConfiguredRelays({}, relay_project, relay).connect("local", None, lambda _: None).client
    return Started(client, tmp_path_factory.mktemp("examples"))


def test_no_example_is_left_out() -> None:
    there = {path.name for path in FOLDER.iterdir() if path.suffix == ".py" or path.is_dir()} - {"__pycache__"}
    assert {example.file for example in EXAMPLES} == {name for name in there if not name.startswith(".")}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_leaves_its_result(started: Started, example: Example) -> None:
    assert started.problems(example) == []


def test_robust_fails_once_retries_joins_and_finishes(project: Project) -> None:
    project.add_example("robust.py")
    ended = project.run("robust.py")
    assert ended.code == 0, ended.errors
    assert ended.artifacts == {"result": "3160"}
    (failed,) = ended.of_kind("attempt_failed")
    assert (failed["task"], failed["attempt"], failed["failure_class"], failed["then"]) == (
        "process.5",
        1,
        "program",
        "retry",
    )


def test_checkpoint_is_cut_short_by_a_reclaim_and_goes_on_where_it_was(project: Project) -> None:
    project.add_example("checkpoint.py")
    ended = project.run("checkpoint.py", "--epochs", "8")
    assert ended.code == 0, ended.errors
    assert (ended.artifacts["resumed_after"], ended.artifacts["weight"]) == ("4", "4.0")
    (failed,) = ended.of_kind("attempt_failed")
    assert (failed["task"], failed["attempt"], failed["then"]) == ("train", 1, "retry")


def test_loop_goes_back_until_its_guess_is_good_enough(project: Project) -> None:
    project.add_example("loop.py")
    ended = project.run("loop.py", "--number", "9", "--tolerance", "0.01")
    assert ended.code == 0, ended.errors
    assert ended.artifacts["laps"] == "4"
    tasks = {change["task"] for change in ended.of_kind("task")}
    assert {"improve", "judge@1", "judge@3", "end"} <= tasks
    assert "improve@4" not in tasks


def test_every_step_of_the_gallery_runs_where_there_is_neither_gpu_nor_image(started: Started) -> None:
    gallery = next(example for example in EXAMPLES if example.file == "batch_gallery.py")
    artifacts = {artifact.name: artifact.value or "" for artifact in started.end(gallery).artifacts}
    assert artifacts["where"] == "'a job of its own'"
    job = ast.literal_eval(artifacts["job"])
    assert job.keys() == {"AWS_BATCH_JOB_ID", "AWS_BATCH_JOB_ATTEMPT", "AWS_BATCH_CE_NAME", "AWS_BATCH_JQ_NAME"}
    assert all(job.values())


def test_notify_says_what_was_counted(project: Project) -> None:
    project.add_example("notify.py")
    ended = project.run("notify.py")
    assert (ended.code, ended.artifacts["total"]) == (0, "10"), ended.errors
    said = [line["text"] for line in ended.of_kind("output") if line["task"] == "congratulate"]
    assert said == ["NotifyFlow has counted 10 words"]


def test_notify_says_why_it_failed_and_what_was_printed_last(project: Project) -> None:
    project.add_example("notify.py")
    ended = project.run("notify.py", "--broken")
    assert ended.code == 1, ended.errors
    said = [line["text"] for line in ended.of_kind("output") if line["task"] == "call_for_help"]
    assert said[0] == "NotifyFlow failed in count.1: ValueError: the question has no answer"
    assert said[-1] == "    | ValueError: the question has no answer"
