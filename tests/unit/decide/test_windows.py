"""`max_workers`: how many tasks of a foreach are in flight, who waits, who follows, and who is dropped."""

from typing import Any

import pytest

from steprelay_core.commands import InvokeLight, SubmitJob
from steprelay_core.decide.overdue import find_overdue
from steprelay_core.spec import SpecError
from steprelay_core.state.events import WindowStalled
from steprelay_core.state.model import GroupKey, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.unit.decide.world import RUN, World, batch, started

WORK = GroupKey("work", (0,))


def foreach(workers: int | None, work: dict[str, Any] | None = None, **more: Any) -> dict[str, dict[str, Any]]:
    """A foreach over light tasks, unless `work` says otherwise."""
    return {
        "start": {"next": {"to": ["work"], "foreach": "items", "max_workers": workers}},
        "work": {"next": "join", **(work or {})},
        "join": {"join": True, "next": "end"},
        "end": {},
        **more,
    }


def begun(workers: int | None, count: int, work: dict[str, Any] | None = None) -> World:
    """A run whose foreach over so many items has begun."""
    world = World(foreach(workers, work))
    world.light("start", foreach_count=count)
    return world


def in_flight(world: World, step: str = "work", *path: int) -> list[int]:
    return list(world.group(step, *(path or (0,))).in_flight)


def queued(world: World, step: str = "work", *path: int) -> list[int]:
    return list(world.group(step, *(path or (0,))).queued)


def fails(world: World, member: int, attempt: int = 1) -> None:
    world.leaves_failure("work", member, attempt, path=(0,))
    world.light_ends("work", member, attempt, path=(0,))


def succeeds(world: World, *members: int, attempt: int = 1) -> None:
    for member in members:
        world.light("work", member, attempt, path=(0,))


@pytest.mark.parametrize(
    ("workers", "count", "going"), [(1, 5, 1), (3, 5, 3), (5, 5, 5), (6, 5, 5), (None, 5, 5), (16, 40, 16)]
)
def test_no_more_than_max_workers_begin(workers: int | None, count: int, going: int) -> None:
    world = begun(workers, count)
    assert in_flight(world) == list(range(going))
    assert queued(world) == list(range(going, count))


def test_a_foreach_that_fits_its_window_is_one_array_as_ever() -> None:
    assert [len(item.members) for item in begun(50, 50, batch()).group("work", 0).submissions] == [50]


@pytest.mark.parametrize(
    ("workers", "sizes"), [(50, [6] * 8 + [2]), (8, [1] * 8), (7, [1] * 7), (1, [1]), (100, [12] * 8 + [4])]
)
def test_a_window_is_filled_by_portions_of_an_eighth(workers: int, sizes: list[int]) -> None:
    world = begun(workers, 1000, batch())
    assert [len(item.members) for item in world.group("work", 0).submissions] == sizes


def test_who_ends_makes_room_for_the_next() -> None:
    world = begun(2, 4)
    succeeds(world, 1)
    assert (in_flight(world), queued(world)) == ([0, 2], [3])
    succeeds(world, 0, 2)
    assert (in_flight(world), queued(world)) == ([3], [])
    succeeds(world, 3)
    assert started(world.commands)[-1] == "join"


def test_room_is_filled_once_it_takes_a_whole_portion() -> None:
    world = begun(16, 40)
    succeeds(world, 0)
    assert len(in_flight(world)) == 15
    succeeds(world, 1)
    assert len(in_flight(world)) == 16
    assert world.submission("work", 0).members == Ranges.of(16, 17)


def test_the_last_of_a_queue_do_not_wait_for_a_whole_portion() -> None:
    world = begun(16, 17)
    succeeds(world, 3)
    assert queued(world) == []


def test_an_array_that_ends_makes_room_for_as_many() -> None:
    world = begun(16, 40, batch())
    first = world.group("work", 0).submissions[0]
    for member in first.members:
        world.leaves("work", member, path=(0,))
    commands = world.job("work", "SUCCEEDED", (0,), size=2, submission=first.id)
    assert [command.submission for command in commands if isinstance(command, SubmitJob)] == ["1-16"]
    assert len(in_flight(world)) == 16


