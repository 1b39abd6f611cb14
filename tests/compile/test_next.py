"""What is wrong with single uses of `self.next`."""

from tests.compile.conftest import Bench
from tests.compile.sources import END, foreach, indented


def test_a_misspelt_step_gets_the_nearest_name_and_makes_nothing_else_unreachable(bench: Bench) -> None:
    problem = bench.only_problem(
        """
        @step
        def start(self):
            self.next(self.proces)  # HERE

        @step
        def process(self):
            self.next(self.end)
        """
        + indented(END)
    )
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "self.next goes to 'proces', which does not exist"
    assert problem.hint == "did you mean 'process'?"


def test_a_next_to_a_method_without_step_says_so(bench: Bench) -> None:
    problem = bench.only_problem(
        """
        @step
        def start(self):
            self.next(self.work)  # HERE

        def work(self):
            self.next(self.end)
        """
        + indented(END)
    )
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "self.next goes to 'work', which is no step"
    assert problem.hint == "add @step to 'work'"


def test_a_next_that_names_something_else_is_shown_as_written(bench: Bench) -> None:
    problem = bench.only_problem("@step\ndef start(self):\n    self.next(getattr(self, 'end'))  # HERE\n" + END)
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "self.next takes steps, given getattr(self, 'end')"


def test_a_choice_within_a_next_is_pointed_to_if(bench: Bench) -> None:
    problem = bench.only_problem("@step\ndef start(self):\n    self.next(self.end if 1 else self.end)  # HERE\n" + END)
    assert problem.hint == "choose by `if` with two self.next calls"


def test_an_empty_next_is_found(bench: Bench) -> None:
    problem = bench.only_problem("@step\ndef start(self):\n    self.next()  # HERE\n" + END)
    assert (problem.line, problem.message) == (bench.line(), "self.next names no step")


def test_an_unknown_argument_of_next_gets_the_nearest_name(bench: Bench) -> None:
    problem = bench.only_problem(foreach("self.items = [1]", 'for_each="items"'))
    assert (problem.line, problem.message) == (bench.line(), "self.next has no argument 'for_each'")
    assert problem.hint == "did you mean 'foreach'?"


def test_a_foreach_must_be_a_literal(bench: Bench) -> None:
    problem = bench.only_problem(foreach("self.items = [1]", "foreach=self.items"))
    assert problem.message == "self.next: foreach must be a literal text, given self.items"
    assert (problem.file, problem.line) == bench.at()


def test_a_foreach_to_two_steps_is_found(bench: Bench) -> None:
    body = foreach("self.items = [1]", 'foreach="items"').replace("self.work,", "self.work, self.end,")
    found = bench.problems(body)
    assert ("a foreach goes to exactly one step", bench.line()) in [(one.message, one.line) for one in found]


def test_a_condition_without_a_dictionary_and_a_dictionary_without_a_condition_are_found(bench: Bench) -> None:
    body = "@step\ndef start(self):\n    self.kind = 'a'\n    self.next(%s)  # HERE\n" + END
    without_dictionary = bench.only_problem(body % 'self.end, condition="kind"')
    assert without_dictionary.message == "a condition needs a dictionary of steps"
    without_condition = bench.only_problem(body % '{"a": self.end}')
    assert without_condition.message == "a dictionary of steps needs a condition"
    assert (without_condition.file, without_condition.line) == bench.at()


def test_a_condition_beside_a_plain_next_is_found(bench: Bench) -> None:
    problem = bench.only_problem(
        """
        @step
        def start(self):
            self.kind = "a"
            if self.index:
                self.next({"a": self.end}, condition="kind")
            else:
                self.next(self.end)  # HERE
        """
        + indented(END)
    )
    assert (problem.file, problem.line) == bench.at()
    assert "by a condition in one place and otherwise in another" in problem.message
