"""The store on S3. boto3 is imported when the store is made: importing it costs more than a light step."""

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, BinaryIO

from steprelay.runner.store import Missing

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# Concurrent conditional writes of one key get a 409, which S3 asks to be tried again.
_CONFLICT_TRIES = 8
_ONE_REQUEST_BYTES = 8 * 1024 * 1024
# S3: one DeleteObjects takes so many.
_KEYS_PER_DELETE = 1000
# S3's own limits of a multipart upload: 10,000 parts, each of at most 5 GiB; together at most 5 TiB.
MAX_PARTS, MAX_PART_BYTES = 10_000, 5 * 1024**3
_MIB = 1024 * 1024
# What parts under way may take of memory together.
_IN_FLIGHT_BYTES = 64 * _MIB
_UPLOAD_THREADS = 8


def part_bytes(size: int) -> int:
    """How large the parts of an object of this size are: whole MiB, 8 of them unless that makes too many parts.

    Raises:
        ValueError: if no parts that S3 takes make so large an object.
    """
    part = max(_ONE_REQUEST_BYTES, -(-size // MAX_PARTS // _MIB) * _MIB)
    while part * MAX_PARTS < size:
        part += _MIB
    if part > MAX_PART_BYTES:
        raise ValueError(f"S3 takes no object of {size} bytes")
    return part


def make_client() -> "S3Client":
    """An S3 client for the environment's region, credentials and endpoint."""
    import boto3
    from botocore.config import Config

    custom = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": 8},
        max_pool_connections=32,
        connect_timeout=10,
        read_timeout=60,
        s3={"addressing_style": "path"} if custom else {},
    )
    client: S3Client = boto3.Session().client("s3", config=config)
    # The image's own boto3 wins over the bundle's and may not know If-None-Match, so it goes in as a header.
    client.meta.events.register("before-parameter-build.s3.PutObject", _lift_headers)
    client.meta.events.register("before-call.s3.PutObject", _add_headers)
    return client


def _lift_headers(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context["steprelay_headers"] = params.pop("Headers", {})


def _add_headers(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    params["headers"].update(context.get("steprelay_headers", {}))


class S3Store:
    """A bucket on S3, or on whatever answers at AWS_ENDPOINT_URL."""

    def __init__(self, bucket: str, client: "S3Client | None" = None) -> None:
        from botocore.exceptions import ClientError

        self._client = client or make_client()
        self._bucket = bucket
        self._client_error = ClientError

    def get(self, key: str) -> bytes:
        return self._get(key)["Body"].read()  # type: ignore[no-any-return]

    def get_tagged(self, key: str) -> tuple[bytes, str]:
        answer = self._get(key)
        return answer["Body"].read(), answer["ETag"]

    def get_range(self, key: str, first: int, last: int) -> bytes:
        return self._get(key, Range=f"bytes={first}-{last}")["Body"].read()  # type: ignore[no-any-return]

    def download(self, key: str, into: BinaryIO) -> None:
        answer = self._get(key)
        if answer["ContentLength"] <= _ONE_REQUEST_BYTES:
            into.write(answer["Body"].read())
            return
        # Large ones in parallel ranges; what this request would have brought is not read.
        answer["Body"].close()
        try:
            self._client.download_fileobj(self._bucket, key, into)
        except self._client_error as error:
            raise self._explain(error, key) from error

    def exists(self, key: str) -> bool:
        try:
            self._client.head_object(Bucket=self._bucket, Key=key)
        except self._client_error as error:
            if _code(error) in {"404", "NoSuchKey", "NotFound"}:
                return False
            raise
        return True

    def put(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body)

    def put_once(self, key: str, body: bytes) -> bool:
        return self._put_if(key, body, {"If-None-Match": "*"})

    def put_if_match(self, key: str, body: bytes, etag: str) -> bool:
        return self._put_if(key, body, {"If-Match": etag})

    def upload(self, key: str, body: BinaryIO, size: int) -> None:
        from boto3.s3.transfer import TransferConfig

        part = part_bytes(size)
        threads = max(1, min(_UPLOAD_THREADS, _IN_FLIGHT_BYTES // part))
        config = TransferConfig(multipart_chunksize=part, max_concurrency=threads)
        # s3transfer reads so many parts into memory before it waits.
        config.max_in_memory_upload_chunks = threads
        self._client.upload_fileobj(body, self._bucket, key, Config=config)

    def list_keys(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", ())]

    def delete(self, keys: Iterable[str]) -> None:
        left = list(keys)
        while left:
            portion, left = left[:_KEYS_PER_DELETE], left[_KEYS_PER_DELETE:]
            objects: Any = {"Objects": [{"Key": key} for key in portion], "Quiet": True}
            self._client.delete_objects(Bucket=self._bucket, Delete=objects)

    def after_fork(self) -> None:
        # Closes this process's copies of the sockets and empties the pool; the client itself stays usable.
        self._client.close()

    def _get(self, key: str, **more: Any) -> Any:
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key, **more)
        except self._client_error as error:
            raise self._explain(error, key) from error

    def _put_if(self, key: str, body: bytes, headers: dict[str, str]) -> bool:
        for left in reversed(range(_CONFLICT_TRIES)):
            try:
                put: Any = self._client.put_object  # `Headers` is ours, see _lift_headers
                put(Bucket=self._bucket, Key=key, Body=body, Headers=headers)
            except self._client_error as error:
                if _code(error) in {"PreconditionFailed", "412"}:
                    return False
                if _code(error) not in {"ConditionalRequestConflict", "OperationAborted"} or not left:
                    raise
                time.sleep(0.05 * 2 ** (_CONFLICT_TRIES - left))
            else:
                return True
        raise AssertionError("unreachable")

    def _explain(self, error: Exception, key: str) -> Exception:
        if _code(error) in {"404", "NoSuchKey", "NotFound"}:
            return Missing(f"s3://{self._bucket}/{key} does not exist")
        return error


def _code(error: Exception) -> str:
    response: dict[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))
