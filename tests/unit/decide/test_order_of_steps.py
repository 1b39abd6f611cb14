"""Which steps start when: linear, branches, foreach, joins, chosen ways."""

from typing import Any

import pytest

from steprelay_core.state.model import RunStatus
from steprelay_core.state.ranges import Ranges
from tests.unit.decide.world import World, batch, started

LINEAR: dict[str, dict[str, Any]] = {"start": {"next": "middle"}, "middle": {"next": "end"}, "end": {}}
BRANCH: dict[str, dict[str, Any]] = {
    "start": {"next": ["left", "right"]},
    "left": {"next": "join"},
    "right": {"next": "join"},
    "join": {"join": True, "next": "end"},
    "end": {},
}
FOREACH: dict[str, dict[str, Any]] = {
    "start": {"next": {"to": ["work"], "foreach": "items"}},
    "work": batch(next="join"),
    "join": {"join": True, "next": "end"},
    "end": {},
}
CHOICE: dict[str, dict[str, Any]] = {
    "start": {"next": [{"to": ["big"]}, {"to": ["small"]}]},
    "big": batch(next="end"),
    "small": {"next": "end"},
    "end": {},
}


def test_a_run_starts_with_its_first_step() -> None:
    world = World(LINEAR)
    assert started(world.commands) == ["start"]
    assert world.announced() == ["Run Started"]


def test_steps_follow_each_other_until_the_run_succeeds() -> None:
    world = World(LINEAR)
    for step in ("start", "middle", "end"):
        world.light(step)
    assert started(world.commands) == ["start", "middle", "end"]
    assert world.run.status is RunStatus.SUCCEEDED
    assert world.announced() == ["Run Started", "Run Succeeded"]


def test_both_sides_of_a_branch_start_together() -> None:
    world = World(BRANCH)
    world.light("start")
    assert started(world.commands) == ["start", "left", "right"]


def test_a_join_waits_for_the_last_branch() -> None:
    world = World(BRANCH)
    world.light("start")
    world.light("right")
    assert "join" not in started(world.commands)
    world.light("left")
    assert started(world.commands)[-1] == "join"


def test_a_foreach_is_submitted_as_one_array() -> None:
    world = World(FOREACH)
    world.light("start", foreach_count=8)
    assert started(world.commands) == ["start", "work"]
    assert world.submission("work", 0).members == Ranges.upto(8)


def test_the_parent_event_of_an_array_completes_all_its_tasks() -> None:
    world = World(FOREACH)
    world.light("start", foreach_count=3)
    for member in range(3):
        world.leaves("work", member, path=(0,))
    commands = world.job("work", "SUCCEEDED", (0,), size=3)
    assert started(commands) == ["join"]
    assert world.group("work", 0).succeeded == Ranges.upto(3)


def test_a_foreach_beyond_ten_thousand_is_submitted_in_parts() -> None:
    world = World(FOREACH)
    world.light("start", foreach_count=25_000)
    assert [len(item.members) for item in world.group("work", 0).submissions] == [10_000, 10_000, 5_000]


@pytest.mark.parametrize("count", [100_001, 10**400])
def test_a_foreach_has_an_end(count: int) -> None:
    world = World(FOREACH)
    world.light("start", foreach_count=count)
    assert world.run.failure is not None
    assert "at most 100,000 items" in world.run.failure.failure.reason


@pytest.mark.parametrize(
    "outcome", [{"transition": 7}, {"transition": None}, {"foreach_count": None}, {"foreach_count": -1}]
)
def test_an_outcome_that_does_not_fit_the_step_fails_it_and_harms_nothing_else(outcome: dict[str, Any]) -> None:
    world = World(FOREACH)
    world.light("start", **{"foreach_count": 2} | outcome)
    assert world.run.failure is not None
    assert world.run.failure.failure.class_ == "program"


def test_a_foreach_over_nothing_goes_straight_to_its_join() -> None:
    world = World(FOREACH)
    world.light("start", foreach_count=0)
    assert started(world.commands) == ["start", "join"]


def test_a_step_that_chooses_starts_only_the_way_it_took() -> None:
    world = World(CHOICE)
    world.light("start", transition=1)
    assert started(world.commands) == ["start", "small"]
    world.light("small")
    world.light("end")
    assert world.run.status is RunStatus.SUCCEEDED


def test_nested_foreach_joins_inner_before_outer() -> None:
    world = World(
        {
            "start": {"next": {"to": ["outer"], "foreach": "xs"}},
            "outer": {"next": {"to": ["inner"], "foreach": "ys"}},
            "inner": {"next": "inner_join"},
            "inner_join": {"join": True, "next": "outer_join"},
            "outer_join": {"join": True, "next": "end"},
            "end": {},
        }
    )
    world.light("start", foreach_count=2)
    for outer in range(2):
        world.light("outer", outer, path=(0,), foreach_count=2)
    for outer in range(2):
        for inner in range(2):
            world.light("inner", inner, path=(0, outer))
        assert outer in world.group("inner_join", 0).members
        world.light("inner_join", outer, path=(0,))
    assert started(world.commands)[-1] == "outer_join"
    assert world.group("outer_join").members == Ranges.of(0)


