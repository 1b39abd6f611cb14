"""A foreach or a condition on a value that stands right there in the source, and can never do.

Only straight lines are followed: from `self.x = <literal>` to the self.next below it in the same block.
"""

import ast
from collections.abc import Iterator

from steprelay.compile.problems import CompileProblem, Place
from steprelay.compile.source import FlowSource, Method
from steprelay.compile.variables import ANYTHING, assigned
from steprelay.compile.ways import is_next

_ITERABLE = (str, bytes)


def check_literals(source: FlowSource) -> Iterator[CompileProblem]:
    """A problem for each self.next that such a value cannot get past."""
    for method in source.steps.values():
        if method.node is not None and method.arguments:
            for block in _blocks(method.node):
                yield from _check_block(block, method)


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements in a function, but for functions and classes within it."""
    for _, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        if children and all(isinstance(child, ast.stmt) for child in children):
            yield children
        for child in children:
            if isinstance(child, ast.AST) and not isinstance(child, (ast.FunctionDef, ast.ClassDef, ast.expr)):
                yield from _blocks(child)


def _check_block(block: list[ast.stmt], method: Method) -> Iterator[CompileProblem]:
    self_name = method.arguments[0]
    known: dict[str, object] = {}
    for statement in block:
        call = statement.value if isinstance(statement, (ast.Expr, ast.Return)) else None
        if isinstance(call, ast.Call) and is_next(call, self_name):
            yield from _check_next(call, known, method)
            continue
        _forget(known, statement, self_name)
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            for target in statement.targets:
                if _is_own(target, self_name) and isinstance(target, ast.Attribute):
                    known[target.attr] = statement.value.value


def _forget(known: dict[str, object], statement: ast.stmt, self_name: str) -> None:
    """Drop what this statement may set: by itself, or by a method that it calls."""
    changed = assigned(statement, self_name)
    calls = (node for node in ast.walk(statement) if isinstance(node, ast.Call))
    if ANYTHING in changed or any(_is_own(call.func, self_name) for call in calls):
        known.clear()
    for name in changed:
        known.pop(name, None)


def _is_own(node: ast.expr, self_name: str) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == self_name


def _check_next(call: ast.Call, known: dict[str, object], method: Method) -> Iterator[CompileProblem]:
    named = {
        each.arg: each.value.value
        for each in call.keywords
        if isinstance(each.value, ast.Constant) and isinstance(each.value.value, str)
    }
    place = Place(method.place.file, call.lineno)
    foreach, condition = named.get("foreach"), named.get("condition")
    if foreach in known and not isinstance(known[foreach], _ITERABLE):
        message = f"step {method.name!r}: foreach on self.{foreach}, which is {known[foreach]!r}"
        yield place.problem(message, "a foreach goes through a list, a range, a generator or the like")
    if condition in known and call.args and isinstance(call.args[0], ast.Dict):
        cases = [key.value for key in call.args[0].keys if isinstance(key, ast.Constant)]
        if len(cases) == len(call.args[0].keys) and known[condition] not in cases:
            message = f"step {method.name!r}: self.{condition} is {known[condition]!r}, and self.next has no such case"
            yield place.problem(message, f"cases: {', '.join(map(repr, cases))}")
