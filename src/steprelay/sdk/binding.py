"""What ties a flow object to the task it runs: set by the runner, used by `FlowSpec`.

An object that a person made (in a test, in a notebook) has a binding of its own without artifacts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from steprelay.sdk.transition import Taken, Way

# Dunder names are never artifacts, so this one can live among the attributes of the object.
_ATTRIBUTE = "__steprelay_binding__"


@dataclass(frozen=True, slots=True)
class Ref:
    """A stored artifact: the digest of its pickle (hex), its size in bytes, the name of its class."""

    sha256: str
    size: int
    type: str


class Frame(Protocol):
    """A foreach that encloses the task: which split it is, of how many, and its item."""

    @property
    def index(self) -> int: ...
    @property
    def size(self) -> int: ...
    def item(self) -> Any: ...


def _nothing_stored(ref: Ref) -> Any:
    raise LookupError(ref.sha256)


@dataclass
class Binding:
    """The task as its flow object sees it.

    `ways`: where the step may go on to; None where nobody knows (outside a run). `carried`: artifacts that
    came in and are not yet read; `loaded`: those read, with the value as it was read.
    """

    step: str = "?"
    join: bool = False
    ways: tuple[Way, ...] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    stack: Sequence[Frame] = ()
    carried: dict[str, Ref] = field(default_factory=dict)
    loaded: dict[str, tuple[Ref, Any]] = field(default_factory=dict)
    load: Callable[[Ref], Any] = _nothing_stored
    taken: Taken | None = None


def bind(flow: object, binding: Binding) -> None:
    """Tie a flow object to its task."""
    flow.__dict__[_ATTRIBUTE] = binding


def binding_of(flow: object) -> Binding:
    """The binding of a flow object, made on first use."""
    binding = flow.__dict__.get(_ATTRIBUTE)
    if binding is None:
        binding = Binding()
        bind(flow, binding)
    assert isinstance(binding, Binding)  # noqa: S101 - for the type checker
    return binding


def values_of(flow: object) -> dict[str, Any]:
    """The artifacts that live on the object: those assigned and those read."""
    return {name: value for name, value in flow.__dict__.items() if not (name.startswith("__") and name.endswith("__"))}
