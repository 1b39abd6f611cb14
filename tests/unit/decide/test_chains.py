"""Arrays of steps that follow each other statically are handed over together, member behind member."""

from typing import Any

import pytest

from steprelay_core.commands import SubmitJob, TerminateJob
from steprelay_core.decide.chain import LONGEST_CHAIN, links, next_in_chain
from steprelay_core.spec import validate_spec
from steprelay_core.state.events import JobMissing, JobSubmitted, SubmitRefused
from steprelay_core.state.model import Ahead, GroupKey, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.unit.decide.chains import PATH, chain, child_fails, comes, ends, fenced, members_of, wins
from tests.unit.decide.world import RUN, World, batch, started

# Which steps are chained.

HEAVY: dict[str, Any] = {"batch": {}}
LIGHT: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("a", "b", "chained"),
    [
        (HEAVY | {"next": "b"}, HEAVY | {"next": "join"}, True),
        (HEAVY | {"next": "b"}, HEAVY | {"next": [{"to": ["join"]}, {"to": ["join"]}]}, True),
        (LIGHT | {"next": "b"}, HEAVY | {"next": "join"}, False),
        (HEAVY | {"next": "b"}, LIGHT | {"next": "join"}, False),
        (HEAVY | {"next": [{"to": ["b"]}, {"to": ["join"]}]}, HEAVY | {"next": "join"}, False),
        ({"batch": {"num_parallel": 2}, "next": "b"}, HEAVY | {"next": "join"}, False),
        (HEAVY | {"next": "b"}, {"batch": {"num_parallel": 2}, "next": "join"}, False),
    ],
)
def test_a_step_is_chained_to_the_one_that_is_certain_to_precede_it(
    a: dict[str, Any], b: dict[str, Any], chained: bool
) -> None:
    steps = {"start": {"next": {"to": ["a"], "foreach": "xs"}}, "a": a, "b": b, "join": {"join": True}}
    given = {name: {"command": ["true"], **step} for name, step in steps.items()}
    flow = validate_spec({"spec_version": 1, "flow": "Flow", "steps": given})
    assert next_in_chain(flow, "a") == ("b" if chained else None)


@pytest.mark.parametrize("of", ["start", "b", "join"])
def test_neither_a_foreach_nor_a_join_nor_the_last_step_is_chained_to(of: str) -> None:
    steps: dict[str, dict[str, Any]] = {
        "start": batch(next={"to": ["b"], "foreach": "xs"}),
        "b": batch(next="join"),
        "join": batch(join=True),
    }
    assert next_in_chain(World(steps).flow, of) is None


def test_no_step_with_two_parents_is_chained_to_either() -> None:
    world = World(
        {
            "start": {"next": {"to": ["choose"], "foreach": "xs"}},
            "choose": {"next": [{"to": ["a"]}, {"to": ["b"]}]},
            "a": batch(next="both"),
            "b": batch(next="both"),
            "both": batch(next="join"),
            "join": {"join": True},
        }
    )
    assert [next_in_chain(world.flow, step) for step in "ab"] == [None, None]


def test_a_chain_has_an_end_where_a_save_would_grow_too_large() -> None:
    names = [f"s{number}" for number in range(LONGEST_CHAIN + 3)]
    steps = {name: batch(next=following) for name, following in zip(names, [*names[1:], "join"], strict=True)}
    world = World({"start": {"next": {"to": ["s0"], "foreach": "xs"}}, **steps, "join": {"join": True}})
    assert links(world.flow, "s0") == LONGEST_CHAIN
    world.light("start", foreach_count=2)
    assert started(world.commands) == ["start", *names[:LONGEST_CHAIN]]


LOOP: dict[str, dict[str, Any]] = {
    "start": {"next": {"to": ["a"], "foreach": "xs"}},
    "a": batch(next="b"),
    "b": batch(next="c"),
    "c": batch(next=[{"to": ["b2"]}, {"to": ["join"]}]),
    "b2": batch(next="a"),
    "join": {"join": True},
}


def test_a_way_back_is_no_part_of_a_chain_but_the_next_lap_is_chained_again() -> None:
    world = World(LOOP)
    assert [next_in_chain(world.flow, step) for step in ("a", "b", "c", "b2")] == ["b", "c", None, None]
    world.light("start", foreach_count=2)
    for step in ("a", "b", "c", "b2"):
        for member in (0, 1):
            world.leaves(step, member, path=PATH)
    world.job("a", "SUCCEEDED", PATH, size=2)
    world.job("c", "SUCCEEDED", PATH, size=2)
    world.job("b2", "SUCCEEDED", PATH, size=2)
    behind = {step: world.groups[GroupKey(step, PATH, (0, 1))].submissions[0].behind for step in "abc"}
    assert behind == {"a": None, "b": Ahead("a", "1-0"), "c": Ahead("b", "1-0")}


