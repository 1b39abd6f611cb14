"""Loops in the source of a flow: which are taken, and where what is wrong with one is found."""

from tests.compile.conftest import Bench
from tests.compile.sources import END, indented


def test_a_circle_that_nothing_leaves_is_found_at_the_next_that_closes_it(bench: Bench) -> None:
    problems = bench.problems(
        """
        @step
        def start(self):
            if self.index:
                self.next(self.a)
            else:
                self.next(self.end)

        @step
        def a(self):
            self.next(self.b)

        @step
        def b(self):
            self.next(self.a)  # HERE
        """
        + indented(END)
    )
    assert [(problem.file, problem.line) for problem in problems] == [bench.at()]
    assert problems[0].message == "steps lead in a circle that nothing leaves: a, b"


def test_a_way_back_out_of_a_split_is_found_at_its_own_next(bench: Bench) -> None:
    problem = bench.only_problem(
        """
        @step
        def start(self):
            self.items = [1]
            self.next(self.work, foreach="items")

        @step
        def work(self):
            if self.input:
                self.next(self.join)
            else:
                self.next(self.start)  # HERE

        @step
        def join(self, inputs):
            self.next(self.end)
        """
        + indented(END)
    )
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "step 'work' goes back to 'start' out of the split of 'start'"


def test_a_loop_that_can_be_left_is_no_problem(bench: Bench) -> None:
    flow = bench.compiled(
        """
        @step
        def start(self):
            self.rounds = 0
            self.next(self.train)

        @step
        def train(self):
            self.rounds += 1
            self.verdict = "again" if self.rounds < 3 else "enough"
            self.next({"again": self.train, "enough": self.end}, condition="verdict")
        """
        + indented(END)
    ).flow
    assert flow.graph.back == {("train", 0)}
