"""Which artifacts can exist when a step goes on: so that a foreach over a missing one is found before it runs.

Deliberately lenient: wherever code could set an attribute in a way that the source does not show, anything may be set.
"""

import ast
from collections.abc import Iterator, Mapping

from steprelay.compile.problems import CompileProblem
from steprelay.compile.source import FlowSource, FunctionNode, Method
from steprelay.compile.ways import Way
from steprelay_core.spec import nearest

# Stands among names for "whatever else": the step passes itself on, or sets attributes by computed names.
ANYTHING = "*"
# A join starts with nothing unless it calls this.
MERGE = "merge_artifacts"


def assigned(node: FunctionNode | ast.stmt, self_name: str) -> frozenset[str]:
    """The attributes of self that this may set, in whatever way: =, +=, for, with, tuples, setattr."""
    names = set[str]()
    plain = set[int]()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and _is(inner.value, self_name):
            plain.add(id(inner.value))
            if isinstance(inner.ctx, ast.Store):
                names.add(inner.attr)
            elif inner.attr == "__dict__":
                names.add(ANYTHING)
        elif isinstance(inner, ast.Call) and _is_literal_setattr(inner, self_name):
            plain.add(id(inner.args[0]))
            names.add(ast.literal_eval(inner.args[1]))
    if any(_is(inner, self_name) and id(inner) not in plain for inner in ast.walk(node)):
        names.add(ANYTHING)
    return frozenset(names)


def check_variables(
    source: FlowSource, ways: Mapping[str, tuple[Way, ...]], *, whole: bool
) -> Iterator[CompileProblem]:
    """A problem for each foreach or condition on an artifact that no step can have set by then.

    Where ways are missing (`whole` is false) any step may come before any other.
    """
    known = _Known(source, ways)
    if not whole:
        known.forget_order()
    for step, method_ways in ways.items():
        checked = {(way.foreach or way.condition, way.place): way for way in method_ways}
        for (variable, place), way in checked.items():
            if variable is not None and not known.has(step, variable):
                what = "foreach" if way.foreach else "condition"
                yield place.problem(f"{what} on self.{variable}, which is not set by then", known.hint(step, variable))


class _Known:
    """What each step sets, and what has been set when it ends."""

    def __init__(self, source: FlowSource, ways: Mapping[str, tuple[Way, ...]]) -> None:
        self._source = source
        self._ways = ways
        self._sets = {name: _sets(method) for name, method in source.steps.items()}
        self._always = _set_always(source)
        self._after = dict(self._sets)
        self._carry()

    def _carry(self) -> None:
        """Hand on what is set, from step to step, until nothing changes."""
        changed = True
        while changed:
            changed = False
            for name, ways_on in self._ways.items():
                for following in {step for way in ways_on for step in way.to}:
                    carried = self._after[following] | (self._after[name] if self._carries(following) else set())
                    changed |= carried != self._after[following]
                    self._after[following] = carried

    def _carries(self, step: str) -> bool:
        method = self._source.steps[step]
        return not method.is_join or method.node is None or _merges(method) or ANYTHING in self._sets[step]

    def forget_order(self) -> None:
        everything = frozenset[str]().union(*self._sets.values())
        self._after = dict.fromkeys(self._after, everything)

    def has(self, step: str, variable: str) -> bool:
        return not {variable, ANYTHING}.isdisjoint(self._after[step] | self._always)

    def hint(self, step: str, variable: str) -> str:
        setters = [name for name, names in self._sets.items() if variable in names]
        if not setters:
            return nearest(variable, self._after[step] | self._always) or f"assign self.{variable} in step {step!r}"
        for name, ways_on in self._ways.items():
            for join in (step for way in ways_on for step in way.to if not self._carries(step)):
                if variable in self._after[name]:
                    return f"join {join!r} starts with nothing: call self.merge_artifacts(inputs) there"
        return f"step {setters[0]!r} sets it, but does not come before"


def _sets(method: Method) -> frozenset[str]:
    if method.node is None:
        return frozenset({ANYTHING})
    caught = [given.arguments.get("var") for given in method.meta.decorations] if method.meta else []
    names = frozenset(name for name in caught if isinstance(name, str))
    return names | (assigned(method.node, method.arguments[0]) if method.arguments else frozenset())


def _set_always(source: FlowSource) -> frozenset[str]:
    """What helper methods set, whenever they are called, and what the class itself holds: parameters, constants."""
    names = {name for owner in source.flow_class.__mro__ for name in vars(owner)} - source.methods.keys()
    helpers = [method for method in source.methods.values() if method.has_self and not method.is_step]
    return frozenset(names).union(*(_sets(method) for method in helpers))


def _merges(method: Method) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == MERGE for node in ast.walk(method.node or ast.Pass()))


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_literal_setattr(call: ast.Call, self_name: str) -> bool:
    return (
        _is(call.func, "setattr")
        and len(call.args) == 3
        and _is(call.args[0], self_name)
        and isinstance(call.args[1], ast.Constant)
        and isinstance(call.args[1].value, str)
    )
