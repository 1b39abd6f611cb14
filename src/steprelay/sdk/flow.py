"""`FlowSpec`: the base class of flows."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Literal

from steprelay.sdk.binding import binding_of, values_of
from steprelay.sdk.decoration import step_meta
from steprelay.sdk.exceptions import InvalidNext
from steprelay.sdk.inputs import Input, no_such_artifact, source_of
from steprelay.sdk.merge import merge
from steprelay.sdk.transition import (
    Taken,
    Way,
    check_empty,
    check_max_workers,
    chosen_case,
    find_way,
    items_of,
    step_names,
)

_RESERVED = frozenset({"next", "input", "index", "foreach_stack", "merge_artifacts"})


class FlowSpec:
    """A flow: methods marked with `@step`, from `start` on, each saying with `self.next` what follows.

    What a step assigns to `self` is an artifact: later steps find it there. `MyFlow()` at the end of a script
    hands over to the command line.
    """

    def __init__(self) -> None:
        if type(self).__module__ == "__main__":
            # Imported here: the command line needs far more than a step in a container has.
            from steprelay.cli.flow import main

            main(type(self))

    def next(
        self,
        *steps: Any,
        foreach: str | None = None,
        condition: str | None = None,
        empty: Literal["join", "fail"] = "join",
        max_workers: int | None = None,
        **unknown: Any,
    ) -> None:
        """Say what follows, once, at the end of every step but the last.

        `self.next(self.b)`; several steps make branches; `foreach="name"` starts one task of the step for each
        item of `self.name`, at most `max_workers` at a time; `self.next({"x": self.a, "y": self.b}, condition="name")`
        chooses by `self.name`.

        An iterator is read once, item by item, and is no artifact afterwards. Without items the join runs at once, with
        no inputs; `empty="fail"` fails this step instead.

        Raises:
            InvalidNext: if called twice, with something that is no step, or against the packed graph.
        """
        binding = binding_of(self)
        if unknown:
            known, given = "foreach, condition, empty and max_workers", ", ".join(unknown)
            raise InvalidNext(f"step {binding.step!r}: self.next knows {known}, not {given}")
        if binding.taken is not None:
            raise InvalidNext(f"step {binding.step!r} calls self.next a second time")
        if foreach is not None and condition is not None:
            raise InvalidNext(f"step {binding.step!r}: self.next takes foreach or condition, not both")
        if max_workers is not None:
            check_max_workers(binding.step, max_workers, foreach)
        when = None
        if condition is not None:
            value = self._named("condition", condition)
            steps = (chosen_case(binding.step, condition, value, steps[0] if len(steps) == 1 else None),)
            when = str(value)
        to = step_names(binding.step, steps)
        asked = Way(to, foreach, when, empty)
        value = None if foreach is None else self._named("foreach", foreach)
        items = None if foreach is None else items_of(binding.step, foreach, value, binding.pack)
        position = 0 if binding.ways is None else find_way(binding.step, binding.ways, to, foreach, when)
        if items is not None:
            check_empty(binding.step, asked if binding.ways is None else binding.ways[position], value, items)
            self._let_go(foreach, value)
        binding.taken = Taken(position, items)

    def _let_go(self, foreach: str | None, value: object) -> None:
        """An iterator has given all it had: nobody could use it any more, and few can be stored."""
        if isinstance(value, Iterator) and foreach is not None and self.__dict__.get(foreach) is value:
            del self.__dict__[foreach]

    @property
    def input(self) -> Any:
        """The item of the innermost foreach this task runs for; None outside any."""
        stack = binding_of(self).stack
        return stack[-1].item() if stack else None

    @property
    def index(self) -> int | None:
        """The position of `input` in its foreach, from 0; None outside any."""
        stack = binding_of(self).stack
        return stack[-1].index if stack else None

    def foreach_stack(self) -> list[tuple[int, int, Any]]:
        """(index, number of splits, item) of every enclosing foreach, outermost first."""
        return [(frame.index, frame.size, frame.item()) for frame in binding_of(self).stack]

    def merge_artifacts(
        self, inputs: Iterable[Input], exclude: Iterable[str] = (), include: Iterable[str] = ()
    ) -> None:
        """In a join: take over the inputs' artifacts that are not set here and do not differ between them.

        The join of a foreach without items takes over what the step had that started it.

        Raises:
            InvalidNext: outside a join.
            MergeConflict: if inputs differ in an artifact.
            MissingInMerge: if an artifact of `include` is in no input.
        """
        binding = binding_of(self)
        if not binding.join:
            raise InvalidNext(f"merge_artifacts works in a join; step {binding.step!r} does not take `inputs`")
        own = {*values_of(self), *binding.carried, *(name for name in dir(type(self)) if not name.startswith("__"))}
        given = iter(inputs)
        first = next(given, None)
        sources = (
            (binding.common,) if first is None else (source_of(each).artifacts() for each in chain((first,), given))
        )
        binding.carried.update(merge(binding.step, sources, own, _names(include), _names(exclude)))

    def _named(self, what: str, name: object) -> Any:
        binding = binding_of(self)
        if not isinstance(name, str):
            raise InvalidNext(f'step {binding.step!r}: {what} takes the name of an artifact, such as {what}="items"')
        try:
            return getattr(self, name)
        except AttributeError as error:
            raise InvalidNext(f"step {binding.step!r}: {what}={name!r} names nothing on self ({error})") from None

    def __getattr__(self, name: str) -> Any:
        # Only called for what is not on the object: an artifact not yet loaded, or a mistake.
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        binding = binding_of(self)
        ref = binding.carried.get(name)
        if ref is None:
            hint = "; a join finds artifacts on its `inputs`, or takes them over with merge_artifacts"
            known = {**binding.carried, **values_of(self)}
            raise AttributeError(no_such_artifact(binding.step, name, known) + (hint if binding.join else ""))
        value = binding.load(ref)
        binding.loaded[name] = (ref, value)
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _RESERVED:
            raise AttributeError(f"self.{name} belongs to steprelay; choose another name")
        if step_meta(getattr(type(self), name, None)) is not None:
            raise AttributeError(f"self.{name} is a step; choose another name for the artifact")
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        carried = binding_of(self).carried.pop(name, None)
        if name in self.__dict__:
            del self.__dict__[name]
        elif carried is None:
            object.__delattr__(self, name)


def _names(given: Iterable[str]) -> tuple[str, ...]:
    """A single name is taken as such, not letter by letter; Metaflow's None means nothing."""
    return (given,) if isinstance(given, str) else tuple(given or ())
