"""Storing and reading artifacts."""

from pathlib import Path
from typing import Any

import pytest

from steprelay.runner.artifacts import SMALL_BYTES, ArtifactReader, ArtifactWriter
from steprelay.sdk.exceptions import ArtifactError
from tests.runner.folder_store import FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "bucket")


def _save(store: FolderStore, values: dict[str, Any], **more: Any) -> Any:
    return ArtifactWriter(ArtifactReader(store, "TheFlow"), "train").save(values, **{"loaded": {}, **more})


def test_equal_values_are_stored_once(store: FolderStore) -> None:
    refs = _save(store, {"a": [1, 2], "b": [1, 2], "c": [3]})
    assert refs["a"] == refs["b"]
    assert len(store.keys("artifacts/")) == 2


def test_a_small_artifact_is_one_request_without_looking_first(store: FolderStore) -> None:
    refs = _save(store, {"a": 1})
    assert store.requests == [("PUT", f"artifacts/TheFlow/{refs['a'].sha256}")]


def test_content_that_is_known_to_be_there_is_not_sent(store: FolderStore) -> None:
    refs = _save(store, {"a": [1]})
    store.requests.clear()
    assert _save(store, {"b": [1]}, known=[refs["a"]]) == {"b": refs["a"]}
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
    refs = _save(store, {"a": 1})
    (store.root / f"artifacts/TheFlow/{refs['a'].sha256}").write_bytes(b"cno_such_module\nThing\n.")
    with pytest.raises(ArtifactError, match=r"No module named 'no_such_module'.*in the package and in the image"):
        ArtifactReader(store, "TheFlow").load(refs["a"])
