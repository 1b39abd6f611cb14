"""boto3 clients that talk to a target: AWS, or the embedded relay's endpoint."""

from __future__ import annotations

import os
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError

from steprelay_core.aws.clients import Clients

if TYPE_CHECKING:
    from types_boto3_batch import BatchClient
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client

Credentials = tuple[str, str]

# In botocore's form (configuration name, variable, default, conversion): an embedded relay is no matter for the
# profiles of whoever uses it, and a profile that does not exist would stop botocore.
_NO_PROFILE: dict[str, Any] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


# A relay that does not answer is waited for: half a minute, and as long as its connections take to be refused.
_RELAY_PAUSE = 0.25
_RELAY_TRIES = 120
_STARTING = 503


class TargetClients(Clients):
    """Made on first use. Without an endpoint, region and credentials are found the way all AWS tools find them."""

    def __init__(
        self, endpoint_url: str | None = None, region: str | None = None, credentials: Credentials | None = None
    ) -> None:
        self._endpoint_url = endpoint_url
        # Clients can be used by several threads, but a session can make only one at a time.
        self._making = Lock()
        access, secret = credentials or (None, None)
        core = botocore.session.Session(session_vars=_NO_PROFILE if endpoint_url else None)
        self._boto = boto3.session.Session(access, secret, None, region, core)

    @property
    def region(self) -> str | None:
        """Where it looks, if anybody has said so."""
        return self._boto.region_name

    @cached_property
    def batch(self) -> BatchClient:
        return cast("BatchClient", self._client("batch"))

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        return cast("CloudFormationClient", self._client("cloudformation"))

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return cast("DynamoDBClient", self._client("dynamodb"))

    @cached_property
    def events(self) -> EventBridgeClient:
        return cast("EventBridgeClient", self._client("events"))

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        return cast("CloudWatchLogsClient", self._client("logs"))

    @cached_property
    def s3(self) -> S3Client:
        return cast("S3Client", self._client("s3"))

    def _client(self, service: Any) -> object:
        # Buckets of the embedded relay have no host names of their own.
        style: Any = {"addressing_style": "path"} if self._endpoint_url else None
        config = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, s3=style)
        with self._making:
            made: Any = self._boto.client(service, endpoint_url=self._endpoint_url, config=config)
        if self._endpoint_url:
            # Ahead of botocore's own, which is registered for the service as well.
            named = made.meta.service_model.service_id.hyphenize()
            made.meta.events.register_first(f"needs-retry.{named}", _wait_for_relay)
        return made


def _wait_for_relay(
    attempts: int, response: tuple[Any, Any] | None, caught_exception: Exception | None, **_: object
) -> float | None:
    """Seconds until a request that found no relay is made again (botocore's `needs-retry`); None leaves it to botocore.

    An embedded relay that was killed is back within seconds, on a busy machine within many; how long botocore itself
    would wait is drawn by chance. One that starts answers 503.
    """
    starting = response is not None and response[0].status_code == _STARTING
    gone = isinstance(caught_exception, ConnectionClosedError | EndpointConnectionError)
    return _RELAY_PAUSE if (gone or starting) and attempts <= _RELAY_TRIES else None
