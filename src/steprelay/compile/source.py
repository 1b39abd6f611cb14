"""The source of a flow class: its methods with their syntax trees, found by file and line."""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

from steprelay.compile.problems import Place
from steprelay.sdk.decoration import StepMeta, step_meta
from steprelay.sdk.flow import FlowSpec

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Method:
    """A function of the class. `node` is None where its source cannot be read, `meta` where nothing decorates it;
    static and class methods have no self."""

    name: str
    function: FunctionType
    node: FunctionNode | None
    place: Place
    meta: StepMeta | None
    has_self: bool = True

    @property
    def is_step(self) -> bool:
        return self.meta is not None and self.meta.is_step

    @property
    def arguments(self) -> list[str]:
        """The names of the positional arguments, `self` first."""
        return [argument.arg for argument in (*self.node.args.posonlyargs, *self.node.args.args)] if self.node else []

    @property
    def is_join(self) -> bool:
        return len(self.arguments) > 1


@dataclass(frozen=True, slots=True)
class FlowSource:
    """`methods` as they take effect (a subclass's over its bases'), in the order written, bases first."""

    flow_class: type[FlowSpec]
    place: Place
    methods: dict[str, Method]
    attribute_lines: dict[str, Place]

    @property
    def steps(self) -> dict[str, Method]:
        return {name: method for name, method in self.methods.items() if method.is_step}

    def place_of(self, attribute: str) -> Place:
        return self.attribute_lines.get(attribute, self.place)


class Sources:
    """Parsed files, each read once."""

    def __init__(self) -> None:
        self._trees: dict[str, ast.Module | None] = {}

    def tree(self, file: str) -> ast.Module | None:
        """The file's syntax tree, or None where there is no readable Python source."""
        if file not in self._trees:
            try:
                self._trees[file] = ast.parse(Path(file).read_bytes(), file)
            except (OSError, SyntaxError, ValueError):
                self._trees[file] = None
        return self._trees[file]


def read_source(flow_class: type[FlowSpec], file: Path) -> FlowSource:
    """Find the methods of the class and of its bases up to FlowSpec, and the lines of its attributes."""
    sources = Sources()
    methods: dict[str, Method] = {}
    lines: dict[str, Place] = {}
    place = Place(str(file), 1)
    for owner in _own_bases(flow_class):
        for name, value in vars(owner).items():
            function = _function_in(value)
            if function is not None:
                has_self = not isinstance(value, (classmethod, staticmethod))
                methods[name] = _method(name, function, sources, has_self)
        found = _class_node(owner, file, sources, methods)
        if found is not None:
            node, node_file = found
            place = Place(node_file, node.lineno)
            lines |= {name: Place(node_file, line) for name, line in _assignments(node)}
    return FlowSource(flow_class, place, methods, lines)


def _own_bases(flow_class: type[FlowSpec]) -> list[type[Any]]:
    """The classes people wrote, bases first: neither FlowSpec nor what it is made of."""
    return [owner for owner in reversed(flow_class.__mro__) if owner not in FlowSpec.__mro__]


def _function_in(value: object) -> FunctionType | None:
    if isinstance(value, property):
        value = value.fget
    if isinstance(value, (classmethod, staticmethod)):
        value = value.__func__
    return value if isinstance(value, FunctionType) else None


def _method(name: str, function: FunctionType, sources: Sources, has_self: bool) -> Method:
    written = inspect.unwrap(function)
    file, first_line = written.__code__.co_filename, written.__code__.co_firstlineno
    node = _function_node(sources.tree(file), written.__name__, first_line)
    place = Place.of(file, node.lineno if node else first_line)
    return Method(name, function, node, place, step_meta(function), has_self)


def _function_node(tree: ast.Module | None, name: str, first_line: int) -> FunctionNode | None:
    """Python counts a function from its first decorator on, the syntax tree from its `def`."""
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
            lines = [node.lineno, *(decorator.lineno for decorator in node.decorator_list)]
            if min(lines) == first_line:
                return node
    return None


def _class_node(
    owner: type[Any], file: Path, sources: Sources, methods: dict[str, Method]
) -> tuple[ast.ClassDef, str] | None:
    """The class is in the file of its methods; where it has none of its own, in the flow's file."""
    files = [methods[name].place.file for name, value in vars(owner).items() if _function_in(value) is not None]
    for candidate in (*files, str(file)):
        for node in ast.walk(sources.tree(candidate) or ast.Module([], [])):
            if isinstance(node, ast.ClassDef) and node.name == owner.__name__:
                return node, candidate
    return None


def _assignments(node: ast.ClassDef) -> Iterator[tuple[str, int]]:
    for statement in node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        yield from ((target.id, statement.lineno) for target in targets if isinstance(target, ast.Name))