def test_a_task_between_two_attempts_keeps_its_place() -> None:
    world = begun(2, 4, {"retry": {"times": 1, "minutes_between_retries": 5}})
    fails(world, 0)
    assert (in_flight(world), queued(world)) == ([0, 1], [2, 3])
    world.now += 300
    world.timer("work", 0, path=(0,))
    assert (in_flight(world), queued(world)) == ([0, 1], [2, 3])
    succeeds(world, 0, attempt=2)
    assert (in_flight(world), queued(world)) == ([1, 2], [3])


def test_a_crowd_that_is_tried_again_goes_by_portions_too() -> None:
    world = begun(16, 40, batch(retry={"times": 1, "minutes_between_retries": 0}))
    for item in world.group("work", 0).submissions:
        world.job("work", "FAILED", (0,), submission=item.id, index=0, job_id="job-1:0", exit_code=1)
    assert len(in_flight(world)) == 16
    (crowd,) = world.group("work", 0).waits
    world.now = crowd.due
    world.timer("work", crowd.members.at(0), path=(0,))
    again = [item for item in world.group("work", 0).submissions if item.attempt == 2]
    assert [len(item.members) for item in again] == [2, 2, 2, 2]
    assert len(in_flight(world)) == 16


def test_each_step_of_the_body_has_a_window_of_its_own() -> None:
    world = World(
        {
            "start": {"next": {"to": ["a"], "foreach": "items", "max_workers": 2}},
            "a": {"next": "b"},
            "b": {"next": "join"},
            "join": {"join": True, "next": "end"},
            "end": {},
        }
    )
    world.light("start", foreach_count=5)
    for member in range(4):
        world.light("a", member, path=(0,))
    assert (in_flight(world, "b"), queued(world, "b")) == ([0, 1], [2, 3])
    assert in_flight(world, "a") == [4]


def test_each_parent_has_a_window_of_its_own_and_its_join_none() -> None:
    world = World(
        {
            "start": {"next": {"to": ["outer"], "foreach": "xs"}},
            "outer": {"next": {"to": ["inner"], "foreach": "ys", "max_workers": 1}},
            "inner": {"next": "inner_join"},
            "inner_join": {"join": True, "next": "outer_join"},
            "outer_join": {"join": True, "next": "end"},
            "end": {},
        }
    )
    world.light("start", foreach_count=2)
    for outer in range(2):
        world.light("outer", outer, path=(0,), foreach_count=2)
    assert [in_flight(world, "inner", 0, outer) for outer in range(2)] == [[0], [0]]
    for outer in range(2):
        for member in range(2):
            world.light("inner", member, path=(0, outer))
    assert in_flight(world, "inner_join") == [0, 1]


def test_branches_inside_the_body_are_bound_as_well() -> None:
    world = World(
        {
            "start": {"next": {"to": ["split"], "foreach": "xs", "max_workers": 1}},
            "split": {"next": ["a", "b"]},
            "a": {"next": "meet"},
            "b": {"next": "meet"},
            "meet": {"join": True, "next": "gather"},
            "gather": {"join": True, "next": "end"},
            "end": {},
        }
    )
    world.light("start", foreach_count=3)
    world.light("split", 0, path=(0,))
    world.light("split", 1, path=(0,))
    assert [(in_flight(world, side), queued(world, side)) for side in "ab"] == [([0], [1]), ([0], [1])]


def test_the_way_that_was_taken_says_how_many() -> None:
    ways = [
        {"to": ["work"], "foreach": "many", "max_workers": 3},
        {"to": ["work"], "foreach": "few", "max_workers": 1},
    ]
    world = World(foreach(None) | {"start": {"next": ways}})
    world.light("start", foreach_count=5, transition=1)
    assert in_flight(world) == [0]


@pytest.mark.parametrize(("own", "going"), [(None, 2), (3, 3)])
def test_a_flows_max_workers_is_for_foreachs_without_their_own(own: int | None, going: int) -> None:
    world = World(foreach(own), max_workers=2)
    world.light("start", foreach_count=5)
    assert len(in_flight(world)) == going


