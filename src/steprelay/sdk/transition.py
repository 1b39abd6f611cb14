"""From what `self.next` was given to the way on that the flow's graph has. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any, NamedTuple

from steprelay.sdk.decoration import step_meta
from steprelay.sdk.exceptions import InvalidNext


class Way(NamedTuple):
    """One way on from a step: to one step, to several at once, or to one for each item of `foreach`.

    `when` is the text of the condition's value that leads here. `empty`: what a foreach without items does, `join` or
    `fail`.
    """

    to: tuple[str, ...]
    foreach: str | None = None
    when: str | None = None
    empty: str = "join"

    def __str__(self) -> str:
        return ", ".join(self.to) + (f" for each of self.{self.foreach}" if self.foreach else "")


class Taken(NamedTuple):
    """The way a step took: its position among the step's ways, and the items of a foreach, however they are kept."""

    position: int
    items: Sized | None = None


# Takes the items of a foreach one by one; the name of the artifact is for its messages.
Pack = Callable[[str, Iterator[Any]], Sized]


def hold(_foreach: str, items: Iterator[Any]) -> Sized:
    """Outside of a run there is no store to put them in."""
    return tuple(items)


def step_names(step: str, given: Sequence[object]) -> tuple[str, ...]:
    """The names of the steps given to `self.next`.

    Raises:
        InvalidNext: if one of them is not a step.
    """
    if not given:
        raise InvalidNext(f"step {step!r}: self.next() needs the step to go on to, such as self.next(self.end)")
    for position, function in enumerate(given, 1):
        meta = step_meta(function)
        if meta is None or not meta.is_step:
            shown = getattr(function, "__name__", None) or repr(function)
            raise InvalidNext(f"step {step!r}: argument {position} of self.next is {shown}, which is not a @step")
    return tuple(str(getattr(function, "__name__", "")) for function in given)


def chosen_case(step: str, condition: str, value: object, cases: object) -> object:
    """The step of the case that the condition's value names.

    Raises:
        InvalidNext: if there is no such case; it names the condition, its value and the cases.
    """
    if not isinstance(cases, Mapping) or not cases:
        raise InvalidNext(f"step {step!r}: self.next with a condition takes one dict of values to steps")
    try:
        return cases[value]
    except (KeyError, TypeError):
        known = ", ".join(repr(case) for case in cases)
        raise InvalidNext(
            f"step {step!r}: self.{condition} is {shorten(value)}, and self.next has no such case (cases: {known})"
        ) from None


def check_max_workers(step: str, given: object, foreach: str | None) -> None:
    """See that it bounds a foreach by a number; the relay keeps to the one that the flow was packed with.

    Raises:
        InvalidNext: if it does not.
    """
    if foreach is None:
        raise InvalidNext(f"step {step!r}: self.next takes max_workers only beside foreach")
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise InvalidNext(f"step {step!r}: max_workers must be a whole number from 1 on, given {shorten(given)}")


def items_of(step: str, foreach: str, value: object, pack: Pack = hold) -> Sized:
    """The items of a foreach, each taken from the value once.

    Raises:
        InvalidNext: if the value cannot be iterated.
    """
    try:
        items = iter(value)  # type: ignore[call-overload]
    except TypeError as error:
        if isinstance(value, Iterable):  # the fault lies in the person's own iterator
            raise
        raise InvalidNext(
            f"step {step!r}: foreach needs something to iterate over, but self.{foreach} is {shorten(value)} ({error})"
        ) from None
    return pack(foreach, items)


def check_empty(step: str, way: Way, value: object, items: Sized) -> None:
    """Hold the flow to its word.

    Raises:
        InvalidNext: if there are no items and the way on wants some.
    """
    if way.empty == "fail" and not len(items):
        raise InvalidNext(
            f'step {step!r}: self.{way.foreach} is {shorten(value)} and has no items, which empty="fail" forbids'
        )


def find_way(step: str, ways: Sequence[Way], to: tuple[str, ...], foreach: str | None, when: str | None = None) -> int:
    """The position of the way that goes to these steps; among equals the one with this `when`.

    Raises:
        InvalidNext: if the step's graph has no such way.
    """
    fitting = [position for position, way in enumerate(ways) if way.to == to and way.foreach == foreach]
    if not fitting:
        asked = Way(to, foreach)
        known = "; ".join(str(way) for way in ways)
        raise InvalidNext(
            f"step {step!r} goes on to {asked}, but "
            + (f"the flow was packed with these ways on: {known}" if known else "it is the last step of the flow")
        )
    return next((position for position in fitting if ways[position].when == when), fitting[0])


def shorten(value: object, limit: int = 80) -> str:
    """A value as it is shown in a message."""
    try:
        text = repr(value)
    except Exception as error:  # a person's own __repr__
        text = f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
