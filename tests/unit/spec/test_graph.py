"""The graph: which splits enclose a step, which split a join closes, what is wrong with the shape."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steprelay_core.spec import Flow, SpecError, Split, validate_spec


def _flow(steps: dict[str, Any]) -> Flow:
    written = {name: {"command": ["x"], **step} for name, step in steps.items()}
    return validate_spec({"spec_version": 1, "flow": "F", "steps": written})


def _messages(steps: dict[str, Any]) -> list[str]:
    with pytest.raises(SpecError) as caught:
        _flow(steps)
    return [problem.message for problem in caught.value.problems]


def _each(step: str) -> dict[str, Any]:
    return {"to": [step], "foreach": "items"}


def test_a_branch_in_a_foreach_is_enclosed_by_both() -> None:
    graph = _flow(
        {
            "start": {"next": _each("split")},
            "split": {"next": ["a", "b"]},
            "a": {"next": "inner"},
            "b": {"next": "inner"},
            "inner": {"join": True, "next": "outer"},
            "outer": {"join": True},
        }
    ).graph
    each, branch = Split("start", "foreach", "split"), Split("split", "branch", "a")
    assert graph.splits["a"] == (each, branch)
    assert graph.splits["inner"] == (each,)
    assert graph.splits["outer"] == ()
    assert (graph.closes["inner"].step, graph.closes["outer"].step) == ("split", "start")


def test_the_depth_of_a_step_counts_foreach_splits_only() -> None:
    graph = _flow(
        {
            "start": {"next": _each("split")},
            "split": {"next": ["a", "b"]},
            "a": {"next": "inner"},
            "b": {"next": "inner"},
            "inner": {"join": True, "next": "outer"},
            "outer": {"join": True},
        }
    ).graph
    assert [graph.depth(step) for step in ("start", "split", "a", "outer")] == [0, 1, 1, 0]


def test_ways_by_condition_meet_again_without_a_join() -> None:
    steps = {"start": {"next": [{"to": ["a"]}, {"to": ["b"]}]}, "a": {"next": "end"}, "b": {"next": "end"}, "end": {}}
    assert _flow(steps).graph.splits["end"] == ()


def test_alternative_branches_may_each_have_a_join_of_their_own() -> None:
    flow = _flow(
        {
            "start": {"next": [{"to": ["a", "b"]}, {"to": ["c", "d"]}]},
            "a": {"next": "one"},
            "b": {"next": "one"},
            "c": {"next": "two"},
            "d": {"next": "two"},
            "one": {"join": True, "next": "end"},
            "two": {"join": True, "next": "end"},
            "end": {},
        }
    )
    assert flow.graph.closes["one"].step == flow.graph.closes["two"].step == "start"


def test_a_join_that_one_branch_never_reaches_is_named_with_that_branch() -> None:
    steps = {
        "start": {"next": ["a", "b"]},
        "a": {"next": "one"},
        "b": {"next": "two"},
        "one": {"join": True},
        "two": {"join": True},
    }
    assert _messages(steps) == [
        "join 'one' never receives the branch 'b' of 'start'",
        "join 'two' never receives the branch 'a' of 'start'",
    ]


def test_a_missing_join_is_said_once_and_not_again_at_the_end() -> None:
    steps = {"start": {"next": ["a", "b"]}, "a": {"next": "m"}, "b": {"next": "m"}, "m": {"next": "end"}, "end": {}}
    assert _messages(steps) == ["step 'm' is reached from different branches but is not a join"]


def test_an_open_split_at_the_end_is_found() -> None:
    assert _messages({"start": {"next": _each("end")}, "end": {}}) == [
        "step 'end' ends the flow inside the split of 'start'"
    ]


def test_a_join_for_two_splits_at_once_is_found() -> None:
    steps = {
        "start": {"next": [{"to": ["a"]}, {"to": ["b"]}]},
        "a": {"next": _each("c")},
        "b": {"next": _each("d")},
        "c": {"next": "join"},
        "d": {"next": "join"},
        "join": {"join": True},
    }
    assert _messages(steps) == ["join 'join' closes both the split of 'a' and that of 'b'"]


def test_a_foreach_without_a_body_is_found() -> None:
    steps = {"start": {"next": _each("join")}, "join": {"join": True, "next": "end"}, "end": {}}
    assert _messages(steps) == ["the foreach goes straight to join 'join'"]


def test_a_step_that_nothing_leads_to_is_found() -> None:
    assert _messages({"start": {}, "lonely": {}}) == ["step 'lonely' is never reached from 'start'"]


def test_an_unknown_step_gets_the_nearest_name() -> None:
    with pytest.raises(SpecError) as caught:
        _flow({"start": {"next": "en"}, "end": {}})
    assert caught.value.problems[0].hint == "did you mean 'end'?"


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"next": {"to": ["a", "b"], "foreach": "x"}}, "a foreach goes to exactly one step"),
        ({"next": ["a", "a"]}, "a branch names the same step twice"),
        ({"next": {"to": ["a"], "when": "x"}}, "ways on have `when`, but the step has no `condition`"),
        ({"next": "a", "condition": "x"}, "every way on needs `when`, since the step has a `condition`"),
    ],
)
def test_a_malformed_way_on_is_found(step: dict[str, Any], message: str) -> None:
    assert message in _messages({"start": step, "a": {}, "b": {}})


# A flow that is right by construction: a chain of blocks, each a step, a branch or a foreach around further blocks.
_blocks = st.recursive(
    st.just("step"),
    lambda inner: st.tuples(st.sampled_from(["branch", "foreach"]), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=8,
)


def _build(steps: dict[str, Any], block: Any, following: str) -> str:
    """Add a block that goes on to `following`; return its first step."""
    name = f"s{len(steps)}"
    steps[name] = {}
    if block == "step":
        steps[name]["next"] = following
        return name
    kind, bodies = block
    join = f"{name}-join"
    steps[join] = {"join": True, "next": following}
    if kind == "foreach":
        steps[name]["next"] = _each(_build(steps, bodies[0], join))
    else:
        # At least two sides: one alone is an ordinary step.
        steps[name]["next"] = [_build(steps, body, join) for body in [*bodies, "step"]]
    return name


@given(_blocks)
def test_nested_splits_that_are_all_joined_are_accepted_and_closed_at_the_end(block: Any) -> None:
    steps: dict[str, Any] = {"end": {}}
    first = _build(steps, block, "end")
    graph = _flow({"start": {"next": first}, **steps}).graph
    assert graph.splits["end"] == ()
    for join, split in graph.closes.items():
        assert graph.splits[join] == graph.splits[split.step]


@given(_blocks)
def test_a_flow_without_one_of_its_joins_is_never_accepted(block: Any) -> None:
    steps: dict[str, Any] = {"end": {}}
    first = _build(steps, block, "end")
    joins = [name for name, step in steps.items() if step.get("join")]
    if joins:
        steps[joins[0]]["join"] = False
        assert _messages({"start": {"next": first}, **steps})