def test_the_tasks_of_a_window_start_step_by_step() -> None:
    way = {"to": ["a"], "foreach": "xs", "max_workers": 2}
    assert started(chain(3, start={"next": way}).commands) == ["start", "a", "a"]
    assert started(chain(2, start={"next": way}).commands) == ["start", "a", "b", "c"]


# In the ordinary way.


def test_the_arrays_of_a_chain_are_handed_over_together_each_behind_the_one_before() -> None:
    world = chain()
    assert started(world.commands) == ["start", "a", "b", "c"]
    assert world.submission("a", *PATH).behind is None
    assert world.submission("b", *PATH).behind == Ahead("a", "1-0")
    assert world.submission("c", *PATH).behind == Ahead("b", "1-0")


def test_a_single_task_is_no_array_and_its_next_step_waits() -> None:
    world = chain(of=1)
    assert started(world.commands) == ["start", "a"]
    wins(world, "a", 0)
    assert started(world.job("a", "SUCCEEDED", PATH)) == ["b"]
    assert world.submission("b", *PATH).behind is None


def test_arrays_beyond_the_limit_are_chained_part_by_part() -> None:
    world = chain(of=20_001)
    behind = {item.id: item.behind for item in world.group("b", *PATH).submissions}
    assert behind == {"1-0": Ahead("a", "1-0"), "1-10000": Ahead("a", "1-10000")}
    assert 20_000 not in members_of(world, "b")


def test_nothing_is_handed_over_twice_when_the_one_ahead_wins() -> None:
    world = chain()
    wins(world, "a", 0, 1, 2)
    assert started(ends(world, "a")) == []
    wins(world, "b", 0, 1, 2)
    wins(world, "c", 0, 1, 2)
    ends(world, "b")
    assert started(ends(world, "c")) == ["join"]
    world.light("join")
    assert world.run.status is RunStatus.SUCCEEDED


def test_who_wins_before_the_one_ahead_is_heard_of_takes_it_along() -> None:
    world = chain()
    for step in "abc":
        wins(world, step, 0, 1, 2)
    commands = ends(world, "c")
    assert [world.group(step, *PATH).won for step in "abc"] == [{1: Ranges.upto(3)}] * 3
    assert started(commands) == ["join"]


def test_a_failure_behind_is_one_of_its_own_once_the_one_ahead_has_won() -> None:
    world = chain()
    wins(world, "a", 1)
    world.leaves_failure("b", 1, 1, PATH)
    child_fails(world, "b", 1)
    assert world.group("a", *PATH).won == {1: Ranges.of(1)}
    comes(world, "b", 1)
    retried = world.submission("b", *PATH)
    assert (retried.id, retried.first, retried.behind) == ("2-1", 1, None)
    assert 1 not in members_of(world, "c")


# When the one ahead fails.


def test_what_is_behind_a_failed_attempt_is_void_and_fenced_with_it() -> None:
    world = chain()
    world.leaves_failure("a", 1, 1, PATH)
    commands = child_fails(world, "a", 1)
    # What has left an outcome needs no fence of its own.
    assert fenced(commands) == [(step, 1, ((1, 1),)) for step in "bc"]
    assert started(comes(world, "a", 1)) == ["a"]
    assert [1 in members_of(world, step) for step in "abc"] == [True, False, False]
    assert world.group("b", *PATH).history == ()


def test_a_void_task_begins_with_a_new_attempt_and_its_whole_budget_once_the_one_ahead_has_won() -> None:
    world = chain()
    child_fails(world, "a", 1)
    comes(world, "a", 1)
    wins(world, "a", 1, attempt=2)
    commands = world.job("a", "SUCCEEDED", PATH, attempt=2)
    begun = world.submission("b", *PATH)
    assert started(commands) == ["b"]
    assert (begun.attempt, begun.first, begun.members, begun.behind) == (2, 2, Ranges.of(1), None)


