"""The items of a foreach in one object, laid out so that a split reads its own with at most two ranged GETs.

Layout: magic `SRI1`, the count, count + 1 offsets (unsigned, 8 bytes, big-endian; from the start of the
object), then the pickled items. A large item is read in parts.
"""

import os
import pickle
import struct
import sys
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import RawIOBase
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from steprelay.runner.artifacts import PICKLE_PROTOCOL, SMALL_BYTES, Spool
from steprelay.runner.store import Store
from steprelay.sdk.exceptions import ArtifactError, TimeoutException

MAGIC = b"SRI1"
_HEAD = len(MAGIC) + 8
# The first GET asks for this much: small items come along with their table.
_FIRST_BYTES = 32 * 1024
_THREADS = 4


class PackedItems:
    """Pickled items, in memory while they are few, else in a temporary file in `folder`. Only one is held at a time."""

    def __init__(self, folder: Path | None = None) -> None:
        self._spool = Spool(folder)
        self._ends = array("Q")

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, item: Any) -> None:
        """Raises whatever pickling raises."""
        pickle.Pickler(cast("BinaryIO", self._spool), PICKLE_PROTOCOL).dump(item)
        self._ends.append(self._spool.size)

    def store(self, store: Store, key: str) -> None:
        """Write them, once: the file is gone afterwards."""
        first = _HEAD + 8 * (len(self) + 1)
        offsets = array("Q", [len(self), first, *(first + end for end in self._ends)])
        if sys.byteorder == "little":
            offsets.byteswap()
        head, size = MAGIC + offsets.tobytes(), first + (self._ends[-1] if self._ends else 0)
        with self._spool.file as file:
            file.seek(0)
            if size <= SMALL_BYTES:
                store.put(key, head + file.read())
            else:
                store.upload(key, cast("BinaryIO", _Joined(head, file)), size)


class _Joined(RawIOBase):
    """What is in memory, then what is in a file, for reading from begin to end."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            taken, self._head = self._head, b""
            return taken + self._rest.read()
        taken, self._head = self._head[:size], self._head[size:]
        return taken + self._rest.read(size - len(taken))


def pack(step: str, foreach: str, items: Iterable[Any], spool: Path | None = None) -> PackedItems:
    """Pickle the items one by one, as they come.

    Raises:
        ArtifactError: if one cannot be pickled; it names it.
    """
    packed = PackedItems(spool)
    for position, item in enumerate(items):
        try:
            packed.add(item)
        except TimeoutException:
            raise
        except Exception as error:  # pickling runs people's code, which may raise anything
            raise ArtifactError(
                f"step {step!r}: item {position} of self.{foreach} is a {type(item).__qualname__} and cannot be stored "
                f"({type(error).__name__}: {error})"
            ) from error
    return packed


def item_range(store: Store, key: str, index: int) -> tuple[int, int, bytes | None]:
    """Where the pickled item lies in the object (first byte, end), and its bytes if they came along.

    Raises:
        ValueError: if the object is not packed items or has no such index.
    """
    entry = _HEAD + 8 * index
    near = entry + 16 <= _FIRST_BYTES
    start = 0 if near else entry
    window = store.get_range(key, start, start + (_FIRST_BYTES if near else 16) - 1)
    if near and (window[: len(MAGIC)] != MAGIC or index >= struct.unpack_from(">Q", window, len(MAGIC))[0]):
        raise ValueError(f"{key} holds no item {index}")
    first, end = struct.unpack_from(">2Q", window, entry - start)
    return first, end, window[first:end] if near and end <= len(window) else None


def load_item(store: Store, key: str, index: int, spool: Path | None = None) -> object:
    """The item at this index. `spool`: a folder on disk, through which a large one goes.

    Raises:
        ValueError: if the object is not packed items or has no such index.
    """
    first, end, body = item_range(store, key, index)
    if body is None and end - first > SMALL_BYTES:
        with tempfile.TemporaryFile(prefix="steprelay-", dir=spool) as file:
            _read_into(file.fileno(), store, key, first, end)
            return pickle.load(file)  # noqa: S301 - the run's own data
    return pickle.loads(body or store.get_range(key, first, end - 1))  # noqa: S301 - the run's own data


def _read_into(descriptor: int, store: Store, key: str, first: int, end: int) -> None:
    """Bytes `first` to `end` into a file, in parallel parts."""

    def read(part: tuple[int, int]) -> None:
        os.pwrite(descriptor, store.get_range(key, part[0], part[1] - 1), part[0] - first)

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="steprelay-read") as pool:
        list(pool.map(read, _parts(first, end)))


def _parts(first: int, end: int) -> Iterator[tuple[int, int]]:
    return ((at, min(at + SMALL_BYTES, end)) for at in range(first, end, SMALL_BYTES))
