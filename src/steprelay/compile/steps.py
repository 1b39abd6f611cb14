"""What is wrong with single steps, before anything is said of the graph they make."""

import ast
from collections.abc import Iterator, Mapping

from steprelay.compile.problems import CompileProblem, Place
from steprelay.compile.source import FlowSource, Method
from steprelay.compile.ways import Ways, may_end_without_next
from steprelay.sdk.flow import FlowSpec
from steprelay_core.spec import nearest


def check_steps(source: FlowSource, ways: Mapping[str, Ways], single: str | None) -> Iterator[CompileProblem]:
    """Every step by itself: its form, its decorators' form, and that it goes on to steps; `single`: the only one."""
    steps = source.steps
    for name in ("start", "end") if single is None else ():
        if name not in steps:
            yield _missing(source, name)
    for method in source.methods.values():
        if method.is_step:
            yield from _check_form(method)
            yield from _check_next(method, ways[method.name], source, single or "end")
        elif method.meta and method.meta.decorations:
            given = method.meta.decorations[0]
            yield Place.of(given.file, given.line).problem(
                f"@{given.name} stands on {method.name!r}, which is no step", "add @step to it"
            )


def check_ends(source: FlowSource, ways: Mapping[str, Ways]) -> Iterator[CompileProblem]:
    """Warnings: steps that go on in some of their branches only."""
    for name, method in source.steps.items():
        if ways[name].calls and method.node and may_end_without_next(method.node, method.arguments[0]):
            message = f"step {name!r} can end without self.next, and would fail then"
            yield method.place.problem(message, "go on in every branch: add an `else`")


def _missing(source: FlowSource, name: str) -> CompileProblem:
    if name in source.methods:
        return source.methods[name].place.problem(f"{name!r} is no step", "add @step to it")
    hint = nearest(name, source.steps) or f"a flow begins with a step `start` and ends with a step `end`: add {name!r}"
    return source.place.problem(f"flow {source.flow_class.__name__!r} has no step {name!r}", hint)


def _check_form(method: Method) -> Iterator[CompileProblem]:
    if method.node is None:
        hint = "keep the flow in a file: its graph is read from there"
        yield method.place.problem(f"the source of step {method.name!r} cannot be read", hint)
        return
    if isinstance(method.node, ast.AsyncFunctionDef):
        yield method.place.problem(f"step {method.name!r} is async", "write `def`, and asyncio.run(...) within it")
    if not method.arguments:
        yield method.place.problem(f"step {method.name!r} takes no self", "write `def name(self)`")
    if len(method.arguments) > 2:
        message = f"step {method.name!r} takes {', '.join(method.arguments)}"
        yield method.place.problem(message, "a step takes self, and a join `inputs` as well")
    if hasattr(FlowSpec, method.name):
        yield method.place.problem(f"a step cannot be called {method.name!r}: FlowSpec needs that name itself")


def _check_next(method: Method, ways: Ways, source: FlowSource, last: str) -> Iterator[CompileProblem]:
    yield from ways.problems
    if method.name == "end":
        for way in ways.found[:1]:
            yield way.place.problem("step 'end' goes on", "the flow ends with it: remove self.next")
    elif not ways.calls and method.name != last and method.node is not None:
        message = f"step {method.name!r} does not call self.next"
        yield method.place.problem(message, "every step but `end` says what follows: self.next(self.<step>)")
    for way in ways.found:
        for name in way.to:
            if name not in source.steps:
                yield _no_step(way.place, name, source)


def _no_step(place: Place, name: str, source: FlowSource) -> CompileProblem:
    if name in source.methods:
        return place.problem(f"self.next goes to {name!r}, which is no step", f"add @step to {name!r}")
    hint = nearest(name, source.steps) or f"steps: {', '.join(source.steps)}"
    return place.problem(f"self.next goes to {name!r}, which does not exist", hint)
