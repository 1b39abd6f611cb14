"""Parameters of a flow: class attributes that each run is started with."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, NoReturn

from steprelay.sdk.binding import binding_of


class JSONType:
    """`Parameter(type=JSONType)`: any JSON value."""


_TYPE_NAMES: dict[object, str] = {
    str: "str", int: "int", float: "float", bool: "bool",
    dict: "json", list: "json", JSONType: "json",
    "str": "str", "int": "int", "float": "float", "bool": "bool", "json": "json",
}  # fmt: skip
_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


class Parameter:
    """A value that a run is started with, read as `self.<attribute>` in every step.

    `type`: `str`, `int`, `float`, `bool`, or `JSONType` (also `dict`, `list`); without it, the type of
    `default`, else `str`. `required`: a run must give it. Unknown keywords are kept in `unknown` for the
    compiler to report.
    """

    def __init__(
        self,
        name: str,
        default: Any = None,
        type: Any = None,  # noqa: A002 - Metaflow's name
        required: bool | None = None,
        help: str | None = None,  # noqa: A002 - Metaflow's name
        **unknown: Any,
    ) -> None:
        self.name = name
        self.default = default
        self.type = type
        self.required = bool(required)
        self.help = help
        self.unknown = unknown

    @property
    def type_name(self) -> str | None:
        """`str`, `int`, `float`, `bool` or `json`; None for a type that parameters cannot have."""
        kind = self.type
        if kind is None:
            kind = str if self.default is None else self.default.__class__
        return _TYPE_NAMES.get(kind) if isinstance(kind, Hashable) else None

    def convert(self, value: Any) -> Any:
        """Read a value from the outside, where text stands for any type.

        Raises:
            ValueError: if the value is not of the parameter's type.
        """
        if value is None or self.type_name in (None, "str"):
            return value
        try:
            return _READ[self.type_name](value)
        except (ValueError, TypeError):
            raise ValueError(f"parameter {self.name!r} must be {self.type_name}, given {value!r}") from None

    def __get__(self, flow: Any, owner: Any = None) -> Any:
        if flow is None:
            return self
        given = binding_of(flow).parameters
        return given[self.name] if self.name in given else self.convert(self.default)

    def __set__(self, flow: Any, value: Any) -> NoReturn:
        raise AttributeError(f"parameter {self.name!r} is read-only; assign to another name")


def _read_int(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(value)
    return int(value)


def _read_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise ValueError(value)
    return text in _TRUE


def _read_json(value: Any) -> Any:
    """Text that is JSON is read as such: values typed on a command line arrive as text."""
    if not isinstance(value, str):
        return value
    import json  # not at the top: few flows come here, and all import this

    try:
        return json.loads(value)
    except ValueError:
        return value


_READ: dict[str | None, Any] = {"int": _read_int, "float": float, "bool": _read_bool, "json": _read_json}


def parameters_of(flow: type) -> dict[str, Parameter]:
    """The parameters of a flow class by the attribute they are read as, base classes included."""
    found: dict[str, Parameter] = {}
    for owner in reversed(flow.__mro__):
        found.update({attribute: value for attribute, value in vars(owner).items() if isinstance(value, Parameter)})
    return found


class Parameters(Mapping[str, Any]):
    """All parameters of a run, read-only: `current.parameters["alpha"]` or `current.parameters.alpha`."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(f"the flow has no parameter {name!r}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Parameters({self._values!r})"
