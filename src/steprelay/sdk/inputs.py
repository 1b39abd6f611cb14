"""What a join sees of the tasks that lead to it."""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Protocol, overload
from weakref import WeakValueDictionary

from steprelay.sdk.binding import Ref

# A join of at most so many inputs keeps what it has read of each.
_KEPT = 100


class Source(Protocol):
    """A finished task, read when asked for."""

    @property
    def step(self) -> str: ...
    @property
    def index(self) -> int | None: ...
    def artifacts(self) -> Mapping[str, Ref]: ...
    def value(self, name: str) -> Any: ...
    def item(self) -> Any: ...


class Input:
    """One finished task: its artifacts as attributes, read-only and loaded when first used.

    `index` and `input` are its split and item where it ran in a foreach.
    """

    def __init__(self, source: Source, flow: type, parameters: Mapping[str, Any]) -> None:
        self.__dict__.update(__source__=source, __flow__=flow, __parameters__=parameters)

    @property
    def index(self) -> int | None:
        return source_of(self).index

    @property
    def input(self) -> Any:
        return source_of(self).item()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        source = source_of(self)
        known = source.artifacts()
        if name in known:
            value = self.__dict__[name] = source.value(name)
            return value
        if hasattr(self.__dict__["__flow__"], name):
            return self._of_class(name)
        raise AttributeError(no_such_artifact(source.step, name, known))

    def _of_class(self, name: str) -> Any:
        """Parameters and class attributes are the same in every task."""
        attribute = getattr(self.__dict__["__flow__"], name)
        given = self.__dict__["__parameters__"]
        return given.get(getattr(attribute, "name", name), attribute)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"an input is read-only; assign to self.{name} in the join instead")

    def __repr__(self) -> str:
        source = source_of(self)
        return f"<input {source.step}{'' if source.index is None else f'.{source.index}'}>"


def source_of(given: Input) -> Source:
    """The task behind an input."""
    source: Source = given.__dict__["__source__"]
    return source


class Inputs:
    """The tasks that lead to a join: `inputs[0].x`, `for i in inputs`, `inputs[-3:]`, or by step, `inputs.left.x`.

    Nothing is read before it is used. Of more than `_KEPT` inputs, what was read is let go with the input itself:
    going over thousands holds no more than one, unless you keep them.
    A sequence in all but its base class, whose `count` and `index` would hide steps of these names.
    """

    def __init__(self, sources: Sequence[Source], flow: type, parameters: Mapping[str, Any]) -> None:
        self._sources, self._flow, self._parameters = sources, flow, parameters
        self._made: MutableMapping[int, Input] = {} if len(sources) <= _KEPT else WeakValueDictionary()

    @overload
    def __getitem__(self, index: int) -> Input: ...
    @overload
    def __getitem__(self, index: slice) -> "Inputs": ...
    def __getitem__(self, index: int | slice) -> "Input | Inputs":
        if isinstance(index, slice):
            return Inputs(self._sources[index], self._flow, self._parameters)
        position = range(len(self))[index] if -len(self) <= index < len(self) else self._beyond(index)
        made = self._made.get(position)
        if made is None:
            made = self._made[position] = Input(self._sources[position], self._flow, self._parameters)
        return made

    def _beyond(self, index: int) -> int:
        if not self._sources:
            raise IndexError(f"inputs[{index}]: there are no inputs, the foreach had no items; ask `if inputs:` first")
        raise IndexError(f"inputs[{index}]: there are {len(self)} inputs, from 0 to {len(self) - 1}")

    def __len__(self) -> int:
        return len(self._sources)

    def __iter__(self) -> Iterator[Input]:
        return (self[position] for position in range(len(self)))

    def __getattr__(self, step: str) -> Input:
        if step.startswith("_"):
            raise AttributeError(step)
        position = next((at for at, source in enumerate(self._sources) if source.step == step), None)
        if position is None:
            steps = ", ".join(dict.fromkeys(source.step for source in self._sources))
            hint = f"inputs come from {steps}" if steps else "there are no inputs, the foreach had no items"
            raise AttributeError(f"no input comes from a step {step!r}; {hint}")
        return self[position]

    def __repr__(self) -> str:
        return f"<{len(self)} inputs>"


def no_such_artifact(step: str, name: str, known: Mapping[str, object]) -> str:
    """The message for a misspelt or missing artifact, with the closest names there are."""
    from difflib import get_close_matches  # not at the top: only mistakes come here

    close = get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(sorted(known)) or 'none'}"
    return f"step {step!r} has no artifact {name!r}; {hint}"