def test_a_run_that_fails_drops_the_queue_and_ends_with_what_is_in_flight() -> None:
    world = begun(2, 5)
    fails(world, 0)
    assert queued(world) == []
    assert world.group("work", 0).members == Ranges.of(0, 1)
    assert not world.run.status.terminal
    succeeds(world, 1)
    assert world.run.status is RunStatus.FAILED


def test_a_run_that_is_cancelled_drops_the_queue() -> None:
    world = begun(2, 5)
    world.cancel()
    assert (queued(world), in_flight(world)) == ([], [])
    assert world.group("work", 0).failed == Ranges.of(0, 1)


def test_a_resumed_run_starts_what_was_dropped_within_its_window() -> None:
    world = begun(2, 5)
    fails(world, 0)
    succeeds(world, 1)
    world.resume()
    assert (in_flight(world), queued(world)) == ([0, 2], [3, 4])
    assert [item.attempt for item in world.group("work", 0).submissions] == [2, 1]
    succeeds(world, 0, attempt=2)
    succeeds(world, 2, 3, 4)
    assert started(world.commands)[-1] == "join"


def many_failed() -> World:
    """A run that has failed with three failed tasks, one of which failed twice, behind a window of two."""
    world = begun(2, 5)
    fails(world, 0)
    fails(world, 1)
    world.retry("work.0")
    assert (in_flight(world), list(world.group("work", 0).failed)) == ([0, 2], [1])
    fails(world, 2)
    fails(world, 0, attempt=2)
    assert world.run.status is RunStatus.FAILED
    return world


def test_more_failed_tasks_than_fit_into_the_window_are_started_anew_one_after_the_other() -> None:
    world = many_failed()
    world.resume()
    group = world.group("work", 0)
    assert (in_flight(world), queued(world), group.again) == ([0, 1], [2, 3, 4], {3: Ranges.of(2)})
    succeeds(world, 0, attempt=3)
    assert (world.submission("work", 0).members, world.submission("work", 0).attempt) == (Ranges.of(2), 3)
    assert world.submission("work", 0).first == 3
    succeeds(world, 1, attempt=3)
    assert (world.submission("work", 0).members, world.submission("work", 0).attempt) == (Ranges.of(3), 1)


def test_a_failed_task_that_is_dropped_from_the_queue_has_failed_still() -> None:
    world = many_failed()
    world.resume()
    world.cancel()
    group = world.group("work", 0)
    assert (group.failed, group.again) == (Ranges.of(0, 1, 2), {})


def test_a_retry_of_what_is_queued_is_told_to_wait() -> None:
    world = begun(1, 3)
    world.retry("work.2")
    assert world.note == "work.2 is queued behind others of its foreach: wait for its end, or cancel the run"


def test_the_sweep_finds_a_queue_that_nobody_makes_room_in() -> None:
    world = begun(2, 5)
    assert find_overdue(world.run, world.groups, [], world.now).events == ()
    group = world.groups[WORK]
    world.groups[WORK] = type(group)(WORK, won={1: Ranges.of(0, 1)}, queued=Ranges.of(2, 3, 4), tried=1)
    (event,) = find_overdue(world.run, world.groups, [], world.now).events
    assert event == WindowStalled(RUN, WORK)
    commands = world.happen(event)
    assert [command.submission for command in commands if isinstance(command, InvokeLight)] == ["1-2", "1-3"]
    assert world.happen(event) == []
    assert world.note == "nobody can leave this queue, or nobody is in it"


@pytest.mark.parametrize("given", [0, -1, 1.5, "2", True])
def test_max_workers_is_a_whole_number_from_one_on(given: Any) -> None:
    with pytest.raises(SpecError, match="max_workers"):
        World(foreach(given))
    with pytest.raises(SpecError, match="max_workers"):
        World(foreach(None), max_workers=given)


def test_max_workers_without_a_foreach_is_a_problem() -> None:
    with pytest.raises(SpecError, match="bounds a foreach") as raised:
        World({"start": {"next": {"to": ["end"], "max_workers": 2}}, "end": {}})
    assert raised.value.problems[0].path == "steps.start.next"