def test_those_that_fail_together_are_chained_again() -> None:
    world = chain()
    commands = ends(world, "a", "SUCCEEDED")  # without an outcome: all have failed alike
    again = [command for command in commands if isinstance(command, SubmitJob)]
    assert [(command.group.step, command.submission) for command in again] == [("a", "2-0"), ("b", "2-0"), ("c", "2-0")]
    assert world.submission("b", *PATH).behind == Ahead("a", "2-0")


def test_jobs_of_which_nothing_is_left_are_terminated() -> None:
    world = chain()
    world.happen(JobSubmitted(RUN, GroupKey("b", PATH), "1-0", "job-b", "name"))
    commands = ends(world, "a", "SUCCEEDED")
    assert [command.job_id for command in commands if isinstance(command, TerminateJob)] == ["job-b"]


def test_a_task_that_failed_for_good_ends_the_run_without_those_behind_it() -> None:
    world = chain(a=batch(next="b"))
    world.leaves_failure("a", 1, 1, PATH)
    child_fails(world, "a", 1)
    assert (1 in members_of(world, "b"), world.run.status) == (False, RunStatus.RUNNING)
    for step in "abc":
        wins(world, step, 0, 2)
    ends(world, "c")
    assert world.run.status is RunStatus.FAILED
    assert world.group("c", *PATH).won == {1: Ranges.of(0, 2)}


# When what is behind ends before its time.

VOID = [
    {"exit_code": None, "reason": "Dependent Job failed"},
    {"exit_code": 75},
]


@pytest.mark.parametrize("how", VOID)
def test_an_end_before_the_one_ahead_has_won_is_no_failure(how: dict[str, Any]) -> None:
    world = chain()
    commands = child_fails(world, "b", 1, **how)
    assert fenced(commands) == [("b", 1, ((1, 1),)), ("c", 1, ((1, 1),))]
    assert started(commands) == []
    wins(world, "a", 0, 1, 2)
    assert started(ends(world, "a")) == ["b"]
    assert world.submission("b", *PATH).id == "2-1"


@pytest.mark.parametrize("how", VOID)
def test_who_ended_without_having_begun_begins_at_once_if_the_one_ahead_has_won(how: dict[str, Any]) -> None:
    world = chain()
    wins(world, "a", 0, 1, 2)
    ends(world, "a")
    commands = child_fails(world, "b", 1, **how)
    assert started(commands) == ["b"]
    begun = world.submission("b", *PATH)
    assert (begun.id, begun.first, world.group("b", *PATH).history) == ("2-1", 2, ())


def test_an_unchained_task_that_leaves_empty_handed_has_failed() -> None:
    world = chain(of=1)
    wins(world, "a", 0)
    world.job("a", "SUCCEEDED", PATH)
    world.job("b", "FAILED", PATH, exit_code=75)
    (line,) = world.group("b", *PATH).history
    assert line.failure.class_ == "unknown_outcome"


def test_an_array_that_failed_as_a_whole_starts_nobody_behind_losers() -> None:
    world = chain()
    wins(world, "a", 0)
    commands = ends(world, "b", "FAILED", reason="Array Child Job failed")
    assert fenced(commands) == [("b", 1, ((1, 2),)), ("c", 1, ((1, 2),))]
    # How the child of the winner ended, its own event tells.
    assert members_of(world, "b") == Ranges.of(0)


def test_an_outcome_behind_one_that_has_not_won_counts_for_nothing() -> None:
    world = chain()
    wins(world, "b", 1)
    child_fails(world, "b", 1, exit_code=0)
    assert 1 not in members_of(world, "b")


def test_a_submission_that_batch_refuses_is_made_anew_without_the_chain() -> None:
    world = chain()
    wins(world, "a", 0, 1, 2)
    ends(world, "a")
    refused = SubmitRefused(RUN, GroupKey("b", PATH), "1-0", "job-a does not exist")
    commands = world.happen(refused)
    assert (world.submission("b", *PATH).id, world.submission("b", *PATH).behind) == ("2-0", None)
    assert started(commands) == ["b", "c"]
    world.happen(SubmitRefused(RUN, GroupKey("b", PATH), "2-0", "no"))
    assert world.run.failure is not None


def test_a_forgotten_job_ahead_is_judged_by_its_outcomes_and_voids_what_is_behind_its_losers() -> None:
    world = chain()
    wins(world, "a", 0, 1)
    for _ in range(2):
        world.happen(JobMissing(RUN, GroupKey("a", PATH), "1-0", "job-a"))
        world.now += 1000
    assert world.group("a", *PATH).won == {1: Ranges.of(0, 1)}
    assert members_of(world, "b") == Ranges.of(0, 1)
