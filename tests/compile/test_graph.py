"""`self.next` becomes the graph, and what is wrong with it is said with file and line."""

from tests.compile.conftest import Bench
from tests.compile.sources import END, foreach, indented


def test_a_linear_flow_becomes_a_chain(bench: Bench) -> None:
    spec = bench.spec("@step\ndef start(self):\n    self.next(self.end)\n" + END)
    assert [way.to for way in spec.steps["start"].next] == [["end"]]
    assert spec.steps["end"].next == []


def test_steps_keep_the_order_of_the_source_and_know_their_lines(bench: Bench) -> None:
    spec = bench.spec("""
        @step
        def start(self):
            self.next(self.middle)

        @retry
        @step
        def middle(self):  # HERE
            self.next(self.end)

        @step
        def end(self):
            pass
        """)
    assert list(spec.steps) == ["start", "middle", "end"]
    source = spec.steps["middle"].source
    assert source is not None
    assert (source.file, source.line) == ("tested.py", bench.line())


def test_several_steps_in_one_next_are_branches_and_inputs_make_a_join(bench: Bench) -> None:
    spec = bench.spec(
        """
        @step
        def start(self):
            self.next(self.a, self.b)

        @step
        def a(self):
            self.next(self.meet)

        @step
        def b(self):
            self.next(self.meet)

        @step
        def meet(self, anything):
            self.next(self.end)
        """
        + indented(END)
    )
    assert spec.steps["start"].next[0].to == ["a", "b"]
    assert spec.steps["meet"].join
    assert not spec.steps["a"].join


def test_a_foreach_names_its_artifact(bench: Bench) -> None:
    spec = bench.spec(foreach("self.items = [1]", 'foreach="items"'))
    assert spec.steps["start"].next[0].foreach == "items"


def test_several_nexts_under_if_are_alternatives_in_the_order_written(bench: Bench) -> None:
    spec = bench.spec(
        """
        @step
        def start(self):
            if self.index:
                self.next(self.a)
            elif self.input:
                self.next(self.b)
            else:
                self.next(self.a)

        @step
        def a(self):
            self.next(self.end)

        @step
        def b(self):
            self.next(self.end)
        """
        + indented(END)
    )
    assert [way.to for way in spec.steps["start"].next] == [["a"], ["b"]]


def test_a_dictionary_with_a_condition_gives_each_way_its_case(bench: Bench) -> None:
    spec = bench.spec(
        """
        @step
        def start(self):
            self.kind = "x"
            self.next({"x": self.a, True: self.end}, condition="kind")

        @step
        def a(self):
            self.next(self.end)
        """
        + indented(END)
    )
    assert spec.steps["start"].condition == "kind"
    assert [(way.when, way.to) for way in spec.steps["start"].next] == [("x", ["a"]), ("True", ["end"])]


def test_a_next_within_a_nested_function_is_not_the_steps_own(bench: Bench) -> None:
    problem = bench.only_problem(
        """
        @step
        def start(self):  # HERE
            def later():
                self.next(self.end)
            self.later = later
        """
        + indented(END)
    )
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "step 'start' does not call self.next"


def test_a_missing_join_is_found(bench: Bench) -> None:
    problem = bench.only_problem(
        """
        @step
        def start(self):
            self.next(self.a, self.b)

        @step
        def a(self):
            self.next(self.meet)

        @step
        def b(self):
            self.next(self.meet)

        @step
        def meet(self):  # HERE
            self.next(self.end)
        """
        + indented(END)
    )
    assert (problem.file, problem.line) == bench.at()
    assert "'meet' is reached from different branches but is not a join" in problem.message
    assert problem.hint == "add `inputs` to make it a join"


def test_an_end_within_a_split_is_found(bench: Bench) -> None:
    problem = bench.only_problem("""
        @step
        def start(self):
            self.items = [1]
            self.next(self.work, foreach="items")

        @step
        def work(self):
            self.next(self.end)

        @step
        def end(self):  # HERE
            pass
        """)
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "step 'end' ends the flow inside the split of 'start'"


def test_a_join_without_a_split_is_found(bench: Bench) -> None:
    problem = bench.only_problem(
        """
        @step
        def start(self):
            self.next(self.meet)

        @step
        def meet(self, inputs):  # HERE
            self.next(self.end)
        """
        + indented(END)
    )
    assert (problem.file, problem.line) == bench.at()
    assert "outside of any split" in problem.message


