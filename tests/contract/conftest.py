"""AWS as moto plays it, and the parts of it that several suites need."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.stub import Stubber
from moto import mock_aws

from steprelay_core.aws.clients import Clients
from tests.contract.batch_server import create_queues, serving

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
TABLE = "relay-table"


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Clients()


@pytest.fixture(scope="module")
def batch_clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """Clients of a local Batch with queues of every kind."""
    with serving(tmp_path_factory.mktemp("batch")) as address, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_BATCH", address)
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        clients = Clients()
        create_queues(clients)
        yield clients


@pytest.fixture
def stub(clients: Clients) -> Iterator[Stubber]:
    """AWS Batch that answers what a test says, call by call."""
    with Stubber(clients.batch) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def table(clients: Clients) -> str:
    """The table exactly as the template has it: keys, indexes, projections."""
    wanted = _resources()["Table"]["Properties"]
    parts = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    clients.dynamodb.create_table(TableName=TABLE, **{part: wanted[part] for part in parts})
    return TABLE


@pytest.fixture
def bucket(clients: Clients) -> str:
    clients.s3.create_bucket(Bucket="relay-data", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return "relay-data"


@pytest.fixture
def queue_url(clients: Clients) -> str:
    return clients.sqs.create_queue(QueueName="relay-queue")["QueueUrl"]


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short functions as plain text: the table uses none."""


_Loader.add_multi_constructor("!", lambda _loader, _suffix, node: str(node.value))


@cache
def _resources() -> Any:
    return yaml.load(TEMPLATE.read_text(), _Loader)["Resources"]
