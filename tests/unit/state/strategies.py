"""Any state the relay may have to store, for Hypothesis: derived from the dataclasses, so a new field is covered."""

from dataclasses import fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from steprelay_core.state.ranges import Ranges

# Lone surrogates are stored as `?`: a test of its own.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)

_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(0, 9_999),
    float: st.floats(0, 4e9, allow_nan=False),
    bool: st.booleans(),
    NoneType: st.none(),
    Any: json_values,
    Ranges: st.sets(st.integers(0, 9_999), min_size=1, max_size=8).map(Ranges.collect),
}


def any_value(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type as the state's dataclasses use them."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    if is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint)
        return st.builds(hint, **{part.name: any_value(hints[part.name]) for part in fields(hint) if part.init})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    return _generic(get_origin(hint), get_args(hint))


def _generic(origin: Any, of: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if origin is Literal:
        return st.sampled_from(of)
    if origin in (Union, UnionType):
        return st.one_of(*(any_value(one) for one in of))
    if origin is dict:
        return st.dictionaries(any_value(of[0]), any_value(of[1]), max_size=3)
    if origin is tuple and of[-1] is Ellipsis:
        return st.lists(any_value(of[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*(any_value(one) for one in of))
    raise TypeError(f"the state has no values of {origin} {of}")
