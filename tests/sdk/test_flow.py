"""Flow objects outside a run: steps can be called in a test, without a relay."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from steprelay import FlowSpec, JSONType, Parameter, current, step
from steprelay.sdk.binding import binding_of, values_of
from steprelay.sdk.exceptions import InvalidNext
from steprelay.sdk.parameters import parameters_of


class Sample(FlowSpec):
    alpha = Parameter("alpha", default=0.5)
    names = Parameter("name-list", default='["a"]', type=JSONType)

    @step
    def start(self) -> None:
        self.x = self.alpha * 2
        self.next(self.end)

    @step
    def end(self) -> None: ...


def test_a_step_can_be_called_by_itself() -> None:
    flow = Sample()
    flow.start()
    assert values_of(flow) == {"x": 1.0}
    assert binding_of(flow).taken is not None


def test_outside_a_foreach_there_is_no_item() -> None:
    flow = Sample()
    assert (flow.input, flow.index, flow.foreach_stack()) == (None, None, [])


@pytest.mark.parametrize("name", ["next", "input", "index", "foreach_stack", "merge_artifacts"])
def test_names_that_belong_to_steprelay_cannot_be_assigned(name: str) -> None:
    with pytest.raises(AttributeError, match=f"self.{name} belongs to steprelay; choose another name"):
        setattr(Sample(), name, 1)


def test_a_step_cannot_be_overwritten() -> None:
    with pytest.raises(AttributeError, match=r"self\.end is a step; choose another name"):
        Sample().end = 1  # type: ignore[assignment,method-assign]


def test_a_parameter_cannot_be_assigned() -> None:
    with pytest.raises(AttributeError, match="parameter 'alpha' is read-only"):
        Sample().alpha = 1


def test_deleting_what_is_not_there_is_an_error() -> None:
    with pytest.raises(AttributeError):
        del Sample().nothing


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [
        ((), {}, "self.next\\(\\) needs the step to go on to"),
        (("end",), {}, "argument 1 of self.next is 'end', which is not a @step"),
        ((Sample.end,), {"foreach": "x", "condition": "x"}, "takes foreach or condition, not both"),
        ((Sample.end,), {"num_parallel": 3}, "knows foreach, condition, empty and max_workers, not num_parallel"),
        ((Sample.end,), {"foreach": ["a"]}, 'foreach takes the name of an artifact, such as foreach="items"'),
        ((Sample.end,), {"condition": "alpha"}, "takes one dict of values to steps"),
        ((Sample.end,), {"max_workers": 3}, "takes max_workers only beside foreach"),
        ((Sample.end,), {"foreach": "alpha", "max_workers": 0}, "a whole number from 1 on, given 0"),
        ((Sample.end,), {"foreach": "alpha", "max_workers": "3"}, "a whole number from 1 on, given '3'"),
    ],
)
def test_a_malformed_next_says_what_is_wrong(arguments: Any, keywords: Any, message: str) -> None:
    with pytest.raises(InvalidNext, match=message):
        Sample().next(*arguments, **keywords)


def test_merging_outside_a_join_is_an_error() -> None:
    with pytest.raises(InvalidNext, match="merge_artifacts works in a join"):
        Sample().merge_artifacts([])


def test_a_script_hands_its_flow_over_to_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(
        textwrap.dedent("""
        import sys, types
        from steprelay import FlowSpec
        cli = types.ModuleType("steprelay.cli.flow")
        cli.main = lambda flow: print("given", flow.__name__)
        sys.modules["steprelay.cli"] = types.ModuleType("steprelay.cli")
        sys.modules["steprelay.cli.flow"] = cli
        class MyFlow(FlowSpec): ...
        if __name__ == "__main__":
            MyFlow()
        """)
    )
    done = subprocess.run([sys.executable, "flow.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "given MyFlow\n"


def test_importing_the_sdk_loads_nothing_but_the_standard_library() -> None:
    program = "import sys; before = set(sys.modules); import steprelay; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded - sys.stdlib_module_names == {"steprelay"}
    assert "asyncio" not in loaded


def test_the_parameters_of_a_flow_are_found_in_its_base_classes_too() -> None:
    class Child(Sample):
        beta = Parameter("beta", type=int, required=True, help="how many")

    found = parameters_of(Child)
    assert [(attribute, each.name) for attribute, each in found.items()] == [
        ("alpha", "alpha"),
        ("names", "name-list"),
        ("beta", "beta"),
    ]
    assert (found["beta"].required, found["beta"].help) == (True, "how many")


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        (Parameter("p"), "str"),
        (Parameter("p", default=1), "int"),
        (Parameter("p", default=True), "bool"),
        (Parameter("p", type=float), "float"),
        (Parameter("p", type=dict), "json"),
        (Parameter("p", default=[1]), "json"),
        (Parameter("p", type="json"), "json"),
        (Parameter("p", type=complex), None),
        (Parameter("p", type=[int]), None),
    ],
)
def test_a_parameters_type_is_given_or_that_of_its_default(parameter: Parameter, expected: str | None) -> None:
    assert parameter.type_name == expected


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (int, "7", 7),
        (int, 7.0, 7),
        (float, "0.5", 0.5),
        (bool, "no", False),
        (bool, True, True),
        (str, "7", "7"),
        (JSONType, '{"a": 1}', {"a": 1}),
        (JSONType, "no json", "no json"),
        (JSONType, [1], [1]),
        (int, None, None),
    ],
)
def test_text_is_read_as_the_parameters_type(kind: Any, given: Any, value: Any) -> None:
    read = Parameter("p", type=kind).convert(given)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(("kind", "given"), [(int, "x"), (int, 1.5), (float, "x"), (bool, "perhaps")])
def test_text_of_another_type_is_refused_by_name(kind: Any, given: Any) -> None:
    with pytest.raises(ValueError, match=f"parameter 'p' must be {kind.__name__}, given {given!r}"):
        Parameter("p", type=kind).convert(given)


def test_unknown_keywords_of_a_parameter_are_kept_for_the_compiler() -> None:
    assert Parameter("p", separator=",").unknown == {"separator": ","}


def test_current_is_known_only_while_a_step_runs() -> None:
    assert not current.is_running
    with pytest.raises(RuntimeError, match=r"current\.run_id is known only while a step runs"):
        _ = current.run_id
