"""Storing and reading artifacts."""

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from steprelay.runner.artifacts import INLINE_BYTES, INLINE_TOTAL, SMALL_BYTES, ArtifactReader, ArtifactWriter, Payload
from steprelay.sdk.exceptions import ArtifactError
from tests.runner.folder_store import FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "bucket")


def _save(store: FolderStore, values: dict[str, Any], **more: Any) -> Any:
    return ArtifactWriter(ArtifactReader(store, "TheFlow"), "train").save(values, **{"loaded": {}, **more})


# Too large to travel in an outcome.
BIG = "x" * INLINE_BYTES


def test_small_values_travel_in_the_outcome_and_are_no_objects(store: FolderStore) -> None:
    refs = _save(store, {"a": [1, 2]})
    assert store.keys("artifacts/") == []
    assert ArtifactReader(store, "TheFlow").load(refs["a"]) == [1, 2]


def test_an_outcome_takes_only_so_many_small_values(store: FolderStore) -> None:
    values = {f"v{number}": f"{number:900}" for number in range(20)}
    refs = _save(store, values)
    inline = [ref for ref in refs.values() if ref.body is not None]
    assert sum(len(ref.body or b"") for ref in inline) <= INLINE_TOTAL
    assert len(store.keys("artifacts/")) == 20 - len(inline) > 0
    reader = ArtifactReader(store, "TheFlow")
    assert {name: reader.load(ref) for name, ref in refs.items()} == values


def test_content_known_from_an_outcome_only_is_stored_when_there_is_no_room_for_it(store: FolderStore) -> None:
    known = _save(store, {"a": [1]})["a"]
    refs = _save(store, {"b": [1]}, known=[known], room=0)
    assert refs["b"].body is None
    assert ArtifactReader(store, "TheFlow").load(refs["b"]) == [1]


def test_equal_values_are_stored_once(store: FolderStore) -> None:
    refs = _save(store, {"a": [BIG], "b": [BIG], "c": BIG})
    assert refs["a"] == refs["b"]
    assert len(store.keys("artifacts/")) == 2


def test_an_artifact_is_one_request_without_looking_first(store: FolderStore) -> None:
    refs = _save(store, {"a": BIG})
    assert store.requests == [("PUT", f"artifacts/TheFlow/{refs['a'].sha256}")]


def test_content_that_is_known_to_be_there_is_not_sent(store: FolderStore) -> None:
    refs = _save(store, {"a": BIG})
    store.requests.clear()
    assert _save(store, {"b": BIG}, known=[refs["a"]]) == {"b": refs["a"]}
    assert store.requests == []


def test_a_large_artifact_is_sent_in_parts_and_only_if_it_is_not_there(store: FolderStore) -> None:
    value = b"x" * (SMALL_BYTES + 1)
    refs = _save(store, {"a": value})
    assert [method for method, _ in store.requests] == ["HEAD", "UPLOAD"]
    assert ArtifactReader(store, "TheFlow").load(refs["a"]) == value
    store.requests.clear()
    assert _save(store, {"a": value}) == refs
    assert [method for method, _ in store.requests] == ["HEAD"]


def test_all_values_that_cannot_be_stored_are_named_at_once(store: FolderStore) -> None:
    with pytest.raises(ArtifactError) as caught:
        _save(store, {"good": 1, "function": lambda: 1, "generator": (x for x in "a")})
    assert "step 'train': self.function is a function and cannot be stored as an artifact" in str(caught.value)
    assert "step 'train': self.generator is a generator and cannot be stored" in str(caught.value)
    assert store.keys() == []


def test_a_class_that_is_not_there_when_reading_is_explained(store: FolderStore) -> None:
    refs = _save(store, {"a": BIG})
    (store.root / f"artifacts/TheFlow/{refs['a'].sha256}").write_bytes(b"cno_such_module\nThing\n.")
    with pytest.raises(ArtifactError, match=r"No module named 'no_such_module'.*in the package and in the image"):
        ArtifactReader(store, "TheFlow").load(refs["a"])


def test_a_large_value_is_never_copied_whole(tmp_path: Path) -> None:
    value = bytes(64 * 1024 * 1024)
    tracemalloc.start()
    try:
        payload = Payload(value, tmp_path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    payload.close()
    assert payload.ref.size > len(value)
    assert most < SMALL_BYTES
