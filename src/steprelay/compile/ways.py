"""The ways on from a step: its `self.next(...)` calls, read from the syntax tree."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from steprelay.compile.problems import CompileProblem, Place
from steprelay.compile.source import FlowSource, FunctionNode, Method
from steprelay_core.spec import nearest

_KEYWORDS = ("foreach", "condition", "empty", "max_workers")
_EMPTY = ("join", "fail")
_STEPS_HINT = "name steps as self.<step>, for example self.next(self.end)"


@dataclass(frozen=True, slots=True)
class Way:
    """One way on, as in the spec's transition; `condition` names the artifact that `when` is compared with."""

    to: tuple[str, ...]
    place: Place
    foreach: str | None = None
    condition: str | None = None
    when: str | None = None
    empty: str = "join"
    max_workers: int | None = None


@dataclass(frozen=True, slots=True)
class Ways:
    """All ways on from one step. `calls` counts its self.next calls, understood or not."""

    found: tuple[Way, ...]
    problems: tuple[CompileProblem, ...]
    calls: int


def read_ways(method: Method) -> Ways:
    """Read every self.next call of a step; several of them are alternatives that the step chooses from as it runs."""
    if method.node is None or not method.arguments:
        return Ways((), (), 0)
    reader = _Reader(method.arguments[0], method.place.file)
    calls = list(_calls(method.node, method.arguments[0]))
    ways = [way for call in calls for way in reader.read(call)]
    conditions = {way.condition for way in ways}
    if len(conditions) > 1:
        reader.say(
            calls[-1],
            f"step {method.name!r} goes on by a condition in one place and otherwise in another",
            "use one self.next({...}, condition=...), or plain `if` with several self.next",
        )
    distinct: dict[object, Way] = {}
    for way in ways:
        same = distinct.setdefault((way.to, way.foreach, way.when), way)
        if same.max_workers != way.max_workers:
            reader.problems.append(way.place.problem(*_two_windows(method.name, same, way)))
        if same.empty != way.empty:
            message = (
                f"step {method.name!r} goes on to the same foreach with empty={same.empty!r} and with {way.empty!r}"
            )
            reader.problems.append(way.place.problem(message, "say the same in both places"))
    return Ways(tuple(distinct.values()), tuple(reader.problems), len(calls))


def followed(ways: Mapping[str, Ways], single: str | None) -> tuple[dict[str, tuple[Way, ...]], bool]:
    """The ways between steps that exist, and whether these are all ways; `single`: the flow's only step, if it has one.

    A misspelt step is taken for the one that is meant, so that its misspelling does not make steps unreachable too.
    """
    kept: dict[str, tuple[Way, ...]] = {}
    last = single or "end"
    whole = single is not None or {"start", "end"} <= ways.keys()
    for name, given in ways.items():
        resolved = [
            replace(way, to=tuple(filter(None, (_meant(step, ways) for step in way.to)))) for way in given.found
        ]
        kept[name] = () if name == last else tuple(way for way in resolved if way.to)
        lost = given.problems or any(
            len(way.to) < len(asked.to) for way, asked in zip(resolved, given.found, strict=True)
        )
        whole = whole and not lost and bool(kept[name] or name == last)
    return kept, whole


def _two_windows(step: str, one: Way, other: Way) -> tuple[str, str]:
    given = " and in another ".join(str(way.max_workers or "none") for way in (one, other))
    return f"step {step!r} has the same foreach with max_workers {given}", "give it the same one in both places"


def _meant(step: str, steps: Iterable[str]) -> str | None:
    names = list(steps)
    close = [step] if step in names else get_close_matches(step, names, n=1)
    return close[0] if close else None


def single_step(source: FlowSource, ways: Mapping[str, Ways]) -> str | None:
    """The only step of a flow that has one, of whatever name; None where more are meant to be steps."""
    forgotten = [method for method in source.methods.values() if not method.is_step and method.has_self]
    if len(ways) != 1 or any(read_ways(method).calls for method in (*source.steps.values(), *forgotten)):
        return None
    return next(iter(ways))


def may_end_without_next(node: FunctionNode, self_name: str) -> bool:
    """Whether the body can run to its end without self.next or an exception, as far as its shape tells."""
    return not _goes_on(node.body, self_name)


def is_next(node: ast.AST, self_name: str) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "next"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == self_name
    )


