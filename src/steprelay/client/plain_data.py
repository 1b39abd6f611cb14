"""Showing small artifacts without running anybody's code: a pickle of plain data is read, any other is left alone."""

import io
import pickle
from reprlib import Repr
from typing import Any

# What plain pickles name. Nothing here allocates by an argument (bytearray, range) or calls back into other code.
PLAIN = frozenset(
    {
        ("builtins", "complex"),
        ("collections", "Counter"),
        ("collections", "OrderedDict"),
        ("collections", "deque"),
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("datetime", "time"),
        ("datetime", "timedelta"),
        ("datetime", "timezone"),
        ("decimal", "Decimal"),
        ("fractions", "Fraction"),
        ("pathlib", "PosixPath"),
        ("pathlib", "PurePosixPath"),
        ("uuid", "UUID"),
    }
)


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in PLAIN:
            raise pickle.UnpicklingError(f"{module}.{name} is not plain data")
        return super().find_class(module, name)


def show_plain(pickled: bytes) -> str | None:
    """A short repr, or None for what is not plain data."""
    try:
        value = _PlainUnpickler(io.BytesIO(pickled)).load()
        return _shorten().repr(value)
    except Exception:  # a pickle made to break readers may raise anything
        return None


def _shorten() -> Repr:
    """`reprlib` also bounds depth, so that a value which holds itself many times over stays short."""
    short = Repr()
    short.maxstring = short.maxother = short.maxlong = 80
    short.maxlist = short.maxtuple = short.maxset = short.maxdict = 8
    return short
