"""Sets of task indices as ranges, so that ten thousand failing tasks stay a few bytes of state."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema

from steprelay_core.state.compact import spans_from_text, spans_to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Ranges:
    """A set of non-negative ints as sorted, disjoint, non-adjacent spans `(first, last)`, both included."""

    spans: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, *members: int) -> Ranges:
        return cls.collect(members)

    @classmethod
    def upto(cls, size: int) -> Ranges:
        """The members 0 to size-1."""
        return cls(((0, size - 1),)) if size else cls()

    @classmethod
    def collect(cls, members: Iterable[int]) -> Ranges:
        return cls._normal([(member, member) for member in members])

    @classmethod
    def _normal(cls, spans: list[tuple[int, int]]) -> Ranges:
        merged: list[tuple[int, int]] = []
        for first, last in sorted(spans):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
            else:
                merged.append((first, last))
        return cls(tuple(merged))

    def __or__(self, other: Ranges) -> Ranges:
        if not self.spans or not other.spans:
            return self if self.spans else other
        return self._normal([*self.spans, *other.spans])

    def __sub__(self, other: Ranges) -> Ranges:
        kept: list[tuple[int, int]] = []
        cuts, at = other.spans, 0
        for first, last in self.spans:
            while at < len(cuts) and cuts[at][1] < first:
                at += 1
            cut = at
            while cut < len(cuts) and cuts[cut][0] <= last and first <= last:
                if first < cuts[cut][0]:
                    kept.append((first, cuts[cut][0] - 1))
                first = cuts[cut][1] + 1
                cut += 1
            if first <= last:
                kept.append((first, last))
        return Ranges(tuple(kept))

    def __and__(self, other: Ranges) -> Ranges:
        return self - (self - other)

    def __contains__(self, member: int) -> bool:
        place = bisect_right(self.spans, (member, inf)) - 1
        return place >= 0 and member <= self.spans[place][1]

    def __iter__(self) -> Iterator[int]:
        for first, last in self.spans:
            yield from range(first, last + 1)

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.spans)

    def at(self, position: int) -> int:
        """The member at this position, counted from 0 in ascending order: how an array index finds its task.

        Raises:
            IndexError: if there are not that many members.
        """
        for first, last in self.spans:
            size = last - first + 1
            if position < size:
                return first + position
            position -= size
        raise IndexError(position)

    def position(self, member: int) -> int:
        """The position of a member, the reverse of `at`.

        Raises:
            ValueError: if it is not a member.
        """
        before = 0
        for first, last in self.spans:
            if first <= member <= last:
                return before + member - first
            before += last - first + 1
        raise ValueError(member)

    def chunks(self, size: int) -> Iterator[Ranges]:
        """Cut into parts of at most `size` members, in order."""
        rest = list(self.spans)
        while rest:
            taken: list[tuple[int, int]] = []
            room = size
            while rest and room:
                first, last = rest.pop(0)
                end = min(last, first + room - 1)
                taken.append((first, end))
                room -= end - first + 1
                if end < last:
                    rest.insert(0, (end + 1, last))
            yield Ranges(tuple(taken))

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        """Stored as text (`state.compact`); what older relays stored, an object with spans, is still read."""
        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.plain_serializer_function_ser_schema(cls._stored)
        )

    @classmethod
    def _read(cls, stored: Any) -> Ranges:
        if isinstance(stored, Ranges):
            return stored
        if isinstance(stored, str):
            return cls(spans_from_text(stored))
        if not isinstance(stored, dict):
            raise ValueError(f"{stored!r} is no set of members")  # noqa: TRY004 - pydantic asks for ValueErrors
        return cls(tuple((int(first), int(last)) for first, last in stored["spans"]))

    def _stored(self) -> str:
        return spans_to_text(self.spans)

    def first(self, size: int) -> Ranges:
        """The lowest members, at most so many."""
        return next(self.chunks(size), self) if size else Ranges()

    def __str__(self) -> str:
        return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in self.spans)
