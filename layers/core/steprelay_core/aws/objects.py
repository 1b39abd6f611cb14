"""`Objects` on an S3 bucket."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from os.path import commonprefix
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from steprelay_core import keys
from steprelay_core.aws.clients import CONNECTIONS, Clients
from steprelay_core.aws.errors import error_code
from steprelay_core.codec import decode_outcome
from steprelay_core.ports import Ended
from steprelay_core.spec import Flow, parse_spec
from steprelay_core.state.claim import Claimed, decode_claim, encode_fence
from steprelay_core.state.ranges import Ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from steprelay_core.ports import Attempt
    from steprelay_core.state.model import GroupKey
    from steprelay_core.state.outcome import Outcome

# Specs are kept by digest, so a kept one never goes stale; this many, so a warm function does not grow.
_FLOWS_KEPT = 64
_CONFLICT_TRIES = 5

T = TypeVar("T")
R = TypeVar("R")


class S3Objects:
    """Needs s3:ListBucket besides reading and writing: without it S3 says "denied" for what is merely missing."""

    def __init__(self, clients: Clients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket
        self._flows: dict[str, Flow] = {}

    def flow(self, digest: str) -> Flow:
        if digest not in self._flows:
            body = self._get(keys.spec(digest))
            if body is None:
                raise LookupError(f"there is no package {digest}: {keys.spec(digest)} is missing in {self._bucket}")
            if len(self._flows) >= _FLOWS_KEPT:
                del self._flows[next(iter(self._flows))]
            self._flows[digest] = parse_spec(body)
        return self._flows[digest]

    def put_once(self, key: str, body: bytes) -> bool:
        for tries_left in reversed(range(_CONFLICT_TRIES)):
            try:
                self._clients.s3.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*")
            except ClientError as error:
                if error_code(error) == "PreconditionFailed":
                    return False
                # Another write of the key was under way, and S3 says neither which won nor that it is there.
                if error_code(error) != "ConditionalRequestConflict" or not tries_left:
                    raise
            else:
                return True
        return False

    def put(self, key: str, body: bytes) -> None:
        self._clients.s3.put_object(Bucket=self._bucket, Key=key, Body=body)

    def exists(self, key: str) -> bool:
        try:
            self._clients.s3.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            # HEAD has no body, and so no name for the error.
            if error_code(error) == "404":
                return False
            raise
        return True

    def outcomes(self, run: str, tasks: Sequence[Attempt]) -> dict[Attempt, Outcome]:
        bodies = _each(self._get, [keys.outcome(run, task, attempt) for task, attempt in tasks])
        found = zip(tasks, bodies, strict=True)
        return {(task, attempt): decode_outcome(body, attempt) for (task, attempt), body in found if body is not None}

    def ended(self, run: str, group: GroupKey, attempt: int, members: Ranges) -> Ended:
        outcomes = {keys.outcome(run, group.task(member), attempt): member for member in members}
        marks = {keys.failed_mark(run, group.task(member), attempt): member for member in members}
        caught = {keys.caught_mark(run, group.task(member), attempt): member for member in members}
        lowest, highest = str(members.spans[0][0]), str(members.spans[-1][1])
        # Of a hundred thousand tasks an array has those that begin alike: a tenth of the keys.
        begin = commonprefix([lowest, highest]) if len(lowest) == len(highest) else ""  # noqa: RUF071 - digits
        pages = self._clients.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=keys.tasks(run, group) + begin
        )
        listed = [found["Key"] for page in pages for found in page.get("Contents", [])]
        return Ended(
            Ranges.collect(outcomes[key] for key in listed if key in outcomes),
            Ranges.collect(marks[key] for key in listed if key in marks),
            Ranges.collect(caught[key] for key in listed if key in caught),
        )

    def claims(self, run: str, tasks: Sequence[Attempt]) -> dict[Attempt, Claimed | None]:
        found = _each(self._claim, [keys.claim(run, task, attempt) for task, attempt in tasks])
        return dict(zip(tasks, found, strict=True))

    def fence(self, run: str, tasks: Sequence[Attempt], seen: Mapping[Attempt, Claimed | None]) -> list[Attempt]:
        def take(attempt: Attempt) -> bool:
            key = keys.claim(run, *attempt)
            return self._replace(key, seen[attempt]) if attempt in seen else self._take(key)

        return [attempt for attempt, taken in zip(tasks, _each(take, tasks), strict=True) if not taken]

    def _claim(self, key: str) -> Claimed | None:
        try:
            found = self._clients.s3.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
        return decode_claim(found["Body"].read(), found["ETag"])

    def _take(self, key: str) -> bool:
        """Whoever holds it."""
        return any(self._replace(key, self._claim(key)) for _ in range(_CONFLICT_TRIES))

    def _replace(self, key: str, seen: Claimed | None) -> bool:
        """Write the dispatcher's claim over what was seen; False if it is not that any more."""
        if seen is not None and seen.fenced:
            return True
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if seen is None else {"IfMatch": seen.tag}
        for tries_left in reversed(range(_CONFLICT_TRIES)):
            try:
                self._clients.s3.put_object(Bucket=self._bucket, Key=key, Body=encode_fence(seen), **condition)
            except ClientError as error:
                if error_code(error) in ("PreconditionFailed", "NoSuchKey"):
                    break
                if error_code(error) != "ConditionalRequestConflict" or not tries_left:
                    raise
            else:
                return True
        # A write whose answer was lost is sent again by botocore, and finds itself.
        now = self._claim(key)
        return now is not None and now.fenced

    def _get(self, key: str) -> bytes | None:
        try:
            return self._clients.s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise


def _each(do: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Requests that do not wait for each other."""
    if len(items) < 2:
        return [do(item) for item in items]
    with ThreadPoolExecutor(min(CONNECTIONS, len(items))) as pool:
        return list(pool.map(do, items))
