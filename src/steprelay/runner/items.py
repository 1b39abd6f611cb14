"""The items of a foreach in one object, laid out so that a split reads its own with at most two ranged GETs.

Layout: magic `SRI1`, the count, count + 1 offsets (unsigned, 8 bytes, big-endian; from the start of the
object), then the pickled items.
"""

import pickle
import struct
from collections.abc import Iterable

from steprelay.runner.store import Store

MAGIC = b"SRI1"
_HEAD = len(MAGIC) + 8
# The first GET asks for this much: small items come along with their table.
_FIRST_BYTES = 32 * 1024


def pack_items(pickled: Iterable[bytes]) -> bytes:
    """One object out of the pickled items."""
    blobs = list(pickled)
    offsets = [_HEAD + 8 * (len(blobs) + 1)]
    for blob in blobs:
        offsets.append(offsets[-1] + len(blob))
    return b"".join([MAGIC, struct.pack(f">{len(blobs) + 2}Q", len(blobs), *offsets), *blobs])


def read_item(store: Store, key: str, index: int) -> bytes:
    """The pickled item at this index.

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
    if near and end <= len(window):
        return window[first:end]
    return store.get_range(key, first, end - 1)


def load_item(store: Store, key: str, index: int) -> object:
    """The item at this index.

    Raises:
        ValueError: if the object is not packed items or has no such index.
    """
    return pickle.loads(read_item(store, key, index))  # noqa: S301 - the run's own data
