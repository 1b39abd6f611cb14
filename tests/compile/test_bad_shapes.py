"""What cannot work in the shape of a flow, said where it is written and all at once."""

import pytest

from tests.compile.conftest import Bench
from tests.compile.sources import END, foreach, indented


def _said(bench: Bench, body: str) -> list[tuple[int, str]]:
    return [(problem.line, problem.message) for problem in bench.problems(body)]


@pytest.mark.parametrize("value", ["5", "None", "1.5", "True"])
def test_a_foreach_over_a_literal_that_has_no_items_is_found(bench: Bench, value: str) -> None:
    problem = bench.only_problem(foreach(f"self.items = {value}", 'foreach="items"'))
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == f"step 'start': foreach on self.items, which is {value}"


@pytest.mark.parametrize(
    "before",
    [
        "self.items = 5; self.items = [1]",
        "self.items = 5; self.helper()",
        "self.items = 5; fill(self)",
        "self.items = 'abc'",
        "self.items = None\n            if self.index: self.items = [1]",
        "self.items = None\n            self.items = self.items or [1]",
    ],
)
def test_a_foreach_over_what_may_be_something_else_by_then_is_let_pass(bench: Bench, before: str) -> None:
    helper = "\n        def helper(self):\n            self.items = [1]\n"
    assert bench.compiled(foreach(before, 'foreach="items"') + helper).warnings == ()


def test_a_condition_on_a_literal_without_a_case_is_found_with_the_cases(bench: Bench) -> None:
    problem = bench.only_problem(
        """
        @step
        def start(self):
            self.kind = "huge"
            self.next({"small": self.a, "big": self.end}, condition="kind")  # HERE
        @step
        def a(self):
            self.next(self.end)
        """
        + indented(END)
    )
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "step 'start': self.kind is 'huge', and self.next has no such case"
    assert problem.hint == "cases: 'small', 'big'"


def test_all_that_is_wrong_with_a_shape_is_said_at_once(bench: Bench) -> None:
    said = _said(
        bench,
        """
        @step
        def start(self):
            self.items = 3
            self.next(self.each, foreach="items")  # ONE
        @step
        def each(self):
            self.kind = "c"
            self.next({"a": self.one, "b": self.two}, condition="kind")  # TWO
        @step
        def one(self):
            self.next(self.join)
        @step
        def two(self):
            self.next(self.other_join)
        @step
        def join(self, inputs):
            self.next(self.end)
        @step
        def other_join(self, inputs):  # THREE
            self.next(self.end)
        """
        + indented(END),
    )
    assert said == [
        (bench.line("ONE"), "step 'start': foreach on self.items, which is 3"),
        (bench.line("TWO"), "step 'each': self.kind is 'c', and self.next has no such case"),
        (bench.line("THREE"), "the foreach of 'start' ends in join 'join' or in join 'other_join'"),
    ]


@pytest.mark.parametrize(
    ("start", "rest", "message"),
    [
        ('self.next(self.join, foreach="xs")', "", "the foreach goes straight to join 'join'"),
        (
            'if self.xs:\n        self.next(self.a, foreach="xs")\n    else:\n        self.next(self.a, self.b)',
            "@step\ndef a(self):\n    self.next(self.join)\n@step\ndef b(self):\n    self.next(self.join)\n",
            "step 'a' is reached from different branches but is not a join",
        ),
        (
            'if self.xs:\n        self.next(self.a, foreach="xs")\n    else:\n        self.next(self.b, self.c)',
            "".join(f"@step\ndef {name}(self):\n    self.next(self.join)\n" for name in "abc"),
            "join 'join' closes both a foreach and branches of 'start'",
        ),
        (
            "self.next(self.a, self.b)",
            "".join(
                f"@step\ndef {name}(self):\n    if self.xs: self.next(self.join)\n    else: self.next(self.late)\n"
                for name in "ab"
            )
            + "@step\ndef late(self, inputs):\n    self.next(self.end)\n",
            "branch 'a' ends in join 'join' or in join 'late'",
        ),
        ('self.next(self.end, empty="fail")', "", "self.next: empty is for a foreach"),
        (
            'self.next(self.a, foreach="xs", empty="skip")',
            "@step\ndef a(self):\n    self.next(self.join)\n",
            "self.next: empty must be one of join, fail, given 'skip'",
        ),
    ],
)
def test_a_shape_that_would_never_come_together_is_refused(bench: Bench, start: str, rest: str, message: str) -> None:
    body = f"@step\ndef start(self):\n    self.xs = [1]\n    {start}\n{rest}"
    body += "@step\ndef join(self, inputs):\n    self.next(self.end)\n@step\ndef end(self):\n    pass\n"
    assert message in [text for _, text in _said(bench, body)]


def test_a_flow_that_begins_with_a_join_is_refused(bench: Bench) -> None:
    problem = bench.only_problem("@step\ndef start(self, inputs):  # HERE\n    pass\n")
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "the flow begins with a join, 'start'"


@pytest.mark.parametrize("name", ["start", "end", "train"])
def test_a_single_step_of_any_name_is_a_flow(bench: Bench, name: str) -> None:
    spec = bench.spec(f"@step\ndef {name}(self):\n    self.x = 1\n")
    assert (spec.start, list(spec.steps), spec.steps[name].next) == (name, [name], [])


def test_a_lone_step_that_goes_on_is_no_flow_of_one_step(bench: Bench) -> None:
    said = [text for _, text in _said(bench, "@step\ndef start(self):\n    self.next(self.end)\n")]
    assert "flow 'TestedFlow' has no step 'end'" in said


def test_what_an_empty_foreach_does_is_in_the_spec(bench: Bench) -> None:
    spec = bench.spec(foreach("self.items = []", 'foreach="items", empty="fail"'))
    assert spec.steps["start"].next[0].empty == "fail"
    assert bench.spec(foreach("self.items = []", 'foreach="items"')).steps["start"].next[0].empty == "join"
