"""Values for a run's parameters, from text, JSON and defaults."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steprelay_core.intake.parameters import read_parameters
from steprelay_core.spec import Spec, SpecError, validate_spec
from tests.fakes.archives import spec

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def flow(**parameters: dict[str, Any]) -> Spec:
    return validate_spec(spec(parameters=parameters)).spec


def problems(wanted: Spec, given: dict[str, Any]) -> list[str]:
    with pytest.raises(SpecError) as raised:
        read_parameters(wanted, given)
    return [str(problem) for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("type_", "given", "value"),
    [
        ("str", "a b", "a b"),
        ("str", "12", "12"),
        ("int", "12", 12),
        ("int", " -7 ", -7),
        ("int", 12, 12),
        ("float", "0.5", 0.5),
        ("float", 3, 3.0),
        ("float", "1e-3", 0.001),
        ("bool", "true", True),
        ("bool", "No", False),
        ("bool", False, False),
        ("json", '{"a": [1]}', {"a": [1]}),
        ("json", {"a": [1]}, {"a": [1]}),
        ("json", '"text"', "text"),
    ],
)
def test_a_given_value_is_read_as_its_type(type_: str, given: Any, value: Any) -> None:
    read = read_parameters(flow(p={"type": type_}), {"p": given})["p"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("type_", "given", "says"),
    [
        ("str", 12, "must be text, given 12"),
        ("int", "1.5", 'must be a whole number, given "1.5"'),
        ("int", 1.0, "must be a whole number"),
        ("int", True, "must be a whole number, given true"),
        ("int", "9" * 5000, "must be a whole number"),
        ("float", "nan", "must be a number"),
        ("float", "1e999", "must be a number"),
        ("float", None, "must be a number, given null"),
        ("bool", "maybe", "must be true or false"),
        ("bool", 1, "must be true or false"),
        ("json", "{", "must be JSON"),
    ],
)
def test_a_value_of_another_type_is_a_problem_that_names_both(type_: str, given: Any, says: str) -> None:
    (problem,) = problems(flow(p={"type": type_}), {"p": given})
    assert problem.startswith("parameters.p: ")
    assert says in problem
    assert len(problem) < 300


def test_a_missing_value_is_the_default_and_else_none() -> None:
    wanted = flow(a={"type": "float", "default": 0.3}, b={}, c={"type": "json", "default": [1]})
    assert read_parameters(wanted, {}) == {"a": 0.3, "b": None, "c": [1]}


def test_a_required_value_must_be_given() -> None:
    assert "'day' is required" in problems(flow(day={"required": True, "help": "as 2026-09-21"}), {})[0]


def test_an_unknown_name_is_a_problem_with_the_nearest_known_one() -> None:
    assert "did you mean 'alpha'?" in problems(flow(alpha={}), {"alhpa": "1"})[0]


def test_a_flow_without_parameters_says_so() -> None:
    assert "parameters are: none" in problems(flow(), {"x": "1"})[0]


def test_every_problem_comes_at_once() -> None:
    wanted = flow(a={"type": "int"}, b={"required": True})
    assert len(problems(wanted, {"a": "x", "c": "1", "d": "2"})) == 4


@pytest.mark.parametrize("type_", ["str", "int", "float", "bool", "json"])
@given(given=JSON)
def test_reading_is_total_and_what_was_read_reads_again(type_: str, given: Any) -> None:
    wanted = flow(p={"type": type_})
    try:
        value = read_parameters(wanted, {"p": given})["p"]
    except SpecError:
        return
    if type_ != "json":
        assert read_parameters(wanted, {"p": value})["p"] == value
