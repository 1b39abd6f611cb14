"""Parameters of the class become parameters of the spec."""

import pytest

from tests.compile.conftest import Bench, decorated


def _flow(parameters: str) -> str:
    return parameters + "\n\n" + decorated("")


@pytest.mark.parametrize(
    ("written", "kind", "default"),
    [
        ("default='a'", "str", "a"),
        ("default=3", "int", 3),
        ("default=0.5", "float", 0.5),
        ("type=float, default=1", "float", 1.0),
        ("default=True", "bool", True),
        ("default=[1, 2]", "json", [1, 2]),
        ("type=JSONType, default='{\"a\": 1}'", "json", {"a": 1}),
        ("type=int", "int", None),
    ],
)
def test_a_parameter_has_the_type_of_its_default_or_the_one_given(
    bench: Bench, written: str, kind: str, default: object
) -> None:
    parameter = bench.spec(_flow(f"alpha = Parameter('alpha', {written})")).parameters["alpha"]
    assert (parameter.type, parameter.default) == (kind, default)


def test_required_and_help_are_kept_and_the_name_is_the_parameters_own(bench: Bench) -> None:
    spec = bench.spec(_flow("attribute = Parameter('alpha', type=int, required=True, help='a number')"))
    assert list(spec.parameters) == ["alpha"]
    assert (spec.parameters["alpha"].required, spec.parameters["alpha"].help) == (True, "a number")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("Parameter('a-b')", "parameter 'a-b' must be named by letters, digits and `_`, no digit first"),
        ("Parameter('a', type=set)", "parameter 'a' cannot be of type 'set'"),
        ("Parameter('a', type=int, default='x')", "parameter 'a': the default 'x' is no int"),
        ("Parameter('a', type=JSONType, default=object)", "parameter 'a': the default <class 'object'> is no json"),
        ("Parameter('a', type=str, default=3)", "parameter 'a': the default 3 is no text"),
        ("Parameter('a', requird=True)", "parameter 'a' has no argument 'requird'"),
        ("Parameter('a', default=1, required=True)", "parameter 'a' is required and has a default"),
        ("Parameter('a', help=3)", "parameter 'a': 'help' must be text, given 3"),
    ],
)
def test_misuse_is_said_with_the_line_of_the_parameter(bench: Bench, written: str, message: str) -> None:
    problem = bench.only_problem(_flow(f"first = 1\nattribute = {written}  # HERE"))
    assert (problem.file, problem.line, problem.message) == (*bench.at(), message)


def test_two_parameters_of_one_name_are_found(bench: Bench) -> None:
    problem = bench.only_problem(_flow("a = Parameter('x')\nb = Parameter('x')  # HERE"))
    assert (problem.line, problem.message) == (bench.line(), "two parameters are named 'x'")
