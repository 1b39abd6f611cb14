"""The packed items of a foreach."""

import threading
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from steprelay.runner.artifacts import SMALL_BYTES
from steprelay.runner.items import load_item, pack
from steprelay.sdk.exceptions import ArtifactError
from tests.runner.folder_store import FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "bucket")


def _put(store: FolderStore, items: Iterable[Any]) -> int:
    packed = pack("start", "things", items)
    packed.store(store, "items")
    store.requests.clear()
    return len(packed)


@pytest.mark.parametrize(("count", "size"), [(1, 5), (3, 0), (10_000, 3), (3, 100_000), (5_000, 50)])
def test_any_item_is_read_with_at_most_two_requests(store: FolderStore, count: int, size: int) -> None:
    items = [str(number).zfill(size) if size else "" for number in range(count)]
    assert _put(store, items) == count
    for index in sorted({0, 1, count // 2, count - 2, count - 1} & set(range(count))):
        store.requests.clear()
        assert load_item(store, "items", index) == items[index]
        assert len(store.requests) <= 2


def test_small_items_come_with_one_request(store: FolderStore) -> None:
    _put(store, range(100))
    assert load_item(store, "items", 99) == 99
    assert len(store.requests) == 1


@pytest.mark.parametrize(("index", "body"), [(1, None), (0, b"something else entirely, not items")])
def test_an_item_that_is_not_there_is_an_error(store: FolderStore, index: int, body: bytes | None) -> None:
    _put(store, ["a"])
    if body is not None:
        store.put("items", body)
    with pytest.raises(ValueError, match=f"items holds no item {index}"):
        load_item(store, "items", index)


def test_no_items_are_an_object_too(store: FolderStore) -> None:
    assert _put(store, []) == 0


def test_huge_items_go_through_the_disk_one_at_a_time_and_come_back_in_parts(
    store: FolderStore, tmp_path: Path
) -> None:
    alive: list[weakref.ref[_Huge]] = []
    most = 0

    def made() -> Iterator[_Huge]:
        nonlocal most
        for number in range(4):
            item = _Huge(number)
            alive.append(weakref.ref(item))
            most = max(most, sum(one() is not None for one in alive))
            yield item
            del item

    packed = pack("start", "things", made(), tmp_path)
    assert most <= 2  # the one at hand, and the one that is just being made
    packed.store(store, "items")
    assert [method for method, _ in store.requests] == ["UPLOAD"]
    store.requests.clear()
    item = load_item(store, "items", 3, tmp_path)
    assert isinstance(item, _Huge)
    assert (item.number, len(item.body)) == (3, 3 * SMALL_BYTES)
    assert len(store.requests) == 1 + 4
    assert list(tmp_path.glob("steprelay-*")) == []


class _Huge:
    def __init__(self, number: int) -> None:
        self.number, self.body = number, bytes(3 * SMALL_BYTES)


def test_an_item_that_cannot_be_stored_is_named(store: FolderStore) -> None:
    with pytest.raises(ArtifactError, match=r"step 'start': item 1 of self\.things is a lock and cannot be stored"):
        pack("start", "things", [1, threading.Lock()])


def test_what_the_iterator_raises_comes_through() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        pack("start", "things", broken())
