"""How a join reaches the tasks that lead to it."""

from collections.abc import Mapping
from typing import Any

import pytest

from steprelay.sdk.binding import Ref
from steprelay.sdk.flow import FlowSpec
from steprelay.sdk.inputs import Inputs


class Finished:
    """A finished task of a branch step."""

    def __init__(self, step: str, **values: Any) -> None:
        self.step, self.index, self._values = step, None, values

    def artifacts(self) -> Mapping[str, Ref]:
        return {name: Ref(name, 1, "int") for name in self._values}

    def value(self, name: str) -> Any:
        return self._values[name]

    def item(self) -> Any:
        return None


def _inputs(*tasks: Finished) -> Inputs:
    return Inputs(tasks, FlowSpec, {})


def test_inputs_are_reached_by_position_by_iteration_and_by_step() -> None:
    inputs = _inputs(Finished("left", x=1), Finished("right", x=2))
    assert (len(inputs), inputs[1].x, [each.x for each in inputs], inputs.left.x) == (2, 2, [1, 2], 1)


@pytest.mark.parametrize("step", ["count", "index"])
def test_a_step_may_be_named_like_a_method_of_sequences(step: str) -> None:
    assert getattr(_inputs(Finished(step, x=1)), step).x == 1


def test_a_step_that_leads_elsewhere_is_named_with_those_that_lead_here() -> None:
    with pytest.raises(AttributeError, match="no input comes from a step 'up'; inputs come from left, right"):
        _ = _inputs(Finished("left"), Finished("right")).up


def test_an_input_is_read_only() -> None:
    (left,) = _inputs(Finished("left", x=1))
    with pytest.raises(AttributeError, match=r"assign to self\.x in the join"):
        left.x = 2


def test_inputs_are_counted_from_their_end_as_well_and_sliced() -> None:
    inputs = _inputs(*(Finished(f"s{number}", x=number) for number in range(5)))
    assert inputs[-1].x == 4
    assert [each.x for each in inputs[1:4:2]] == [1, 3]
    assert [each.x for each in reversed(inputs)] == [4, 3, 2, 1, 0]
    assert inputs[2:].s3.x == 3
    assert [each.x for each in inputs[-2:]] == [3, 4]


@pytest.mark.parametrize("index", [2, -3])
def test_an_input_beyond_the_last_is_an_index_error_that_says_how_many_there_are(index: int) -> None:
    with pytest.raises(IndexError, match=f"inputs\\[{index}\\]: there are 2 inputs, from 0 to 1"):
        _ = _inputs(Finished("left"), Finished("right"))[index]


def test_without_inputs_there_is_nothing_to_index_or_to_name() -> None:
    inputs = _inputs()
    assert (len(inputs), list(inputs), bool(inputs)) == (0, [], False)
    with pytest.raises(IndexError, match="there are no inputs, the foreach had no items; ask `if inputs:` first"):
        _ = inputs[0]
    with pytest.raises(AttributeError, match="there are no inputs, the foreach had no items"):
        _ = inputs.work


def test_an_input_of_few_keeps_what_was_read() -> None:
    inputs = _inputs(Finished("left", x=[1]))
    inputs[0].x.append(2)
    assert (inputs[0].x, inputs.left.x, next(iter(inputs)).x) == ([1, 2], [1, 2], [1, 2])
