"""`@exit_hook` on the flow class."""

from typing import Any

import pytest

from steprelay.compile import CompileProblem, compile_file
from tests.compile.conftest import Bench

FLOW = """
from steprelay import *

def notify(run):
    pass

def silent():
    pass

def needy(run, address):
    pass

async def later(run):
    pass

class Box:
    def inside(self, run):
        pass

{decorators}
class TestedFlow(FlowSpec):
    {on_step}
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def _hooks(bench: Bench, decorators: str) -> list[dict[str, Any]]:
    bench.write(FLOW.format(decorators=decorators, on_step=""))
    return [hook.model_dump(exclude_defaults=True) for hook in compile_file(bench.file).flow.spec.hooks]


def _problem(bench: Bench, decorators: str, on_step: str = "") -> CompileProblem:
    bench.write(FLOW.format(decorators=decorators, on_step=on_step))
    (problem,) = bench.problems_of_file()
    return problem


def test_hooks_are_named_by_their_functions_with_the_ends_they_are_for(bench: Bench) -> None:
    assert _hooks(bench, "@exit_hook(on_success=[notify, silent], on_error=[notify])") == [
        {"name": "notify", "on": ["success", "error"]},
        {"name": "silent", "on": ["success"]},
    ]


def test_a_single_function_needs_no_list(bench: Bench) -> None:
    assert _hooks(bench, "@exit_hook(on_error=notify)") == [{"name": "notify", "on": ["error"]}]


def test_a_function_given_twice_is_called_once(bench: Bench) -> None:
    assert _hooks(bench, "@exit_hook(on_error=[notify, notify])") == [{"name": "notify", "on": ["error"]}]


def test_a_flow_without_hooks_has_none(bench: Bench) -> None:
    assert _hooks(bench, "") == []


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("@exit_hook", "@exit_hook names no function"),
        ("@exit_hook()", "@exit_hook names no function"),
        ("@exit_hook(on_error=['notify'])", "@exit_hook on_error takes functions, given 'notify'"),
        ("@exit_hook(on_error=[needy])", "@exit_hook on_error: needy cannot be called with a run: it needs address"),
        ("@exit_hook(on_error=[later])", "@exit_hook on_error: later cannot be called with a run: it is asynchronous"),
        ("@exit_hook(on_success=[Box.inside])", "@exit_hook on_success: Box.inside is no function at the top of"),
        ("@exit_hook(on_success=[lambda run: 1])", "@exit_hook on_success: <lambda> is no function at the top of"),
        ("@exit_hook(on_sucess=[notify])", "@exit_hook has no argument 'on_sucess'"),
        ("@exit_hook([notify])", "@exit_hook takes named arguments only"),
    ],
)
def test_what_is_no_hook_is_refused_where_it_stands(bench: Bench, written: str, message: str) -> None:
    problem = _problem(bench, written)
    assert problem.message.startswith(message)
    assert bench.file.read_text().splitlines()[problem.line - 1] == written


def test_two_decorators_are_one_too_many(bench: Bench) -> None:
    both = "@exit_hook(on_error=[notify])\n@exit_hook(on_success=[notify])"
    assert _problem(bench, both).message == "@exit_hook is given twice"


def test_a_hook_on_a_step_is_told_to_stand_on_the_class(bench: Bench) -> None:
    problem = _problem(bench, "", on_step="@exit_hook(on_error=[notify])")
    assert problem.message == "@exit_hook stands on a step"


def test_a_hook_must_not_be_called_like_a_step(bench: Bench) -> None:
    bench.write(
        """
        from steprelay import *

        def end(run):
            pass

        @exit_hook(on_error=[end])
        class TestedFlow(FlowSpec):
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    (problem,) = bench.problems_of_file()
    assert problem.message == "'end' is a step as well"