def test_a_branch_inside_a_foreach_joins_each_split_by_itself() -> None:
    world = World(
        {
            "start": {"next": {"to": ["split"], "foreach": "xs"}},
            "split": {"next": ["a", "b"]},
            "a": {"next": "meet"},
            "b": {"next": "meet"},
            "meet": {"join": True, "next": "gather"},
            "gather": {"join": True, "next": "end"},
            "end": {},
        }
    )
    world.light("start", foreach_count=2)
    world.light("split", 1, path=(0,))
    world.light("a", 1, path=(0,))
    world.light("b", 1, path=(0,))
    assert world.group("meet", 0).members == Ranges.of(1)


def test_ways_that_differ_inside_a_foreach_still_meet_at_its_join() -> None:
    world = World(
        {
            "start": {"next": {"to": ["pick"], "foreach": "xs"}},
            "pick": {"next": [{"to": ["x"]}, {"to": ["y"]}]},
            "x": {"next": "gather"},
            "y": {"next": "gather"},
            "gather": {"join": True, "next": "end"},
            "end": {},
        }
    )
    world.light("start", foreach_count=3)
    for member, way in enumerate((0, 1, 0)):
        world.light("pick", member, path=(0,), transition=way)
        world.light("x" if way == 0 else "y", member, path=(0,))
    assert started(world.commands)[-1] == "gather"


def _way(step: str, foreach: str, **more: Any) -> dict[str, Any]:
    return {"to": [step], "foreach": foreach, **more}


TWO_FOREACHS: dict[str, dict[str, Any]] = {
    "start": {"next": [_way("a", "xs"), _way("b", "ys")]},
    "a": {"next": "join_a"},
    "b": {"next": "join_b"},
    "join_a": {"join": True, "next": "end"},
    "join_b": {"join": True, "next": "end"},
    "end": {},
}


@pytest.mark.parametrize(("way", "join"), [(0, "join_a"), (1, "join_b")])
def test_a_foreach_over_nothing_goes_to_its_own_join_where_its_step_has_two(way: int, join: str) -> None:
    world = World(TWO_FOREACHS)
    world.light("start", transition=way, foreach_count=0)
    assert started(world.commands) == ["start", join]


@pytest.mark.parametrize("way", [0, 1])
def test_two_foreachs_whose_bodies_lead_into_each_other_end_in_one_join(way: int) -> None:
    world = World(
        {
            "start": {"next": [_way("a", "xs"), _way("b", "ys")]},
            "a": {"next": "both"},
            "b": {"next": "both"},
            "both": {"next": "join"},
            "join": {"join": True},
        }
    )
    world.light("start", transition=way, foreach_count=2)
    for member in range(2):
        world.light("ab"[way], member, path=(0,))
        world.light("both", member, path=(0,))
    assert started(world.commands)[-1] == "join"
    world.light("join")
    assert world.run.status is RunStatus.SUCCEEDED


def test_two_foreachs_whose_bodies_lead_into_each_other_have_one_join_when_there_is_nothing() -> None:
    world = World(
        {
            "start": {"next": [_way("a", "xs"), _way("b", "ys")]},
            "a": {"next": "b2"},
            "b": {"next": "b2"},
            "b2": {"next": "join"},
            "join": {"join": True},
        }
    )
    world.light("start", transition=1, foreach_count=0)
    assert started(world.commands)[-1] == "join"


def test_a_foreach_that_must_have_items_is_not_believed_when_it_has_none() -> None:
    world = World(FOREACH | {"start": {"next": _way("work", "items", empty="fail")}})
    world.light("start", foreach_count=0)
    assert world.run.failure is not None
    assert 'the foreach has no items, and the flow says empty="fail"' in world.run.failure.failure.reason


def test_a_foreach_around_an_empty_one_gathers_all_the_same() -> None:
    world = World(
        {
            "start": {"next": _way("outer", "xs")},
            "outer": {"next": _way("inner", "ys")},
            "inner": {"next": "inner_join"},
            "inner_join": {"join": True, "next": "outer_join"},
            "outer_join": {"join": True},
        }
    )
    world.light("start", foreach_count=2)
    world.light("outer", 0, path=(0,), foreach_count=0)
    world.light("inner_join", 0, path=(0,))
    world.light("outer", 1, path=(0,), foreach_count=1)
    world.light("inner", 0, path=(0, 1))
    world.light("inner_join", 1, path=(0,))
    assert started(world.commands)[-1] == "outer_join"
