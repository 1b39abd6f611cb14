"""Loops: which tasks there are when steps go back, what each starts from, and how loops end."""

from dataclasses import replace
from typing import Any

import pytest

from steprelay_core.state.events import JobChanged
from steprelay_core.state.laps import LAPS_LIMIT
from steprelay_core.state.model import GroupKey, RunStatus, TaskSelection
from steprelay_core.state.ranges import Ranges
from tests.unit.decide.laps import Played, Steps, each, join, ways
from tests.unit.decide.world import RUN, World, batch, started

SELF: Steps = {"start": {"next": "train"}, "train": ways("train", "end"), "end": {}}
TWO_STEPS: Steps = {
    "start": {"next": "train"},
    "train": {"next": "look"},
    "look": ways("train", "end"),
    "end": {},
}
TO_THE_START: Steps = {"start": {"next": "look"}, "look": ways("end", "start"), "end": {}}
AROUND_FOREACH: Steps = {
    "start": {"next": "fan"},
    "fan": each("work"),
    "work": {"next": "join"},
    "join": join(**ways("end", "fan")),
    "end": {},
}
IN_FOREACH: Steps = {
    "start": each("work"),
    "work": {"next": "look"},
    "look": ways("join", "work"),
    "join": join(next="end"),
    "end": {},
}
IN_BRANCH: Steps = {
    "start": {"next": ["a", "b"]},
    "a": ways("join", "a"),
    "b": {"next": "join"},
    "join": join(next="end"),
    "end": {},
}
TWO_LOOPS: Steps = {"start": {"next": "a"}, "a": ways("b", "a"), "b": ways("end", "b"), "end": {}}
NESTED: Steps = {
    "start": {"next": "a"},
    "a": {"next": "b"},
    "b": ways("look", "b"),
    "look": ways("end", "a"),
    "end": {},
}
NESTED_FOREACH: Steps = {
    "start": each("outer"),
    "outer": each("inner"),
    "inner": ways("gather", "inner"),
    "gather": join(**ways("all", "outer")),
    "all": join(next="end"),
    "end": {},
}
TWO_ENTRIES: Steps = {"start": ways("a", "b"), "a": {"next": "b"}, "b": ways("end", "a"), "end": {}}
# A step that is left out in some laps, and a choice that meets again.
CHOICE: Steps = {
    "start": {"next": "a"},
    "a": ways("b", "c"),
    "b": {"next": "meet"},
    "c": ways("meet", "a"),
    "meet": ways("end", "a"),
    "end": {},
}

