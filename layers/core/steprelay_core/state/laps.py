"""Laps: how often a task, and each split around it, has gone back in the loop that its step is in.

One counter for the outermost level and one for each foreach or branch that encloses the step, outermost first; zeros
at the end are cut, so that `()` is where nobody went back.
"""

from collections.abc import Iterable

Laps = tuple[int, ...]

# A level may have so many laps: each is kept in the state of the run, and a loop that never ends must.
LAPS_LIMIT = 1_000


def trimmed(counters: Iterable[int]) -> Laps:
    """These counters as laps."""
    laps = list(counters)
    while laps and not laps[-1]:
        laps.pop()
    return tuple(laps)


def next_lap(laps: Laps, levels: int) -> Laps:
    """One lap more of the innermost of so many levels."""
    *outer, innermost = (*laps, *[0] * (levels - len(laps)))
    return (*outer, innermost + 1)


def written(laps: Laps) -> str:
    """As text: `2`, `0-2`; empty in the first lap of everything."""
    return "-".join(map(str, laps))


def read_laps(text: str) -> Laps:
    """What `written` wrote; `0` also means no lap.

    Raises:
        ValueError: if that is not numbers joined by `-`.
    """
    counters = text.split("-") if text else []
    if not all(part.isascii() and part.isdecimal() for part in counters):
        raise ValueError(text)
    return trimmed(map(int, counters))
