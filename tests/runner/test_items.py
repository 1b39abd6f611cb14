"""The packed items of a foreach."""

import pickle
from pathlib import Path

import pytest

from steprelay.runner.items import load_item, pack_items, read_item
from tests.runner.folder_store import FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "bucket")


@pytest.mark.parametrize(("count", "size"), [(1, 5), (3, 0), (10_000, 3), (3, 100_000), (5_000, 50)])
def test_any_item_is_read_with_at_most_two_requests(store: FolderStore, count: int, size: int) -> None:
    blobs = [str(number).encode().zfill(size) if size else b"" for number in range(count)]
    store.put("items", pack_items(blobs))
    for index in sorted({0, 1, count // 2, count - 2, count - 1} & set(range(count))):
        store.requests.clear()
        assert read_item(store, "items", index) == blobs[index]
        assert len(store.requests) <= 2


def test_small_items_come_with_one_request(store: FolderStore) -> None:
    store.put("items", pack_items(pickle.dumps(number) for number in range(100)))
    store.requests.clear()
    assert load_item(store, "items", 99) == 99
    assert len(store.requests) == 1


@pytest.mark.parametrize(("body", "index"), [(pack_items([b"a"]), 1), (b"something else entirely, not items", 0)])
def test_an_item_that_is_not_there_is_an_error(store: FolderStore, body: bytes, index: int) -> None:
    store.put("items", body)
    with pytest.raises(ValueError, match=f"items holds no item {index}"):
        read_item(store, "items", index)
