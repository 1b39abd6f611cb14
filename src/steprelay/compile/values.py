"""The text behind `--with DECORATOR:` taken apart: `key=value` pairs, and what a value may be meant as."""

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

# A comma separates in front of a name only, so that `image=a,b` stays one value.
_NEXT = re.compile(r",\s*(?=[^\W\d]\w*\s*=)")
_NAME = re.compile(r"\s*(?P<name>[^=,]*?)\s*=\s*")
# Quotes count where a value may begin: the one in `it's` is a letter.
_TOKEN = re.compile(
    r"""(?<![^\s\[{(,:=])(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?P<lone>["']))|(?P<open>[\[{(])|(?P<close>[\]})])|.""",
    re.DOTALL,
)
_BRACKETS = ("[", "{", "(")
_QUOTES = ("'", '"')

Read = Callable[[str], Any]


def split_arguments(text: str) -> Iterator[tuple[str, str | None]]:
    """The pairs of `cpu=8,image=a,b`, values as they were typed; None for a name without a value."""
    position = 0
    while position < len(text):
        named = _NAME.match(text, position)
        found = _NEXT.search(text, _past_structure(text, named.end()) if named else position)
        end, following = found.span() if found else (len(text), len(text))
        if named is None or named.end() > end:
            yield text[position:end].strip(), None
        else:
            yield named["name"], text[named.end() : end].rstrip()
        position = following


def is_broken(text: str) -> bool:
    """Whether the value begins with a bracket or quote that does not end with it."""
    return text.startswith((*_BRACKETS, *_QUOTES)) and _closing(text, 0) != len(text)


def readings(text: str) -> Iterator[Any]:
    """What the text may mean, likeliest first: JSON, a Python literal, lists and mappings without quotes, itself."""
    for read in (_json, _literal):
        try:
            yield read(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    if text.startswith(_BRACKETS):
        yield _bare(text, _typed)
        yield _bare(text, _unquoted)
    else:
        yield text


def _past_structure(text: str, start: int) -> int:
    """Behind the bracket or quote that a value begins with; commas in it separate nothing of ours."""
    return (_closing(text, start) or len(text)) if text.startswith((*_BRACKETS, *_QUOTES), start) else start


def _closing(text: str, start: int) -> int | None:
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token["lone"]:
            return None
        depth += (token["open"] is not None) - (token["close"] is not None)
        if depth == 0:
            return token.end()
    return None


def _json(text: str) -> Any:
    return json.loads(text)


def _literal(text: str) -> Any:
    with warnings.catch_warnings():
        # Of escapes that Python does not know, in a text that may be no Python at all.
        warnings.simplefilter("ignore")
        return ast.literal_eval(text)


def _bare(text: str, read: Read) -> Any:
    """`[spot, on-demand]` and `{Team: data}`, as shells leave them when they have eaten the quotes."""
    items = [item for item in _split(text[1:-1], ",") if item]
    if text[0] != "{":
        return [read(item) for item in items]
    pairs = [[*_split(item, ":", 1), ""] for item in items]
    return {_unquoted(name): read(value) for name, value, *_ in pairs}


def _split(text: str, separator: str, most: int = -1) -> list[str]:
    """Split outside of quotes and brackets."""
    parts, start, depth = list[str](), 0, 0
    for token in _TOKEN.finditer(text):
        depth += (token["open"] is not None) - (token["close"] is not None)
        if depth == 0 and token[0] == separator and most != len(parts):
            parts.append(text[start : token.start()])
            start = token.end()
    return [part.strip() for part in (*parts, text[start:])]


def _typed(text: str) -> Any:
    return next(readings(text))


def _unquoted(text: str) -> Any:
    """The text, without quotes around it; lists and mappings within are taken apart in turn."""
    if text.startswith(_BRACKETS):
        return _bare(text, _unquoted)
    return _typed(text) if text.startswith(_QUOTES) else text