def test_an_unreachable_step_is_found(bench: Bench) -> None:
    problem = bench.only_problem(
        """
        @step
        def start(self):
            self.next(self.end)

        @batch
        @step
        def lonely(self):  # HERE
            self.next(self.end)
        """
        + indented(END)
    )
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "step 'lonely' is never reached from 'start'"


def test_a_flow_without_start_and_end_says_both_at_the_class(bench: Bench) -> None:
    found = bench.problems("@step\ndef begin(self):\n    self.next(self.finish)\n@step\ndef finish(self):\n    pass\n")
    messages = [problem.message for problem in found if problem.line == 4]
    assert messages == ["flow 'TestedFlow' has no step 'end'", "flow 'TestedFlow' has no step 'start'"]


def test_a_start_without_step_is_told_apart_from_a_missing_one(bench: Bench) -> None:
    found = bench.problems("def start(self):  # HERE\n    self.next(self.end)\n" + END)
    assert [(problem.line, problem.message, problem.hint) for problem in found] == [
        (bench.line(), "'start' is no step", "add @step to it")
    ]


def test_a_step_that_does_not_go_on_is_found(bench: Bench) -> None:
    problem = bench.only_problem("@step\ndef start(self):  # HERE\n    pass\n" + END)
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "step 'start' does not call self.next"


def test_an_end_that_goes_on_is_found(bench: Bench) -> None:
    problem = bench.only_problem("""
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            self.next(self.start)  # HERE
        """)
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "step 'end' goes on"


def test_a_decorator_on_a_method_that_is_no_step_is_found(bench: Bench) -> None:
    problem = bench.only_problem(
        """
        @step
        def start(self):
            self.next(self.end)

        @batch(cpu=2)  # HERE
        def helper(self):
            pass
        """
        + indented(END)
    )
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "@batch stands on 'helper', which is no step"


def test_a_step_with_a_name_that_flowspec_needs_is_found(bench: Bench) -> None:
    found = bench.problems(
        """
        @step
        def start(self):
            self.next(self.index)

        @step
        def index(self):  # HERE
            self.next(self.end)
        """
        + indented(END)
    )
    assert (found[0].file, found[0].line) == bench.at()
    assert "cannot be called 'index'" in found[0].message


def test_steps_of_a_base_class_and_overridden_ones_are_part_of_the_flow(bench: Bench) -> None:
    bench.write("""
        from steprelay import FlowSpec, batch, step

        class Base(FlowSpec):
            @step
            def start(self):
                self.next(self.work)

            @step
            def work(self):
                self.next(self.end)

            @step
            def end(self):
                pass

        class Derived(Base):
            @batch(cpu=2)
            @step
            def work(self):
                self.next(self.end)
        """)
    from steprelay.compile import compile_file

    spec = compile_file(bench.file).flow.spec
    assert spec.flow == "Derived"
    assert list(spec.steps) == ["start", "work", "end"]
    assert spec.steps["work"].batch is not None


def test_a_step_that_goes_on_in_some_branches_only_is_a_warning(bench: Bench) -> None:
    compiled = bench.compiled(
        """
        @step
        def start(self):  # HERE
            if self.index:
                self.next(self.end)
        """
        + indented(END)
    )
    assert [(warning.line, warning.message) for warning in compiled.warnings] == [
        (bench.line(), "step 'start' can end without self.next, and would fail then")
    ]


def test_a_step_that_goes_on_or_raises_in_every_branch_is_no_warning(bench: Bench) -> None:
    compiled = bench.compiled(
        """
        @step
        def start(self):
            try:
                with open("x") as file:
                    match file.read():
                        case "a":
                            self.next(self.end)
                        case _:
                            raise ValueError
            except OSError:
                if self.index:
                    self.next(self.end)
                else:
                    return self.next(self.end)
        """
        + indented(END)
    )
    assert compiled.warnings == ()


def test_all_problems_come_at_once_in_the_order_of_the_source(bench: Bench) -> None:
    found = bench.problems("""
        @step
        def start(self):
            self.next(self.work, foreach="itmes")  # FOREACH

        @batch(cpus=4)  # ARGUMENT
        @step
        def work(self):
            self.next(self.end)

        @step
        def lonely(self):  # LONELY
            self.next(self.end)

        @step
        def end(self):  # END
            pass
        """)
    assert [problem.line for problem in found] == [
        bench.line(mark) for mark in ("FOREACH", "ARGUMENT", "LONELY", "END")
    ]
