"""What every store must do: the fake that the other tests use, and the one on S3."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from steprelay.runner.s3 import S3Store
from steprelay.runner.store import Missing, Store
from tests.runner.folder_store import FolderStore


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    if request.param == "folder":
        yield FolderStore(tmp_path / "bucket")
        return
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="data")
        yield S3Store("data")


def test_what_is_put_can_be_got(store: Store) -> None:
    store.put("a/b", b"first")
    store.put("a/b", b"second")
    assert store.get("a/b") == b"second"


def test_a_missing_key_is_missing(store: Store) -> None:
    for read in (store.get, store.get_tagged, lambda key: store.download(key, io.BytesIO())):
        with pytest.raises(Missing, match="nothing"):
            read("nothing")
    with pytest.raises(Missing):
        store.get_range("nothing", 0, 1)
    assert not store.exists("nothing")


def test_ranges_include_both_ends_and_stop_at_the_objects(store: Store) -> None:
    store.put("a", b"0123456789")
    assert store.get_range("a", 2, 4) == b"234"
    assert store.get_range("a", 8, 100) == b"89"


def test_put_once_writes_only_the_first_time(store: Store) -> None:
    assert store.put_once("a", b"first")
    assert not store.put_once("a", b"second")
    assert store.get("a") == b"first"


def test_put_if_match_replaces_only_what_was_read(store: Store) -> None:
    store.put("a", b"first")
    body, tag = store.get_tagged("a")
    assert body == b"first"
    assert store.put_if_match("a", b"second", tag)
    assert not store.put_if_match("a", b"third", tag)
    assert store.get("a") == b"second"


def test_files_of_any_size_go_up_and_come_down(store: Store) -> None:
    body = os.urandom(9 * 1024 * 1024)
    store.upload("big", io.BytesIO(body), len(body))
    assert store.exists("big")
    into = io.BytesIO()
    store.download("big", into)
    assert into.getvalue() == body


def test_keys_are_listed_by_how_they_start_and_in_order(store: Store) -> None:
    for key in ("a/2", "a/10", "ab", "b"):
        store.put(key, b"")
    assert store.list_keys("a/") == ["a/10", "a/2"]
    assert store.list_keys("c") == []


def test_deleting_takes_any_number_of_keys_whether_they_are_there_or_not(store: Store) -> None:
    for key in ("a", "b", "c"):
        store.put(key, b"")
    store.delete([*(f"none/{number}" for number in range(1500)), "a", "b"])
    store.delete([])
    assert store.list_keys("") == ["c"]


def test_it_stays_usable_after_a_fork(store: Store) -> None:
    store.put("a", b"1")
    store.after_fork()
    assert store.get("a") == b"1"
