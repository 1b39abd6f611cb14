"""AWS as moto plays it, and the parts of it that several suites need."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from moto import mock_aws

from steprelay_core.aws.clients import Clients

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


@pytest.fixture
def table(clients: Clients) -> str:
    """The table exactly as the template has it: keys, indexes, projections."""
    wanted = _template()["Resources"]["Table"]["Properties"]
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


def _template() -> Any:
    return yaml.load(TEMPLATE.read_text(), _Loader)