# The flow, how tasks end, and each task with what it starts from.
SHAPES: dict[str, tuple[Steps, dict[str, str | int], dict[str, list[str]]]] = {
    "a step to itself": (
        SELF,
        {"train@2": "end"},
        {"start": [], "train": ["start"], "train@1": ["train"], "train@2": ["train@1"], "end": ["train@2"]},
    ),
    "two steps": (
        TWO_STEPS,
        {"look@1": "end"},
        {
            "start": [],
            "train": ["start"],
            "look": ["train"],
            "train@1": ["look"],
            "look@1": ["train@1"],
            "end": ["look@1"],
        },
    ),
    "to the first step": (
        TO_THE_START,
        {"look": "start"},
        {"start": [], "look": ["start"], "start@1": ["look"], "look@1": ["start@1"], "end": ["look@1"]},
    ),
    "around a foreach": (
        AROUND_FOREACH,
        {"join": "fan", "join@1": "fan", "fan@1": 1, "fan@2": 0},
        {
            "start": [],
            "fan": ["start"],
            "work.0": ["fan"],
            "work.1": ["fan"],
            "join": ["work.0", "work.1"],
            "fan@1": ["join"],
            "work.0@1": ["fan@1"],
            "join@1": ["work.0@1"],
            "fan@2": ["join@1"],
            "join@2": [],
            "end": ["join@2"],
        },
    ),
    "in a foreach": (
        IN_FOREACH,
        {"start": 3, "look.0": "work", "look.2": "work", "look.2@0-1": "work"},
        {
            "start": [],
            "work.0": ["start"],
            "work.1": ["start"],
            "work.2": ["start"],
            "look.0": ["work.0"],
            "look.1": ["work.1"],
            "look.2": ["work.2"],
            "work.0@0-1": ["look.0"],
            "work.2@0-1": ["look.2"],
            "look.0@0-1": ["work.0@0-1"],
            "look.2@0-1": ["work.2@0-1"],
            "work.2@0-2": ["look.2@0-1"],
            "look.2@0-2": ["work.2@0-2"],
            "join": ["look.1", "look.0@0-1", "look.2@0-2"],
            "end": ["join"],
        },
    ),
    "in a branch": (
        IN_BRANCH,
        {"a": "a", "a@0-1": "a"},
        {
            "start": [],
            "a": ["start"],
            "b": ["start"],
            "a@0-1": ["a"],
            "a@0-2": ["a@0-1"],
            "join": ["a@0-2", "b"],
            "end": ["join"],
        },
    ),
    "one after the other": (
        TWO_LOOPS,
        {"a": "a", "a@1": "a", "b": "b"},
        {
            "start": [],
            "a": ["start"],
            "a@1": ["a"],
            "a@2": ["a@1"],
            "b": ["a@2"],
            "b@1": ["b"],
            "end": ["b@1"],
        },
    ),
    "one in the other": (
        NESTED,
        {"b": "b", "look@1": "a", "b@2": "b"},
        {
            "start": [],
            "a": ["start"],
            "b": ["a"],
            "b@1": ["b"],
            "look@1": ["b@1"],
            "a@2": ["look@1"],
            "b@2": ["a@2"],
            "b@3": ["b@2"],
            "look@3": ["b@3"],
            "end": ["look@3"],
        },
    ),
    "in nested foreachs": (
        NESTED_FOREACH,
        {
            "start": 2,
            "outer.0": 1,
            "outer.1": 1,
            "inner.1.0": "inner",
            "gather.1": "outer",
            "outer.1@0-1": 2,
            "inner.1.1@0-1": "inner",
        },
        {
            "start": [],
            "outer.0": ["start"],
            "outer.1": ["start"],
            "inner.0.0": ["outer.0"],
            "inner.1.0": ["outer.1"],
            "inner.1.0@0-0-1": ["inner.1.0"],
            "gather.0": ["inner.0.0"],
            "gather.1": ["inner.1.0@0-0-1"],
            "outer.1@0-1": ["gather.1"],
            "inner.1.0@0-1": ["outer.1@0-1"],
            "inner.1.1@0-1": ["outer.1@0-1"],
            "inner.1.1@0-1-1": ["inner.1.1@0-1"],
            "gather.1@0-1": ["inner.1.0@0-1", "inner.1.1@0-1-1"],
            "all": ["gather.0", "gather.1@0-1"],
            "end": ["all"],
        },
    ),
    "entered in two places": (
        TWO_ENTRIES,
        {"start": "b", "b": "a"},
        {"start": [], "b": ["start"], "a@1": ["b"], "b@1": ["a@1"], "end": ["b@1"]},
    ),
    "with a choice that meets again": (
        CHOICE,
        {"a": "c", "c": "a", "a@1": "b", "meet@1": "a", "a@2": "c"},
        {
            "start": [],
            "a": ["start"],
            "c": ["a"],
            "a@1": ["c"],
            "b@1": ["a@1"],
            "meet@1": ["b@1"],
            "a@2": ["meet@1"],
            "c@2": ["a@2"],
            "meet@2": ["c@2"],
            "end": ["meet@2"],
        },
    ),
}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_each_lap_has_tasks_of_its_own_that_start_from_those_before_them(shape: str, reverse: bool) -> None:
    steps, ends, expected = SHAPES[shape]
    played = Played(steps, ends, reverse=reverse)
    found = {task: sorted(parents) for task, parents in played.inputs.items()}
    assert found == {task: sorted(parents) for task, parents in expected.items()}
    assert sorted(played.order) == sorted(expected)
    assert played.world.run.status is RunStatus.SUCCEEDED


def fan(laps: dict[str, Any]) -> World:
    """Three members of a step on Batch, of which these have ended."""
    steps = {"start": each("work"), "work": batch(**ways("join", "work")), "join": join(next="end"), "end": {}}
    world = World(steps)
    world.light("start", foreach_count=3)
    for member, way in laps.items():
        world.leaves("work", int(member), path=(0,), transition=way)
    return world


def test_members_that_go_back_together_are_one_array_of_the_next_lap() -> None:
    world = fan({"0": 1, "1": 0, "2": 1})
    world.job("work", "SUCCEEDED", path=(0,), size=3)
    (again,) = world.groups[GroupKey("work", (0,), (0, 1))].submissions
    assert (again.members, again.attempt) == (Ranges.of(0, 2), 1)


def test_an_event_of_one_lap_says_nothing_of_another() -> None:
    world = fan({"0": 1, "1": 0, "2": 1})
    world.job("work", "SUCCEEDED", path=(0,), size=3)
    world.job("work", "SUCCEEDED", path=(0,), attempt=1, size=3)
    assert world.note == "no attempt is waiting for this job"
    again = GroupKey("work", (0,), (0, 1))
    world.happen(JobChanged(RUN, again, "1-0", "job-2", "RUNNING"))
    assert world.groups[again].submissions[0].status == "RUNNING"


