"""What is allowed at a place of a document, in words: read from its JSON Schema, so that both say the same."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydantic_core import ErrorDetails

from steprelay_core.spec.problems import nearest

_TYPE_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
}

Node = dict[str, Any]
Loc = Sequence[int | str]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a pydantic model refused. `path` is dotted, without the names of the arms of unions."""

    path: str
    loc: tuple[int | str, ...]
    message: str
    hint: str | None


def explain(schema: Node, errors: Iterable[ErrorDetails]) -> Iterator[Fault]:
    """Say each refused place once, though pydantic reports every arm of a union: what is allowed, what was given."""
    seen = set[str]()
    for error in errors:
        nodes, parts = _follow(schema, error["loc"])
        if error["type"] == "extra_forbidden":
            parts.append(error["loc"][-1])
        path = ".".join(map(str, parts))
        if path not in seen:
            seen.add(path)
            message, hint = _describe(schema, error, nodes, _label(parts))
            yield Fault(path, error["loc"], message, hint)


def _describe(schema: Node, error: ErrorDetails, nodes: list[Node], label: str) -> tuple[str, str | None]:
    if error["type"] == "extra_forbidden":
        known = [name for node in nodes for name in node.get("properties", {})]
        return f"unknown key {label}", nearest(str(error["loc"][-1]), known) or f"known: {', '.join(known)}"
    if error["type"] == "said":
        # A validator of our own knows better than the schema.
        return f"{label} {error['msg']}", error["ctx"]["hint"]
    allowed = _in_words(schema, nodes)
    if error["type"] == "missing":
        return f"{label} is missing", f"must be {allowed}" if allowed else None
    if error["loc"] and error["loc"][-1] == "[key]":
        return f"the name {label} must be {allowed}", None
    given = short(error["input"])
    return f"{label} must be {allowed}, given {given}" if allowed else f"{label}: {error['msg']}, given {given}", None


def short(value: Any) -> str:
    """The value as it was given, cut to a length that leaves the message readable."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _label(parts: Loc) -> str:
    """The last name of a location, with the positions behind it: `'command'[0]`."""
    names = [index for index, part in enumerate(parts) if isinstance(part, str)]
    if not names:
        return "it"
    return repr(parts[names[-1]]) + "".join(f"[{part}]" for part in parts[names[-1] + 1 :])


def _follow(schema: Node, loc: Loc) -> tuple[list[Node], list[int | str]]:
    """The schemas that may stand at a pydantic location, and the location without the arms of unions."""
    found, path = _arms(schema, schema), list[int | str]()
    for part, following in pairwise([*loc, None]):
        # pydantic marks a fault of a key itself by "[key]" behind the key.
        if following == "[key]":
            deeper = [node["propertyNames"] for node in found if "propertyNames" in node]
        else:
            deeper = [arm for node in found for inner in _inner(node, part) for arm in _arms(schema, inner)]
        if deeper and part is not None:
            found = deeper
            path.append(part)
        if following == "[key]":
            break
    return found, path


def _arms(schema: Node, node: Node) -> list[Node]:
    if "$ref" in node:
        return _arms(schema, schema["$defs"][node["$ref"].rsplit("/", 1)[1]])
    if "anyOf" in node:
        return [arm for option in node["anyOf"] for arm in _arms(schema, option)]
    return [node]


def _inner(node: Node, part: int | str | None) -> Iterator[Node]:
    if isinstance(part, int):
        if "items" in node:
            yield node["items"]
    elif part in node.get("properties", {}):
        yield node["properties"][part]
    elif isinstance(node.get("additionalProperties"), dict):
        yield node["additionalProperties"]


def _in_words(schema: Node, nodes: Iterable[Node]) -> str:
    """`a whole number of MiB, at least 4`; alternatives joined by "or"."""
    phrases = list(dict.fromkeys(_phrase(schema, node) for node in nodes if node.get("type") != "null"))
    if any(phrase.startswith("a number") for phrase in phrases):
        phrases = [phrase for phrase in phrases if not phrase.startswith("a whole number")]
    return " or ".join(phrase for phrase in phrases if phrase)


def _phrase(schema: Node, node: Node) -> str:
    if "allowed" in node:
        return str(node["allowed"])
    if "const" in node:
        return repr(node["const"])
    if "enum" in node:
        return "one of " + ", ".join(map(repr, node["enum"]))
    kind = node.get("type")
    if kind == "array":
        return f"a list of {_in_words(schema, _arms(schema, node['items']))}"
    if kind == "object":
        return "a mapping with at least one entry" if node.get("minProperties") else "a mapping"
    return _TYPE_WORDS.get(str(kind), "") + _unit(node) + _bounds(node)


def _unit(node: Node) -> str:
    return f" of {node['unit']}" if "unit" in node else ""


def _bounds(node: Node) -> str:
    low, high, above = node.get("minimum"), node.get("maximum"), node.get("exclusiveMinimum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f", at least {low}"
    if above is not None:
        return f" above {above}"
    if node.get("maxLength") is not None:
        return f" of {node.get('minLength', 0)} to {node['maxLength']} characters"
    return " that is not empty" if node.get("minLength") else ""
