"""What the tests of the relay share."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import psutil

from steprelay.local.processes import MARK
from steprelay.local.record import RelayInfo

if TYPE_CHECKING:
    from types_boto3_batch import BatchClient
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client
    from types_boto3_scheduler import EventBridgeSchedulerClient
    from types_boto3_sqs import SQSClient

T = TypeVar("T")


def eventually(look: Callable[[], T | None], seconds: float = 60.0, pause: float = 0.02) -> T:
    """What `look` finds once it finds anything; fails when the time is up.

    `pause`: between two looks. Whoever asks a relay takes its time, so a long wait looks seldom.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing after {seconds} s"
        time.sleep(pause)
    return found


def processes_of(token: str) -> list[psutil.Process]:
    """All live processes that carry a relay's token."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == token and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


class Aws:
    """Clients of a relay."""

    def __init__(self, relay: RelayInfo) -> None:
        known = relay.environment
        self._session = boto3.session.Session(
            known["AWS_ACCESS_KEY_ID"], known["AWS_SECRET_ACCESS_KEY"], None, known["AWS_REGION"]
        )
        self._endpoint = relay.endpoint_url

    def _client(self, service: Any) -> Any:
        return self._session.client(service, endpoint_url=self._endpoint)

    @cached_property
    def batch(self) -> "BatchClient":
        return self._client("batch")  # type: ignore[no-any-return]

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        return self._client("dynamodb")  # type: ignore[no-any-return]

    @cached_property
    def events(self) -> "EventBridgeClient":
        return self._client("events")  # type: ignore[no-any-return]

    @cached_property
    def iam(self) -> Any:
        return self._client("iam")

    @cached_property
    def lambda_(self) -> "LambdaClient":
        return self._client("lambda")  # type: ignore[no-any-return]

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        return self._client("logs")  # type: ignore[no-any-return]

    @cached_property
    def s3(self) -> "S3Client":
        return self._client("s3")  # type: ignore[no-any-return]

    @cached_property
    def scheduler(self) -> "EventBridgeSchedulerClient":
        return self._client("scheduler")  # type: ignore[no-any-return]

    @cached_property
    def sqs(self) -> "SQSClient":
        return self._client("sqs")  # type: ignore[no-any-return]

    @cached_property
    def stacks(self) -> "CloudFormationClient":
        return self._client("cloudformation")  # type: ignore[no-any-return]

    @contextmanager
    def queue(self) -> Iterator[tuple[str, str]]:
        """(URL, ARN) of a queue for one test."""
        url = self.sqs.create_queue(QueueName=f"test-{uuid.uuid4().hex}")["QueueUrl"]
        yield url, self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.sqs.delete_queue(QueueUrl=url)

    def queue_arn(self, name: str) -> str:
        url = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def receive(self, url: str) -> list[str]:
        """The bodies of what waits in a queue, which it then waits in no longer."""
        found = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in found]

    def physical(self, logical_id: str) -> str:
        """A resource's name in the deployed stack."""
        detail = self.stacks.describe_stack_resource(StackName="steprelay", LogicalResourceId=logical_id)
        return detail["StackResourceDetail"]["PhysicalResourceId"]