def _calls(node: ast.AST, self_name: str) -> Iterator[ast.Call]:
    """The self.next calls below, in the order written; functions within the step are not its own flow."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(child, ast.Call) and is_next(child, self_name):
            yield child
        yield from _calls(child, self_name)


class _Reader:
    """Collects the problems of all calls of one step."""

    def __init__(self, self_name: str, file: str) -> None:
        self.self_name = self_name
        self.file = file
        self.problems: list[CompileProblem] = []

    def say(self, node: ast.expr, message: str, hint: str | None = None) -> None:
        self.problems.append(Place(self.file, node.lineno).problem(message, hint))

    def read(self, call: ast.Call) -> list[Way]:
        before = len(self.problems)
        texts = self._keywords(call)
        by_condition = len(call.args) == 1 and isinstance(call.args[0], ast.Dict)
        read = self._conditional if by_condition or "condition" in texts else self._plain
        ways = read(call, texts)
        return ways if len(self.problems) == before else []

    def _keywords(self, call: ast.Call) -> dict[str, str]:
        texts: dict[str, str] = {}
        for keyword in call.keywords:
            if keyword.arg not in _KEYWORDS:
                known = nearest(keyword.arg or "", _KEYWORDS) or f"known: {', '.join(_KEYWORDS)}"
                self.say(call, f"self.next has no argument {keyword.arg or '**'!r}", known)
            elif keyword.arg == "max_workers":
                continue
            elif isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
                texts[keyword.arg] = keyword.value.value
            else:
                self.say(
                    keyword.value,
                    f"self.next: {keyword.arg} must be a literal text, given {ast.unparse(keyword.value)}",
                    f'write the name of the artifact: {keyword.arg}="items" for self.items',
                )
        return texts

    def _max_workers(self, call: ast.Call, foreach: str | None) -> int | None:
        value = next((keyword.value for keyword in call.keywords if keyword.arg == "max_workers"), None)
        if value is None or (isinstance(value, ast.Constant) and value.value is None):
            return None
        if foreach is None:
            self.say(call, "max_workers bounds a foreach, and this self.next has none", "leave it out")
        # A truth value is a number to Python.
        elif isinstance(value, ast.Constant) and type(value.value) is int and value.value >= 1:
            return value.value
        else:
            given = f"self.next: max_workers must be a literal whole number from 1 on, given {ast.unparse(value)}"
            self.say(value, given, "write the number, or leave it out and give --max-workers as you run the flow")
        return None

    def _plain(self, call: ast.Call, texts: dict[str, str]) -> list[Way]:
        foreach = texts.get("foreach")
        if not call.args:
            self.say(call, "self.next names no step", _STEPS_HINT)
        if foreach is not None and len(call.args) > 1:
            self.say(call, "a foreach goes to exactly one step", "let that step branch")
        names = [self._step(argument) for argument in call.args]
        if len(set(names)) < len(names) and None not in names:
            self.say(call, "a branch names the same step twice")
        empty = self._empty(call, texts, foreach)
        workers = self._max_workers(call, foreach)
        place = Place(self.file, call.lineno)
        return [Way(tuple(filter(None, names)), place, foreach, empty=empty, max_workers=workers)]

    def _empty(self, call: ast.Call, texts: dict[str, str], foreach: str | None) -> str:
        empty = texts.get("empty", "join")
        if empty not in _EMPTY:
            self.say(call, f"self.next: empty must be one of {', '.join(_EMPTY)}, given {empty!r}")
        elif "empty" in texts and foreach is None:
            self.say(call, "self.next: empty is for a foreach", 'name the items: foreach="items"')
        return empty

    def _conditional(self, call: ast.Call, texts: dict[str, str]) -> list[Way]:
        choices = call.args[0] if len(call.args) == 1 else None
        if not isinstance(choices, ast.Dict):
            self.say(
                call,
                "a condition needs a dictionary of steps",
                'self.next({"a": self.a, "b": self.b}, condition="kind")',
            )
            return []
        if "foreach" in texts or "empty" in texts:
            self.say(call, "a condition and a foreach do not go together", "let the step that is chosen fan out")
        self._max_workers(call, None)
        condition = texts.get("condition")
        if condition is None:
            if all(keyword.arg != "condition" for keyword in call.keywords):
                self.say(call, "a dictionary of steps needs a condition", 'add condition="<name of an artifact>"')
            return []
        return [
            Way((step,), Place(self.file, call.lineno), None, condition, when)
            for key, value in zip(choices.keys, choices.values, strict=True)
            if (step := self._step(value)) and (when := self._case(key, value)) is not None
        ]

    def _case(self, key: ast.expr | None, value: ast.expr) -> str | None:
        # As at run time: `when` is the text of the condition's value.
        if isinstance(key, ast.Constant) and isinstance(key.value, (str, int)):
            return str(key.value)
        given = ast.unparse(key) if key else f"**{ast.unparse(value)}"
        self.say(value, f"the cases of a condition must be literals, given {given}", "write text or a number")
        return None

    def _step(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == self.self_name:
            return node.attr
        hint = "choose by `if` with two self.next calls" if isinstance(node, ast.IfExp) else _STEPS_HINT
        self.say(node, f"self.next takes steps, given {ast.unparse(node)}", hint)
        return None


def _goes_on(body: list[ast.stmt], self_name: str) -> bool:
    return any(_settles(statement, self_name) for statement in body)


def _settles(statement: ast.stmt, self_name: str) -> bool:
    """Whether this statement never lets the step run on to an end without self.next."""
    match statement:
        case ast.Raise():
            return True
        case ast.Expr(value=call):
            return is_next(call, self_name)
        case ast.Return(value=call):
            return call is not None and is_next(call, self_name)
        case ast.If(body=body, orelse=orelse):
            return _goes_on(body, self_name) and _goes_on(orelse, self_name)
        case ast.With(body=body):
            return _goes_on(body, self_name)
        case ast.While(test=ast.Constant(value=True)):
            return True
        case ast.Try(body=body, orelse=orelse, finalbody=final, handlers=handlers):
            tried = _goes_on([*body, *orelse], self_name) and all(_goes_on(one.body, self_name) for one in handlers)
            return tried or _goes_on(final, self_name)
        case ast.Match(cases=cases):
            rest = any(isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None for case in cases)
            return rest and all(_goes_on(case.body, self_name) for case in cases)
    return False
