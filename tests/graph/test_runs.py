"""Where the tasks of a run are, as drawn."""

from typing import Any

import pytest

from steprelay.client.relay import JobSeen
from steprelay.graph import as_json, mermaid, run_graph
from steprelay.graph.model import Tasks
from steprelay_core.state.model import Failure, Group, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.client.fake_relay import (
    FOREACH,
    LINE,
    failed_attempt,
    failed_run,
    group,
    run_of,
    stored,
    submitted,
    waiting,
    won,
)


def tasks_of(step: str, *groups: Group, jobs: dict[str, JobSeen] | None = None, **more: Any) -> Tasks:
    graph = run_graph(FOREACH, stored(*groups, **more), jobs or {})
    (tasks,) = [node.tasks for node in graph.nodes if node.step == step]
    assert tasks is not None
    return tasks


def test_the_tasks_of_a_step_are_counted_by_what_they_do() -> None:
    running = submitted(Ranges.of(0, 1), status="RUNNING", job_id="a")
    handed_over = submitted(Ranges.of(2), status="RUNNABLE", job_id="b")
    own = group(
        "process",
        (0,),
        submissions=(running, handed_over),
        waits=(waiting(2, 3, seconds=60),),
        won={1: Ranges.of(4, 5, 6)},
        failed=Ranges.of(7),
        queued=Ranges.of(8, 9),
    )
    tasks = tasks_of("process", own)
    assert tasks == Tasks(succeeded=3, failed=1, running=2, waiting=1, queued=3)
    assert (str(tasks), tasks.state) == ("3 succeeded, 1 failed, 2 running, 1 waiting, 3 queued", "failed")


def test_how_far_an_array_is_batch_itself_tells() -> None:
    own = group("process", (0,), submissions=(submitted(Ranges.upto(1000), job_id="parent", status="PENDING"),))
    jobs = {"parent": JobSeen("PENDING", None, {"RUNNING": 30, "STARTING": 5, "SUCCEEDED": 200, "RUNNABLE": 765})}
    assert tasks_of("process", own, jobs=jobs) == Tasks(succeeded=200, running=35, queued=765)


def test_the_children_of_a_small_array_are_told_apart() -> None:
    own = group("process", (0,), submissions=(submitted(Ranges.upto(3), job_id="parent", status="PENDING"),))
    seen = {
        f"parent:{index}": JobSeen(status, None) for index, status in enumerate(("SUCCEEDED", "RUNNING", "RUNNABLE"))
    }
    assert tasks_of("process", own, jobs=seen) == Tasks(succeeded=1, running=1, queued=1)


def test_light_tasks_run_from_the_moment_they_are_handed_over() -> None:
    assert tasks_of("start", group("start", submissions=(submitted(light=True, job_id=None),))) == Tasks(running=1)


@pytest.mark.parametrize(
    ("tasks", "told"),
    [(Tasks(), "not started"), (Tasks(1), "succeeded"), (Tasks(1234, 1), "1,234 succeeded, 1 failed")],
)
def test_counts_are_told_in_words(tasks: Tasks, told: str) -> None:
    assert str(tasks) == told


def reason_of(step: str, *groups: Group, **more: Any) -> str | None:
    return next(node.reason for node in run_graph(LINE, stored(*groups, **more), {}).nodes if node.step == step)


def test_the_step_that_failed_says_why_and_the_others_do_not() -> None:
    why = Failure("program", "ValueError: no luck\nand more", 1)
    own = group("train", failed=Ranges.of(0), history=(failed_attempt(0, 1, why),))
    state = {"run": failed_run("train", 1, why)}
    assert reason_of("train", won("start"), own, **state) == "program: ValueError: no luck\nand more"
    assert reason_of("start", won("start"), own, **state) is None
    text = mermaid(run_graph(LINE, stored(won("start"), own, **state), {}))
    assert 'n2["train<br/>AWS Batch<br/>failed<br/>program: ValueError: no luck"]' in text


def test_a_task_that_failed_besides_the_cause_says_its_own_reason() -> None:
    own = group("train", failed=Ranges.of(0), history=(failed_attempt(0, 1, Failure("oom", "too much")),))
    assert reason_of("train", own, run=failed_run("start", 1, Failure("program", "x"))) == "oom: too much"


def test_what_a_cancellation_stopped_is_not_said_to_have_failed_by_itself() -> None:
    own = group("train", failed=Ranges.of(0))
    assert reason_of("train", own, run=run_of(RunStatus.CANCELLED)) == "stopped: the run was cancelled"


def test_the_ways_taken_are_counted() -> None:
    start = won("start", chosen={0: Ranges.of(0)})
    edges = as_json(run_graph(LINE, stored(start), {}))["edges"]
    assert [(edge["source"], edge["target"], edge["taken"]) for edge in edges] == [
        ("start", "train", 1),
        ("train", "end", 0),
    ]


def test_json_has_nodes_and_edges_with_all_that_is_known() -> None:
    told = as_json(run_graph(LINE, stored(won("start")), {}))
    assert (told["flow"], told["run"], told["status"]) == ("Flow", "Flow-0123456789ab", "running")
    start, train, _ = told["nodes"]
    assert (start["step"], start["kind"], start["state"], start["tasks"]["succeeded"]) == (
        "start",
        "light",
        "succeeded",
        1,
    )
    assert (train["kind"], train["state"], train["tasks"]["succeeded"]) == ("batch", "idle", 0)
