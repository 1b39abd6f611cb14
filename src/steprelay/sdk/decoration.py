"""What decorators leave on functions and classes: the record that the compiler reads."""

import sys
from typing import Any, NamedTuple

STEP_ATTRIBUTE = "__steprelay__"
FLOW_ATTRIBUTE = "__steprelay_flow__"


class Decoration(NamedTuple):
    """One use of a decorator, unchecked: what was given by name and by position, and where it was written."""

    name: str
    arguments: dict[str, Any]
    line: int | None
    file: str | None
    positional: tuple[Any, ...] = ()


class StepMeta:
    """What is known of a function in a flow; `decorations` from the top one down, without a plain `@step`."""

    def __init__(self) -> None:
        self.is_step = False
        self.decorations: list[Decoration] = []


def step_meta(function: object) -> StepMeta | None:
    """The record on a function or bound method, if a decorator left one."""
    meta = getattr(function, STEP_ATTRIBUTE, None)
    return meta if isinstance(meta, StepMeta) else None


def record(name: str, given: tuple[Any, ...], arguments: dict[str, Any]) -> Any:
    """Record a decorator written two frames up, on the function or class that it stands on.

    Nothing is refused: misuse (`@batch(4)`, `@schedule` on a step) is recorded as well, so that the compiler
    can tell all of it at once.
    """
    bare = len(given) == 1 and not arguments and callable(given[0])
    caller = sys._getframe(2)  # noqa: SLF001 - the documented way to learn where a decorator stands
    place = caller.f_lineno, caller.f_code.co_filename
    decoration = Decoration(name, arguments, *place, () if bare else given)

    def add(decorated: Any) -> Any:
        _attach(decorated, decoration)
        return decorated

    return add(given[0]) if bare else add


def _attach(decorated: Any, decoration: Decoration) -> None:
    if isinstance(decorated, type):
        # A list of its own for each class, or a subclass would write into its parent's.
        known: list[Decoration] = decorated.__dict__.get(FLOW_ATTRIBUTE, [])
        setattr(decorated, FLOW_ATTRIBUTE, [decoration, *known])
        return
    meta = step_meta(decorated)
    if meta is None:
        meta = StepMeta()
        setattr(decorated, STEP_ATTRIBUTE, meta)
    if decoration.name == "step":
        meta.is_step = True
    if decoration.name != "step" or decoration.positional or decoration.arguments:
        meta.decorations.insert(0, decoration)
