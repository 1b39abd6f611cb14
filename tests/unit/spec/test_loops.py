"""Loops: which ways on go back, which of them are allowed, and what is said of those that are not."""

from typing import Any

import pytest

from steprelay_core.spec import Flow, Problem, SpecError, validate_spec

END: dict[str, Any] = {}

Steps = dict[str, Any]


def _flow(steps: dict[str, Any]) -> Flow:
    written = {name: {"command": ["x"], **step} for name, step in steps.items()}
    return validate_spec({"spec_version": 1, "flow": "F", "steps": written})


def _problems(steps: dict[str, Any]) -> list[Problem]:
    with pytest.raises(SpecError) as caught:
        _flow(steps)
    return list(caught.value.problems)


def _ways(*steps: str) -> list[dict[str, Any]]:
    """One of these."""
    return [{"to": [step]} for step in steps]


def _each(step: str) -> dict[str, Any]:
    return {"to": [step], "foreach": "items"}


ALLOWED: dict[str, tuple[Steps, set[tuple[str, int]]]] = {
    "a step to itself": (
        {"start": {"next": "a"}, "a": {"next": _ways("a", "end")}, "end": END},
        {("a", 0)},
    ),
    "to the first step": (
        {"start": {"next": "a"}, "a": {"next": _ways("end", "start")}, "end": END},
        {("a", 1)},
    ),
    "the first step to itself": ({"start": {"next": _ways("start", "end")}, "end": END}, {("start", 0)}),
    "around a foreach": (
        {
            "start": {"next": "fan"},
            "fan": {"next": _each("work")},
            "work": {"next": "join"},
            "join": {"join": True, "next": _ways("fan", "end")},
            "end": END,
        },
        {("join", 0)},
    ),
    "in the body of a foreach": (
        {
            "start": {"next": _each("work")},
            "work": {"next": "look"},
            "look": {"next": _ways("work", "join")},
            "join": {"join": True, "next": "end"},
            "end": END,
        },
        {("look", 0)},
    ),
    "on one side of a branch": (
        {
            "start": {"next": ["a", "b"]},
            "a": {"next": _ways("a", "join")},
            "b": {"next": "join"},
            "join": {"join": True, "next": "end"},
            "end": END,
        },
        {("a", 0)},
    ),
    "one after the other": (
        {"start": {"next": "a"}, "a": {"next": _ways("a", "b")}, "b": {"next": _ways("b", "end")}, "end": END},
        {("a", 0), ("b", 0)},
    ),
    "one in the other": (
        {"start": {"next": "a"}, "a": {"next": _ways("a", "b")}, "b": {"next": _ways("end", "a")}, "end": END},
        {("a", 0), ("b", 1)},
    ),
    "a circle that is entered in two places": (
        {"start": {"next": _ways("a", "b")}, "a": {"next": "b"}, "b": {"next": _ways("a", "end")}, "end": END},
        {("b", 0)},
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_a_loop_is_allowed(name: str) -> None:
    steps, back = ALLOWED[name]
    assert _flow(steps).graph.back == back


REFUSED: dict[str, tuple[Steps, list[tuple[str, str]]]] = {
    "out of a foreach": (
        {
            "start": {"next": "fan"},
            "fan": {"next": _each("work")},
            "work": {"next": _ways("join", "start")},
            "join": {"join": True, "next": "end"},
            "end": END,
        },
        [("steps.work.next.1", "step 'work' goes back to 'start' out of the split of 'fan'")],
    ),
    "from one side of a branch to the other": (
        {
            "start": {"next": ["a", "b"]},
            "a": {"next": _ways("join", "b")},
            "b": {"next": _ways("join", "a")},
            "join": {"join": True, "next": "end"},
            "end": END,
        },
        [
            ("steps.b", "step 'b' is reached from different branches but is not a join"),
            ("steps.b.next.1", "step 'b' goes back to 'a' out of the split of 'start' and into the split of 'start'"),
        ],
    ),
    "into the body of a foreach": (
        {
            "start": {"next": _each("work")},
            "work": {"next": "join"},
            "join": {"join": True, "next": _ways("work", "end")},
            "end": END,
        },
        [("steps.join.next.0", "step 'join' goes back to 'work' into the split of 'start'")],
    ),
    "to a join": (
        {
            "start": {"next": _each("work")},
            "work": {"next": "join"},
            "join": {"join": True, "next": "look"},
            "look": {"next": _ways("join", "end")},
            "end": END,
        },
        [("steps.look.next.0", "step 'look' goes back to 'join' which is a join")],
    ),
    "by a foreach": (
        {"start": {"next": "a"}, "a": {"next": [_each("start"), {"to": ["end"]}]}, "end": END},
        [("steps.a.next.0", "step 'a' goes back to 'start' by a foreach")],
    ),
    "with others at once": (
        {"start": {"next": "a"}, "a": {"next": [{"to": ["start", "b"]}, {"to": ["b"]}]}, "b": END},
        [("steps.a.next.0", "step 'a' goes back to 'start' and to others at once")],
    ),
    "without a way out": (
        {"start": {"next": _ways("a", "end")}, "a": {"next": "b"}, "b": {"next": "a"}, "end": END},
        [("steps.b.next.0", "steps lead in a circle that nothing leaves: a, b")],
    ),
    "several without a way out": (
        {"start": {"next": _ways("a", "b", "end")}, "a": {"next": "a"}, "b": {"next": "b"}, "end": END},
        [
            ("steps.a.next.0", "steps lead in a circle that nothing leaves: a"),
            ("steps.b.next.0", "steps lead in a circle that nothing leaves: b"),
        ],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_loop_is_refused_where_it_goes_back(name: str) -> None:
    steps, told = REFUSED[name]
    found = [(problem.path, problem.message) for problem in _problems(steps)]
    assert [line for line in told if line not in found] == []
    assert {path for path, _ in found if ".next." in path} == {path for path, _ in told if ".next." in path}


def test_a_flow_of_thousands_of_steps_is_no_problem() -> None:
    line = {f"s{number}": {"next": f"s{number + 1}"} for number in range(3000)}
    steps: Steps = {"start": {"next": "s0"}, **line, "s3000": {"next": _ways("start", "end")}, "end": END}
    assert _flow(steps).graph.back == {("s3000", 0)}


def test_levels_count_every_split_around_a_step() -> None:
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
    assert [graph.levels(step) for step in ("start", "split", "a", "inner", "outer")] == [1, 2, 3, 2, 1]
