"""`Objects` on an S3 bucket."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from steprelay_core import keys
from steprelay_core.aws.clients import CONNECTIONS, Clients
from steprelay_core.aws.errors import error_code
from steprelay_core.codec import decode_outcome
from steprelay_core.spec import Flow, parse_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steprelay_core.state.model import TaskKey
    from steprelay_core.state.outcome import Outcome

# Specs are kept by digest, so a kept one never goes stale; this many, so a warm function does not grow.
_FLOWS_KEPT = 64
_CONFLICT_TRIES = 5


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

    def outcomes(self, run: str, tasks: Sequence[tuple[TaskKey, int]]) -> dict[tuple[TaskKey, int], Outcome]:
        wanted = [keys.outcome(run, task, attempt) for task, attempt in tasks]
        if len(wanted) < 2:
            bodies = [self._get(key) for key in wanted]
        else:
            with ThreadPoolExecutor(min(CONNECTIONS, len(wanted))) as pool:
                bodies = list(pool.map(self._get, wanted))
        found = zip(tasks, bodies, strict=True)
        return {(task, attempt): decode_outcome(body, attempt) for (task, attempt), body in found if body is not None}

    def _get(self, key: str) -> bytes | None:
        try:
            return self._clients.s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
