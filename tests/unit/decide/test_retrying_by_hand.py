"""Another attempt for tasks that a person names."""

import pytest

from steprelay_core.state.model import GroupKey, RunStatus, TaskSelection
from steprelay_core.state.ranges import Ranges
from tests.unit.decide.resumed import TWO_BRANCHES, cancelled, failed_foreach, nested, of_kind, until_through
from tests.unit.decide.world import World, batch, started


def test_one_failed_split_is_retried_by_its_name_and_the_others_stay_failed() -> None:
    world = failed_foreach(2, 7)
    assert started(world.retry("work.2")) == ["work"]
    assert world.submission("work", 0).members == Ranges.of(2)
    assert world.group("work", 0).failed == Ranges.of(7)
    assert world.run.status is RunStatus.RUNNING


def test_a_run_of_which_only_a_part_was_retried_ends_failed_with_what_is_left() -> None:
    world = failed_foreach(2, 7)
    world.retry("work.2")
    world.leaves("work", 2, attempt=2, path=(0,))
    assert started(world.job("work", "SUCCEEDED", (0,))) == []
    assert world.run.status is RunStatus.FAILED
    assert world.run.failure is not None
    assert (world.run.failure.task, world.run.failure.failure.class_) == ("work.7", "program")
    assert started(world.retry("work", "retry-2")) == ["work"]
    world.leaves("work", 7, attempt=3, path=(0,))
    assert started(world.job("work", "SUCCEEDED", (0,))) == ["join"]


def test_a_second_task_can_be_retried_while_the_first_runs() -> None:
    world = failed_foreach(2, 7)
    world.retry("work.2", "retry-1")
    commands = world.retry("work.7", "retry-2")
    assert started(commands) == ["work"]
    assert of_kind(commands, "Run Resumed") == []
    assert [item.id for item in world.group("work", 0).submissions] == ["2-2", "3-7"]


def test_a_failed_task_of_a_run_that_is_still_finishing_can_be_retried_at_once() -> None:
    world = World(TWO_BRANCHES)
    world.light("start")
    world.job("b", "FAILED", exit_code=1)
    assert not world.run.status.terminal
    commands = world.retry("b")
    assert started(commands) == ["b"]
    assert world.run.failure is None
    assert world.submission("a").first == 1
    assert len(of_kind(commands, "Run Resumed")) == 1
    assert started(world.job("a", "FAILED", exit_code=1)) == ["a"]
    assert started(world.job("a", "FAILED", exit_code=1)) == []


def test_a_task_that_waits_for_its_delayed_retry_starts_now() -> None:
    world = World({"start": batch(retry={"times": 1, "minutes_between_retries": 60})})
    world.job("start", "FAILED", exit_code=1)
    commands = world.retry("start")
    assert started(commands) == ["start"]
    assert (world.submission("start").attempt, world.submission("start").first) == (2, 1)
    assert world.run.generation == 1
    world.now += 3600
    assert world.timer("start") == []
    world.job("start", "FAILED", exit_code=1)
    assert world.run.status is RunStatus.FAILED


@pytest.mark.parametrize(
    ("tasks", "says"),
    [
        ("strat", "the flow has no step 'strat': did you mean 'start'?"),
        ("join", "join has not begun"),
        ("work.99", "work.99 has not begun"),
        ("work.1", "work.1 succeeded"),
        ("start", "start succeeded"),
        ("start.0", "start.0 has not begun"),
    ],
)
def test_what_did_not_fail_is_not_retried_and_the_reason_says_why(tasks: str, says: str) -> None:
    world = failed_foreach(2)
    assert world.retry(tasks) == []
    assert world.note is not None
    assert world.note.startswith(says)


def test_a_task_that_runs_is_not_retried() -> None:
    world = World({"start": batch()})
    assert world.retry("start") == []
    assert world.note == "start is running: wait for its end, or cancel the run"


def test_retries_of_hundreds_of_groups_take_several_decisions() -> None:
    world = cancelled(nested(100))
    world.commands.clear()
    assert until_through(world, "inner") == 3
    assert started(world.commands) == ["inner"] * 100


def test_two_requests_at_once_are_carried_out_one_after_the_other() -> None:
    world = cancelled(nested(60))
    world.retry("inner", "retry-1")
    assert world.more
    world.retry("inner.3", "retry-2")
    assert world.more
    assert world.run.resuming is None
    world.retry("inner.3", "retry-2")
    assert world.note is not None
    assert "inner.3 is running" in world.note


@pytest.mark.parametrize(
    ("named", "key", "members"),
    [
        ("train", GroupKey("train"), Ranges.of(0)),
        ("train", GroupKey("other"), Ranges()),
        ("train.0", GroupKey("train"), Ranges()),
        ("work", GroupKey("work", (0,)), Ranges.upto(4)),
        ("work.3", GroupKey("work", (0,)), Ranges.of(3)),
        ("work.3.0", GroupKey("work", (0,)), Ranges()),
        ("inner", GroupKey("inner", (0, 3)), Ranges.upto(4)),
        ("inner.3", GroupKey("inner", (0, 3)), Ranges.upto(4)),
        ("inner.2", GroupKey("inner", (0, 3)), Ranges()),
        ("inner.3.1", GroupKey("inner", (0, 3)), Ranges.of(1)),
        ("inner.2.1", GroupKey("inner", (0, 3)), Ranges()),
    ],
)
def test_tasks_are_named_by_step_and_split(named: str, key: GroupKey, members: Ranges) -> None:
    known = Ranges.upto(4) if key.path else Ranges.of(0)
    assert TaskSelection.parse(named).of(key, known) == members


@pytest.mark.parametrize("text", ["", ".", ".1", "work.", "work.x", "work.-1", "work.1.", "work.²"])
def test_what_names_no_task_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not STEP or STEP\.SPLIT"):
        TaskSelection.parse(text)
