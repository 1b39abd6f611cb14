"""Flows of every shape, from their source to their result."""

from pathlib import Path

import pytest

from steprelay.compile import compile_file
from steprelay_core.state.model import RunStatus
from tests.shapes.pocket import RUN, Pocket
from tests.shapes.table import FAILING, SHAPES, Shape


@pytest.mark.parametrize("shape", [*SHAPES, *FAILING], ids=lambda shape: shape.name)
def test_every_shape_compiles_without_a_word(shape: Shape) -> None:
    assert compile_file(shape.file, shape.name).warnings == ()


@pytest.mark.parametrize(
    ("shape", "seed"),
    [(shape, seed) for shape in SHAPES for seed in (1, 2) if seed == 1 or sum(shape.tasks.values()) < 50],
    ids=lambda given: getattr(given, "name", given),
)
def test_a_shape_comes_to_its_result_whatever_the_order_of_its_tasks(tmp_path: Path, shape: Shape, seed: int) -> None:
    pocket = Pocket(tmp_path, shape, seed)
    pocket.play()
    run = pocket.store.runs[RUN].run
    assert (run.status, run.failure) == (RunStatus.SUCCEEDED, None)
    assert pocket.ran == shape.tasks
    assert pocket.result() == shape.result


@pytest.mark.parametrize("shape", FAILING, ids=lambda shape: shape.name)
def test_what_cannot_go_on_fails_with_step_and_value_and_lets_its_siblings_end(tmp_path: Path, shape: Shape) -> None:
    pocket = Pocket(tmp_path, shape, 1)
    pocket.play()
    run = pocket.store.runs[RUN].run
    assert run.status is RunStatus.FAILED
    assert run.failure is not None
    assert [part for part in shape.fails if part not in run.failure.failure.reason] == []
    assert pocket.ran == shape.tasks
    assert [group for group in pocket.store.runs[RUN].groups.values() if len(group.live)] == []
