"""`max_workers` in a flow's source, on the command line and in a hand-written spec."""

from typing import Any

import pytest

from steprelay.compile import Options, apply_options
from steprelay_core.spec import validate_spec
from tests.compile.conftest import Bench
from tests.compile.sources import END, foreach, indented


def test_a_foreach_says_how_many_of_it_run_at_a_time(bench: Bench) -> None:
    spec = bench.spec(foreach("self.items = [1]", 'foreach="items", max_workers=50'))
    assert spec.steps["start"].next[0].max_workers == 50


def test_no_number_is_no_bound(bench: Bench) -> None:
    spec = bench.spec(foreach("self.items = [1]", 'foreach="items", max_workers=None'))
    assert spec.steps["start"].next[0].max_workers is None


@pytest.mark.parametrize("given", ["self.many", "0", "-1", "2.5", "'3'", "True", "MANY"])
def test_max_workers_must_be_a_literal_whole_number(bench: Bench, given: str) -> None:
    problem = bench.only_problem(foreach("self.items = [1]", f'foreach="items", max_workers={given}'))
    assert problem.message == f"self.next: max_workers must be a literal whole number from 1 on, given {given}"
    assert problem.hint == "write the number, or leave it out and give --max-workers as you run the flow"
    assert (problem.file, problem.line) == bench.at()


@pytest.mark.parametrize("call", ["self.end, max_workers=2", "{'a': self.end}, condition='kind', max_workers=2"])
def test_max_workers_without_a_foreach_is_found(bench: Bench, call: str) -> None:
    problem = bench.only_problem(f"@step\ndef start(self):\n    self.kind = 'a'\n    self.next({call})  # HERE\n" + END)
    assert problem.message == "max_workers bounds a foreach, and this self.next has none"
    assert (problem.file, problem.line) == bench.at()


def test_one_foreach_with_two_bounds_is_found_in_the_second_place(bench: Bench) -> None:
    problem = bench.only_problem(
        """
        @step
        def start(self):
            self.items = [1]
            if self.index:
                self.next(self.work, foreach="items", max_workers=5)
            else:
                self.next(self.work, foreach="items")  # HERE

        @step
        def work(self):
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)
        """
        + indented(END)
    )
    assert problem.message == "step 'start' has the same foreach with max_workers 5 and in another none"
    assert (problem.file, problem.line) == bench.at()


def test_two_foreachs_of_a_step_have_their_own_bounds(bench: Bench) -> None:
    spec = bench.spec(
        """
        @step
        def start(self):
            self.items = self.few = [1]
            if self.index:
                self.next(self.work, foreach="items", max_workers=5)
            else:
                self.next(self.work, foreach="few", max_workers=2)

        @step
        def work(self):
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)
        """
        + indented(END)
    )
    assert [way.max_workers for way in spec.steps["start"].next] == [5, 2]


def test_the_command_line_bounds_a_flow(bench: Bench) -> None:
    body = foreach("self.items = [1]", 'foreach="items"')
    assert bench.spec(body, Options(max_workers=7)).max_workers == 7
    assert bench.spec(body).max_workers is None


@pytest.mark.parametrize(("written", "asked", "kept"), [(None, 7, 7), (3, 7, 7), (3, None, 3), (None, None, None)])
def test_the_command_line_bounds_a_hand_written_spec(written: int | None, asked: int | None, kept: int | None) -> None:
    command: dict[str, Any] = {"command": ["./run"]}
    document = {"spec_version": 1, "flow": "Shell", "steps": {"start": command}, "max_workers": written}
    applied = apply_options(validate_spec(document), Options(max_workers=asked), "steprelay.json")
    assert applied.flow.spec.max_workers == kept
