"""Sets and counts of task indices as short texts, since DynamoDB keeps 400 KB in one item.

A set is its spans (`0-3,7`) or, where that is shorter, `~<first>:` and a bitmap from there on, zlib and base85. Counts
by index stay an object while there are few; beyond, they are `~` and lists of numbers, zlib and base85.
"""

import json
import zlib
from base64 import b85decode, b85encode
from collections.abc import Sequence
from typing import Any

Spans = Sequence[tuple[int, int]]

# Fewer spans than this are shorter as text whatever they are; fewer counts are readable, and short enough.
_SPANS_AS_TEXT = 12
_COUNTS_AS_OBJECT = 64
_PACKED = "~"


def spans_to_text(spans: Spans) -> str:
    """Sorted, disjoint spans as the shorter of both texts."""
    text = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
    if len(spans) < _SPANS_AS_TEXT:
        return text
    packed = f"{_PACKED}{spans[0][0]}:{_pack(_bitmap(spans))}"
    return min(text, packed, key=len)


def spans_from_text(text: str) -> tuple[tuple[int, int], ...]:
    """What `spans_to_text` wrote.

    Raises:
        ValueError: if it is not that.
    """
    if text.startswith(_PACKED):
        first, _, packed = text[1:].partition(":")
        return _runs(_unpack(packed), int(first))
    return tuple(_span(part) for part in text.split(",")) if text else ()


def counts_to_stored(counts: dict[int, int]) -> dict[int, int] | str:
    """Counts by index, as they are or packed."""
    if len(counts) < _COUNTS_AS_OBJECT:
        return counts
    members = sorted(counts)
    # Differences: indices without gaps become a row of ones.
    gaps = [member - before for before, member in zip([0, *members], members, strict=False)]
    document = json.dumps([gaps, [counts[member] for member in members]], separators=(",", ":"))
    return _PACKED + _pack(document.encode())


def counts_from_stored(stored: Any) -> Any:
    """What `counts_to_stored` made, for pydantic to look at.

    Raises:
        ValueError: if it is packed, but not by that.
    """
    if not isinstance(stored, str):
        return stored
    gaps, values = json.loads(_unpack(stored.removeprefix(_PACKED)))
    counts, member = {}, 0
    for gap, value in zip(gaps, values, strict=True):
        member += gap
        counts[member] = value
    return counts


def _span(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    return int(first), int(last if dash else first)


def _bitmap(spans: Spans) -> bytes:
    """Bit i (of byte i // 8, the lowest first) stands for the i-th index from the first one on."""
    start, end = spans[0][0], spans[-1][1]
    bits = bytearray(end - start + 1)
    for first, last in spans:
        bits[first - start : last - start + 1] = b"\1" * (last - first + 1)
    number = int(bits[::-1].translate(_DIGITS), 2)
    return number.to_bytes(len(bits) // 8 + 1, "little")


_DIGITS = bytes([ord("0"), ord("1")]) + bytes(254)


def _runs(bitmap: bytes, start: int) -> tuple[tuple[int, int], ...]:
    digits = bin(int.from_bytes(bitmap, "little"))[:1:-1]
    spans, at = [], 0
    while (first := digits.find("1", at)) >= 0:
        end = digits.find("0", first)
        at = end if end >= 0 else len(digits)
        spans.append((start + first, start + at - 1))
    return tuple(spans)


def _pack(body: bytes) -> str:
    # Of its characters JSON escapes none.
    return b85encode(zlib.compress(body, 9)).decode()


def _unpack(text: str) -> bytes:
    try:
        return zlib.decompress(b85decode(text))
    except zlib.error as error:
        raise ValueError(f"{text[:20]!r}… is nothing that was packed") from error
