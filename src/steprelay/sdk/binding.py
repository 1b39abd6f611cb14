"""What ties a flow object to the task it runs: set by the runner, used by `FlowSpec`.

An object that a person made (in a test, in a notebook) has a binding of its own without artifacts.

Values of this package are named tuples, not dataclasses: importing those doubles what `import steprelay` takes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from steprelay.sdk.transition import Pack, Taken, Way, hold

# Dunder names are never artifacts, so this one can live among the attributes of the object.
_ATTRIBUTE = "__steprelay_binding__"


class Ref(NamedTuple):
    """A stored artifact: the digest of its pickle (hex), its size in bytes, the name of its class.

    `body`: the pickle itself where it is small enough to travel in the outcome, instead of being an object.
    """

    sha256: str
    size: int
    type: str
    body: bytes | None = None


class Frame(Protocol):
    """A foreach that encloses the task: which split it is, of how many, and its item."""

    @property
    def index(self) -> int: ...
    @property
    def size(self) -> int: ...
    def item(self) -> Any: ...


def _nothing_stored(ref: Ref) -> Any:
    raise LookupError(ref.sha256)


class Binding:
    """The task as its flow object sees it.

    `ways`: where the step may go on to; None where nobody knows (outside a run). `carried`: artifacts that
    came in and are not yet read; `loaded`: those read, with the value as it was read. `pack`: keeps a foreach's items;
    `common`: what all inputs of a join have in common where there are none.
    """

    def __init__(
        self,
        step: str = "?",
        *,
        join: bool = False,
        ways: tuple[Way, ...] | None = None,
        parameters: Mapping[str, Any] | None = None,
        stack: Sequence[Frame] = (),
        carried: dict[str, Ref] | None = None,
        load: Callable[[Ref], Any] = _nothing_stored,
        pack: Pack = hold,
        common: Mapping[str, Ref] | None = None,
    ) -> None:
        self.step, self.join, self.ways = step, join, ways
        self.parameters = parameters or {}
        self.stack = stack
        self.carried = carried if carried is not None else {}
        self.loaded: dict[str, tuple[Ref, Any]] = {}
        self.load, self.pack = load, pack
        self.common = common or {}
        self.taken: Taken | None = None


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
