"""Cutting work into the sizes that AWS calls take."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Parts of at most `size` items, in order."""
    return (items[start : start + size] for start in range(0, len(items), size))
