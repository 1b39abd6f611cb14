"""A foreach or a condition on an artifact that cannot exist is found; one that can is never blamed."""

from textwrap import dedent, indent

import pytest

from tests.compile.conftest import Bench

FLOW = """\
@step
def start(self):
{before}
    self.next(self.work, foreach="items")  # HERE

@step
def work(self):
    self.next(self.join)

@step
def join(self, inputs):
    self.next(self.end)

@step
def end(self):
    pass
"""


def _flow(before: str, members: str = "") -> str:
    return dedent(members) + FLOW.format(before=indent(dedent(before), "    "))


def test_a_foreach_on_a_missing_variable_is_found_with_the_nearest_name(bench: Bench) -> None:
    problem = bench.only_problem(_flow("self.itmes = [1]"))
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "foreach on self.items, which is not set by then"
    assert problem.hint == "did you mean 'itmes'?"


def test_a_foreach_on_nothing_like_it_says_where_to_assign(bench: Bench) -> None:
    assert bench.only_problem(_flow("pass")).hint == "assign self.items in step 'start'"


def test_a_condition_on_a_missing_variable_is_found(bench: Bench) -> None:
    problem = bench.only_problem("""
        @step
        def start(self):
            self.next({"a": self.end}, condition="kind")  # HERE

        @step
        def end(self):
            pass
        """)
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "condition on self.kind, which is not set by then"


@pytest.mark.parametrize(
    "before",
    [
        "self.items = [1]",
        "self.items: list[int] = [1]",
        "self.n, (self.items, *self.rest) = 1, ([1], 2)",
        "self.items += [1]",
        "for self.items in [[1]]: pass",
        "with open('x') as self.items: pass",
        "if self.index:\n    self.items = []",
        "setattr(self, 'items', [1])",
        "setattr(self, 'it' + 'ems', [1])",
        "self.__dict__.update(items=[1])",
        "vars(self)['items'] = [1]",
        "fill(self)",
        "def inner():\n    self.items = [1]\ninner()",
    ],
)
def test_every_way_of_setting_it_counts(bench: Bench, before: str) -> None:
    assert bench.spec(_flow(before)).steps["start"].next[0].foreach == "items"


@pytest.mark.parametrize(
    "members",
    [
        "items = [1, 2]\n",
        'items = Parameter("items", type=JSONType, default=[1])\n',
        "def helper(self):\n    self.items = [1]\n",
        "@property\ndef items(self):\n    self.items = [1]\n",
        "def __init__(self):\n    super().__init__()\n    self.items = [1]\n",
    ],
)
def test_what_the_class_and_its_helpers_set_counts(bench: Bench, members: str) -> None:
    assert bench.spec(_flow("pass", members)).steps["start"].next[0].foreach == "items"


def test_a_static_helper_does_not_hide_a_missing_variable(bench: Bench) -> None:
    members = "@staticmethod\ndef size(text):\n    return len(text)\n\n"
    assert "self.items" in bench.only_problem(_flow("pass", members)).message


def test_a_variable_of_an_earlier_step_or_of_its_catch_is_there(bench: Bench) -> None:
    bench.spec("""
        @catch(var="caught")
        @step
        def start(self):
            self.kind = "a"
            self.next(self.choose)

        @step
        def choose(self):
            self.next({"a": self.again}, condition="kind")

        @step
        def again(self):
            self.next({"a": self.end}, condition="caught")

        @step
        def end(self):
            pass
        """)


def test_a_variable_of_a_later_step_is_not_there_yet(bench: Bench) -> None:
    problem = bench.only_problem("""
        @step
        def start(self):
            self.next({"a": self.end}, condition="kind")  # HERE

        @step
        def end(self):
            self.kind = "a"
        """)
    assert problem.hint == "step 'end' sets it, but does not come before"


JOIN = """\
@step
def start(self):
    self.items = [1]
    self.next(self.a, self.b)

@step
def a(self):
    self.next(self.meet)

@step
def b(self):
    self.next(self.meet)

@step
def meet(self, inputs):
    {merge}
    self.next(self.work, foreach="items")  # HERE

@step
def work(self):
    self.next(self.join)

@step
def join(self, inputs):
    self.next(self.end)

@step
def end(self):
    pass
"""


def test_a_join_loses_what_it_does_not_take_over(bench: Bench) -> None:
    problem = bench.only_problem(JOIN.format(merge="pass"))
    assert (problem.file, problem.line) == bench.at()
    assert problem.hint == "join 'meet' starts with nothing: call self.merge_artifacts(inputs) there"


@pytest.mark.parametrize(
    "merge", ["self.merge_artifacts(inputs)", "self.items = inputs[0].items", "take_over(self, inputs)"]
)
def test_a_join_that_takes_it_over_has_it(bench: Bench, merge: str) -> None:
    assert bench.spec(JOIN.format(merge=merge)).steps["meet"].next[0].foreach == "items"


def test_where_the_order_of_steps_is_unknown_any_step_may_have_set_it(bench: Bench) -> None:
    found = bench.problems("""
        @step
        def start(self):
            self.next({"a": self.end}, condition="kind")

        @step
        def other(self):
            self.kind = "a"
            self.next(self.nowhere_at_all)  # HERE

        @step
        def end(self):
            pass
        """)
    assert [problem.line for problem in found] == [bench.line()]