def test_a_loop_ends_where_it_has_had_all_its_laps() -> None:
    played = Played(SELF)
    run = played.world.run
    assert (run.status, len(played.order)) == (RunStatus.FAILED, 1 + LAPS_LIMIT)
    assert run.failure is not None
    assert (run.failure.task, run.failure.failure.class_) == (f"train@{LAPS_LIMIT - 1}", "config")
    assert run.failure.failure.reason == (
        "TooManyLaps: step 'train' goes back to 'train' once more, after 1,000 laps; a loop has at most so many"
    )


def test_a_step_without_the_runner_may_not_go_on_for_ever_either() -> None:
    plain = {"package": False, "batch": {"image": "image"}, "command": ["x"], "next": "look"}
    world = World({"start": {"next": "look"}, "look": ways("end", "plain"), "plain": plain, "end": {}})
    world.light("start")
    world.light("look", transition=1)
    first = world.group("plain")
    last = GroupKey("plain", (), (LAPS_LIMIT - 1,))
    world.groups[last] = replace(first, key=last)
    world.happen(JobChanged(RUN, last, "1-0", "job-1", "SUCCEEDED"))
    assert world.groups[last].failed == Ranges.of(0)
    assert world.run.failure is not None
    assert world.run.failure.failure.class_ == "config"


def test_tasks_in_different_laps_of_a_body_share_its_window() -> None:
    steps = {"start": each("work"), "work": ways("join", "work"), "join": join(next="end"), "end": {}}
    world = World(steps, max_workers=2)
    world.light("start", foreach_count=4)
    again = GroupKey("work", (0,), (0, 1))
    world.light("work", 0, path=(0,), transition=1)
    assert len(world.group("work", 0).in_flight) + len(world.groups[again].in_flight) == 2
    assert world.groups[again].members == Ranges.of(0)
    while live := [
        (key, member) for key, group in world.groups.items() if key.step == "work" for member in group.in_flight
    ]:
        assert len(live) <= 2
        key, member = live[0]
        world.light("work", member, path=(0,), laps=key.laps)
    assert len(world.groups[GroupKey("join")].in_flight) == 1


def third_lap_fails(retry: dict[str, Any]) -> World:
    world = World({**SELF, "train": {**ways("train", "end"), **retry}})
    world.light("start")
    world.light("train")
    world.light("train", laps=(1,))
    world.leaves_failure("train", laps=(2,))
    world.light_ends("train", laps=(2,))
    return world


def test_a_task_of_a_later_lap_is_retried_in_that_lap() -> None:
    world = third_lap_fails({"retry": {"times": 1, "minutes_between_retries": 1}})
    group = world.groups[GroupKey("train", (), (2,))]
    assert [(wait.attempt, wait.due) for wait in group.waits] == [(2, world.now + 60)]
    world.now += 60
    world.timer("train", laps=(2,))
    world.light("train", attempt=2, transition=1, laps=(2,))
    world.light("end")
    assert world.run.status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("tasks", [None, "train", "train@2"])
def test_a_run_that_failed_in_a_later_lap_goes_on_from_there(tasks: str | None) -> None:
    world = third_lap_fails({})
    assert world.run.failure is not None
    assert (world.run.status, world.run.failure.task) == (RunStatus.FAILED, "train@2")
    commands = world.resume() if tasks is None else world.retry(tasks)
    assert started(commands) == ["train"]
    world.light("train", attempt=2, laps=(2,))
    world.light("train", transition=1, laps=(3,))
    world.light("end")
    assert world.run.status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("tasks", ["train@0", "train@1"])
def test_a_retry_of_an_earlier_lap_is_refused(tasks: str) -> None:
    world = third_lap_fails({})
    assert started(world.retry(tasks)) == []
    assert world.note == f"{tasks} succeeded: only what failed, or waits for its next attempt, can be retried"


@pytest.mark.parametrize(
    ("named", "laps", "meant"),
    [("work", (0, 1), True), ("work@0", (), True), ("work@0", (1,), False), ("work@0-1", (0, 1), True),
     ("work@0-1-0", (0, 1), True), ("work@1", (1, 2), False), ("work.3@0-1", (0, 1), True),
     ("work.2@0-1", (0, 1), False)],
)  # fmt: skip
def test_a_lap_in_the_name_means_that_lap_only(named: str, laps: tuple[int, ...], meant: bool) -> None:
    found = TaskSelection.parse(named).of(GroupKey("work", (0,), laps), Ranges.of(3))
    assert len(found) == meant


@pytest.mark.parametrize("text", ["work", "work@0", "work.3@2", "inner.3.1@0-2"])
def test_a_name_with_a_lap_reads_as_it_was_written(text: str) -> None:
    assert str(TaskSelection.parse(text)) == text


@pytest.mark.parametrize("text", ["work@", "work@x", "work@1-", "work@1.2", "@1", "work@-1", "work@1@2"])
def test_what_is_no_lap_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="nor that with @LAP, as in train@2"):
        TaskSelection.parse(text)
