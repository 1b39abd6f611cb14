"""Chains of arrays when their run is cancelled, fails or is resumed, and when there are many of them."""

from steprelay_core.decide.draft import GROUPS_AT_ONCE
from steprelay_core.state.model import Ahead, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.unit.decide.chains import PATH, chain, child_fails, ends, fenced, wins
from tests.unit.decide.world import World, batch, started


def test_a_cancelled_chain_has_failed_only_where_it_had_begun() -> None:
    world = chain()
    wins(world, "a", 0, 1)
    wins(world, "a", 2)
    ends(world, "a")
    commands = world.cancel()
    assert {step for step, _, _ in fenced(commands)} == {"b", "c"}
    assert world.group("b", *PATH).failed == Ranges.upto(3)
    assert world.group("c", *PATH).members == Ranges()


def test_what_waits_is_fenced_before_what_it_waits_for() -> None:
    assert [step for step, _, _ in fenced(chain().cancel())] == ["c", "b", "a"]


def test_a_resumed_chain_is_handed_over_anew_as_a_chain() -> None:
    world = chain()
    world.cancel()
    commands = world.resume()
    assert started(commands) == ["a", "b", "c"]
    assert [world.submission(step, *PATH).id for step in "abc"] == ["2-0"] * 3
    assert world.submission("c", *PATH).behind == Ahead("b", "2-0")


def test_a_resume_keeps_both_what_is_chained_anew_and_what_had_failed_itself() -> None:
    world = chain(a=batch(next="b"), b=batch(next="c"))
    wins(world, "a", 2)
    world.leaves_failure("b", 2, 1, PATH)
    child_fails(world, "b", 2)
    for member in (0, 1):
        child_fails(world, "a", member)
    assert world.run.status is RunStatus.FAILED
    world.resume()
    assert {item.members: item.behind for item in world.group("b", *PATH).submissions} == {
        Ranges.of(0, 1): Ahead("a", "2-0"),
        Ranges.of(2): None,
    }


def test_winners_that_each_start_a_chain_are_taken_in_parts_that_fit_into_a_save() -> None:
    world = World(
        {
            "start": {"next": {"to": ["outer"], "foreach": "xs"}},
            "outer": batch(next={"to": ["a"], "foreach": "ys"}),
            "a": batch(next="b"),
            "b": batch(next="inner"),
            "inner": {"join": True, "next": "join"},
            "join": {"join": True},
        }
    )
    world.light("start", foreach_count=50)
    for member in range(50):
        world.leaves("outer", member, path=PATH, foreach_count=2)
    before = len(world.groups)
    world.job("outer", "SUCCEEDED", PATH, size=50)
    assert world.more
    assert len(world.groups) - before == GROUPS_AT_ONCE
    while world.more:
        world.job("outer", "SUCCEEDED", PATH, size=50)
    assert {path.path[-1] for path in world.groups if path.step == "b"} == set(range(50))
