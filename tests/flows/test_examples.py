"""Every example ends as it says, through the real template on the embedded relay."""

import ast

import pytest

from tests.flows.conftest import Project


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


@pytest.mark.parametrize(
    ("name", "artifact", "value"),
    [
        ("hello.py", "greeting", "'hello world'"),
        ("branch.py", "different", "8"),
        ("nested.py", "best", "{'depth': 4, 'loss': 1.005, 'rate': 0.025}"),
        ("any_language", "result", "{'lines': 4, 'words': 20}"),
    ],
)
def test_an_example_leaves_its_result(project: Project, name: str, artifact: str, value: str) -> None:
    project.add_example(name)
    ended = project.run(name)
    assert ended.code == 0, ended.errors
    assert ended.artifacts[artifact] == value


def test_foreach_finds_the_primes_up_to_its_parameter(project: Project) -> None:
    project.add_example("foreach.py")
    ended = project.run("foreach.py", "--limit", "12")
    assert ended.code == 0, ended.errors
    assert ended.artifacts["primes"] == "[2, 3, 5, 7, 11]"


def test_overtake_scores_every_page(project: Project) -> None:
    project.add_example("overtake.py")
    ended = project.run("overtake.py", "--slow", "1")
    assert ended.code == 0, ended.errors
    assert ended.artifacts["scores"] == "[3, 2, 2, 3]"


@pytest.mark.parametrize(("rows", "way"), [("10", "light"), ("5000", "heavy")])
def test_decide_goes_the_way_that_its_data_says(project: Project, rows: str, way: str) -> None:
    project.add_example("decide.py")
    ended = project.run("decide.py", "--rows", rows)
    assert ended.code == 0, ended.errors
    started = {change["step"] for change in ended.of_kind("task")}
    assert started & {"light", "heavy"} == {way}


def test_loop_goes_back_until_its_guess_is_good_enough(project: Project) -> None:
    project.add_example("loop.py")
    ended = project.run("loop.py", "--number", "9", "--tolerance", "0.01")
    assert ended.code == 0, ended.errors
    assert ended.artifacts["laps"] == "4"
    tasks = {change["task"] for change in ended.of_kind("task")}
    assert {"improve", "judge@1", "judge@3", "end"} <= tasks
    assert "improve@4" not in tasks


def test_every_step_of_the_gallery_runs_where_there_is_neither_gpu_nor_image(project: Project) -> None:
    project.add_example("batch_gallery.py")
    ended = project.run("batch_gallery.py")
    assert ended.code == 0, ended.errors
    assert "batch_process" in {change["step"] for change in ended.of_kind("task")}
    assert ended.artifacts["squares"] == "[0, 1, 4, 9, 16, 25, 36, 49]"
    job = ast.literal_eval(ended.artifacts["job"])
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
