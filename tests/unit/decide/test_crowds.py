"""Members of an array that are tried again at once wait a little for others; nobody else does."""

from typing import Any

import pytest

from steprelay_core.commands import InvokeLight, SubmitJob
from steprelay_core.decide.crowd import FIRST_CROWD, LONGEST_CROWD
from steprelay_core.state.model import Wait
from steprelay_core.state.ranges import Ranges
from tests.unit.decide.world import World, started, timers

AT_ONCE = {"retry": {"times": 2, "minutes_between_retries": 0}}
LATER = {"retry": {"times": 2, "minutes_between_retries": 1}}


def foreach(count: int, **work: Any) -> World:
    given = {"batch": {}, "next": "join", **AT_ONCE, **work}
    world = World({
        "start": {"next": {"to": ["work"], "foreach": "items"}},
        "work": {key: value for key, value in given.items() if value is not None},
        "join": {"join": True},
    })  # fmt: skip
    world.light("start", foreach_count=count)
    return world


def fail(world: World, member: int, **more: Any) -> list[Any]:
    return world.job(
        "work", "FAILED", (0,), attempt=1, job_id=f"job-1:{member}", index=member, exit_code=1, submission="1-0", **more
    )


def waits(world: World) -> list[tuple[str, float]]:
    return [(str(wait.members), round(wait.due - 1000, 1)) for wait in world.group("work", 0).waits]


def again(world: World) -> list[str]:
    """Who has been handed over a second time, array by array."""
    return [str(item.members) for item in world.group("work", 0).submissions if item.attempt == 2]


def test_the_first_that_fails_waits_a_second_for_others() -> None:
    world = foreach(10)
    (timer,) = timers(fail(world, 3))
    assert (timer.attempt, timer.member, timer.due) == (2, 3, 1000 + FIRST_CROWD)
    assert waits(world) == [("3", FIRST_CROWD)]


def test_whoever_fails_meanwhile_goes_along_without_a_timer_of_its_own() -> None:
    world = foreach(10)
    fail(world, 3)
    world.now += 0.5
    assert not timers(fail(world, 7))
    world.now += 0.5
    commands = world.timer("work", 3, path=(0,))
    assert [command.submission for command in commands if isinstance(command, SubmitJob)] == ["2-3"]
    assert again(world) == ["3,7"]


def test_later_crowds_are_waited_for_longer_up_to_half_a_minute() -> None:
    world, patience = foreach(10), []
    for member in range(8):
        began = world.now
        (timer,) = timers(fail(world, member))
        patience.append(timer.due - began)
        world.now = timer.due
        world.timer("work", member, path=(0,))
    assert patience == [1, 2, 4, 8, 16, LONGEST_CROWD, LONGEST_CROWD, LONGEST_CROWD]


def test_ten_thousand_failures_over_an_hour_make_about_a_hundred_arrays() -> None:
    world = foreach(10_000)
    due: list[tuple[float, int]] = []
    for member in range(0, 10_000, 10):
        world.now += 3.6
        while due and due[0][0] <= world.now:
            world.timer("work", due.pop(0)[1], path=(0,))
        due += [(timer.due, timer.member) for timer in timers(fail(world, member))]
    assert len(again(world)) < 120


def test_once_the_last_one_has_failed_all_who_waited_go_at_once() -> None:
    world = foreach(3)
    fail(world, 0)
    fail(world, 1)
    assert started(fail(world, 2)) == ["work"]
    assert (again(world), waits(world)) == (["0-2"], [])


def test_once_the_array_is_over_those_who_only_waited_for_others_go() -> None:
    world = foreach(3)
    fail(world, 1)
    for member in (0, 2):
        world.leaves("work", member, path=(0,))
    world.job("work", "SUCCEEDED", (0,), attempt=1, size=3, submission="1-0")
    assert (again(world), waits(world)) == (["1"], [])


def test_a_timer_that_comes_after_they_went_changes_nothing() -> None:
    world = foreach(2)
    fail(world, 0)
    fail(world, 1)
    world.now += FIRST_CROWD
    assert world.timer("work", 0, path=(0,)) == []
    assert world.note == "nothing waits for this timer"


def test_a_single_task_is_not_delayed() -> None:
    world = foreach(1)
    assert started(world.job("work", "FAILED", (0,), exit_code=1)) == ["work"]


def test_a_delay_that_the_step_asks_for_is_never_cut_short_and_hardly_longer() -> None:
    world = foreach(10, **LATER)
    fail(world, 0)
    world.now += 0.7
    fail(world, 1)
    world.now += 40
    fail(world, 2)
    assert waits(world) == [("0-1", 61.0), ("2", 102.7)]
    for member in range(3, 10):
        world.leaves("work", member, path=(0,))
    world.job("work", "SUCCEEDED", (0,), attempt=1, size=10, submission="1-0")
    assert again(world) == []


def test_those_on_other_terms_wait_for_a_crowd_of_their_own() -> None:
    world = foreach(10, batch={"queue": ["spot", "on-demand"]})
    fail(world, 0)
    world.job(
        "work", "FAILED", (0,), attempt=1, submission="1-0", job_id="job-1:1", index=1,
        reason="Host EC2 (instance i-1) terminated.",
    )  # fmt: skip
    assert [(str(wait.members), wait.terms.queue) for wait in world.group("work", 0).waits] == [("0", 0), ("1", 1)]


def test_the_timer_of_one_who_was_tried_again_by_hand_still_stands_for_the_others() -> None:
    world = foreach(10)
    fail(world, 0)
    fail(world, 1)
    world.retry("work.0")
    world.now += FIRST_CROWD
    world.timer("work", 0, path=(0,))
    assert waits(world) == []
    assert Ranges.of(0, 1) == world.group("work", 0).live - Ranges(((2, 9),))


@pytest.mark.parametrize("ready", [0.0, 1500.0])
def test_a_wait_of_an_older_relay_is_over_when_it_said(ready: float) -> None:
    assert Wait(2, Ranges.of(1), 2000.0, ready=ready).earliest == (ready or 2000.0)


def test_when_one_is_given_up_nobody_is_tried_again() -> None:
    world = foreach(3)
    fail(world, 0)
    world.job(
        "work", "FAILED", (0,), attempt=1, submission="1-0", job_id="job-1:1", index=1,
        container_reason="CannotPullContainerError: manifest unknown",
    )  # fmt: skip
    assert world.run.failure is not None
    assert str(world.group("work", 0).failed) == "0-1"
    assert waits(world) == []


def test_light_tasks_are_not_delayed_and_join_those_that_were_tried_again_before() -> None:
    world = foreach(100, batch=None)
    commands = []
    for member in range(100):
        world.leaves_failure("work", member, path=(0,))
        commands += world.light_ends("work", member, path=(0,))
    sent = [command.members for command in commands if isinstance(command, InvokeLight)]
    assert sent == [None, *(((member, member),) for member in range(1, 100))]
    assert again(world) == ["0-99"]
