"""What is particular about S3, against a small server."""

import io
import os
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from steprelay.runner.s3 import MAX_PART_BYTES, MAX_PARTS, S3Store, part_bytes
from tests.runner.s3_server import S3Server, s3_server


@pytest.fixture
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def store(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server.url,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return S3Store("data")


def test_conditions_go_as_headers_whatever_the_version_of_boto3(store: S3Store, server: S3Server) -> None:
    store.put_once("a", b"1")
    store.put_if_match("a", b"2", '"etag"')
    store.put("a", b"3")
    sent = [(headers.get("if-none-match"), headers.get("if-match")) for _, _, headers in server.requests]
    assert sent == [("*", None), (None, '"etag"'), (None, None)]


def test_a_conflict_of_concurrent_writes_is_tried_again(store: S3Store, server: S3Server) -> None:
    server.failures = [409]
    assert store.put_once("a", b"1")
    assert server.objects["/data/a"] == b"1"


def test_a_refused_write_is_an_error_and_not_taken_for_an_existing_object(store: S3Store, server: S3Server) -> None:
    server.failures = [403]
    with pytest.raises(ClientError, match="AccessDenied"):
        store.put_once("a", b"1")


def test_a_refused_read_is_not_taken_for_a_missing_object(store: S3Store, server: S3Server) -> None:
    for read in (store.get, store.exists):
        server.failures = [403]
        with pytest.raises(ClientError):
            read("a")


def test_a_small_download_is_one_request(store: S3Store, server: S3Server) -> None:
    server.objects["/data/a"] = b"body"
    into = io.BytesIO()
    store.download("a", into)
    assert (into.getvalue(), len(server.requests)) == (b"body", 1)


def test_a_forked_child_uses_connections_of_its_own(store: S3Store, server: S3Server) -> None:
    server.objects["/data/a"] = b"body"
    store.get("a")
    child = os.fork()
    if child == 0:
        store.after_fork()
        os._exit(0 if store.get("a") == b"body" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    store.get("a")
    parents, childs, parents_again = server.connections
    assert parents == parents_again != childs


MIB, GIB = 1024**2, 1024**3


@pytest.mark.parametrize(
    ("size", "part"),
    [
        (1, 8 * MIB),
        (5 * GIB, 8 * MIB),
        (8 * MIB * MAX_PARTS, 8 * MIB),
        (8 * MIB * MAX_PARTS + 1, 9 * MIB),
        (5 * 1024 * GIB, 525 * MIB),
        (MAX_PART_BYTES * MAX_PARTS, MAX_PART_BYTES),
    ],
)
def test_the_parts_of_an_object_are_as_many_and_as_large_as_s3_takes(size: int, part: int) -> None:
    assert part_bytes(size) == part
    assert part * MAX_PARTS >= size


def test_an_object_beyond_what_parts_can_make_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match="S3 takes no object of"):
        part_bytes(MAX_PART_BYTES * MAX_PARTS + 1)


class Endless(io.RawIOBase):
    """Bytes that nobody has in memory; `most` is what was read at a time."""

    def __init__(self, size: int) -> None:
        self.left, self.most = size, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        size = min(self.left, size)
        assert size >= 0
        self.left -= size
        self.most = max(self.most, size)
        return bytes(size)


def test_a_large_object_goes_up_in_parts_that_are_never_all_in_memory(store: S3Store, server: S3Server) -> None:
    body = Endless(100 * MIB)
    store.upload("big", body, 100 * MIB)  # type: ignore[arg-type]
    assert body.most <= 8 * MIB
    assert len(server.parts) == 13
    assert sum(server.parts.values()) == 100 * MIB
