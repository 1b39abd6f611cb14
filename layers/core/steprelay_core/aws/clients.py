"""The one place that makes boto3 clients: each on first use, then kept for the life of the process."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config
    from types_boto3_batch import BatchClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client
    from types_boto3_scheduler import EventBridgeSchedulerClient
    from types_boto3_sqs import SQSClient

# Outcomes are read by this many threads (objects.py); a smaller pool would have them wait for connections.
CONNECTIONS = 32


class Clients:
    """Clients of the function's region and role. boto3 itself is imported by the first of them."""

    @cached_property
    def batch(self) -> BatchClient:
        from botocore.config import Config

        # Fewer tries: a submission that stays throttled is put off, and must not use up its function's time. Nor may
        # a limit of the client's own delay a call whose second is booked.
        patience = Config(retries={"mode": "standard", "total_max_attempts": 5})
        return self._session.client("batch", config=self._config.merge(patience))

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return self._session.client("dynamodb", config=self._config)

    @cached_property
    def events(self) -> EventBridgeClient:
        return self._session.client("events", config=self._config)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        from botocore.config import Config

        # One short try: what it reads only comes along with what has to be sent.
        hasty = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=1, read_timeout=2)
        return self._session.client("logs", config=hasty)

    @cached_property
    def s3(self) -> S3Client:
        from botocore.config import Config

        # An endpoint of one's own (AWS_ENDPOINT_URL) has no host name for each bucket.
        elsewhere = any(name in os.environ for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"))
        style = Config(s3={"addressing_style": "path"}) if elsewhere else None
        return self._session.client("s3", config=self._config.merge(style) if style else self._config)

    @cached_property
    def scheduler(self) -> EventBridgeSchedulerClient:
        return self._session.client("scheduler", config=self._config)

    @cached_property
    def sqs(self) -> SQSClient:
        return self._session.client("sqs", config=self._config)

    @cached_property
    def _session(self) -> Session:
        import boto3

        return boto3.session.Session()

    @cached_property
    def _config(self) -> Config:
        from botocore.config import Config

        # Adaptive: SubmitJob has 50 calls a second for the whole account, and a throttled one is no failure.
        return Config(
            retries={"mode": "adaptive", "total_max_attempts": 8},
            connect_timeout=3,
            read_timeout=20,
            max_pool_connections=CONNECTIONS,
        )
