"""`self.next` becomes the graph, and what is wrong with it is said with file and line."""

from tests.compile.conftest import Bench

END = """
@step
def end(self):
    pass
"""


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
        + _indented(END)
    )
    assert spec.steps["start"].next[0].to == ["a", "b"]
    assert spec.steps["meet"].join
    assert not spec.steps["a"].join


def test_a_foreach_names_its_artifact(bench: Bench) -> None:
    spec = bench.spec(_foreach("self.items = [1]", 'foreach="items"'))
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
        + _indented(END)
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
        + _indented(END)
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
        + _indented(END)
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
        + _indented(END)
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
        + _indented(END)
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
        + _indented(END)
    )
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "step 'lonely' is never reached from 'start'"


def test_a_circle_is_found_at_the_next_that_closes_it(bench: Bench) -> None:
    problem = bench.only_problem(
        """
        @step
        def start(self):
            self.next(self.a)

        @step
        def a(self):
            self.next(self.b)  # HERE

        @step
        def b(self):
            if self.index:
                self.next(self.a)
            else:
                self.next(self.end)
        """
        + _indented(END)
    )
    assert (problem.file, problem.line) == bench.at()
    assert problem.message == "steps lead in a circle: a, b"


def test_a_flow_without_start_and_end_says_both_at_the_class(bench: Bench) -> None:
    found = bench.problems("@step\ndef begin(self):\n    pass\n")
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
        + _indented(END)
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
        + _indented(END)
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
    problem = bench.only_problem(_foreach("self.items = [1]", 'for_each="items"'))
    assert (problem.line, problem.message) == (bench.line(), "self.next has no argument 'for_each'")
    assert problem.hint == "did you mean 'foreach'?"


def test_a_foreach_must_be_a_literal(bench: Bench) -> None:
    problem = bench.only_problem(_foreach("self.items = [1]", "foreach=self.items"))
    assert problem.message == "self.next: foreach must be a literal text, given self.items"
    assert (problem.file, problem.line) == bench.at()


def test_a_foreach_to_two_steps_is_found(bench: Bench) -> None:
    body = _foreach("self.items = [1]", 'foreach="items"').replace("self.work,", "self.work, self.end,")
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
        + _indented(END)
    )
    assert (problem.file, problem.line) == bench.at()
    assert "by a condition in one place and otherwise in another" in problem.message


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
        + _indented(END)
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
        + _indented(END)
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
        + _indented(END)
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
        + _indented(END)
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


def _foreach(before: str, argument: str) -> str:
    return f"""
        @step
        def start(self):
            {before}
            self.next(self.work, {argument})  # HERE

        @step
        def work(self):
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)
        """ + _indented(END)


def _indented(text: str) -> str:
    return "".join(f"        {line}\n" for line in text.splitlines())
