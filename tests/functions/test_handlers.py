"""The handlers as Lambda calls them: environment, decorators and AWS (as moto plays it) and all."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from moto import mock_aws

from functions.package_uploaded.app import handler as package_uploaded
from functions.run_requested.app import handler as run_requested
from functions.sweep.app import handler as sweep
from steprelay.relay.assembly import relay
from steprelay_core.aws.clients import Clients
from tests.fakes.archives import package, spec, spec_member
from tests.fakes.payloads import bodies, payload

REGION = "us-east-1"
SCHEDULED = spec(
    "ReportFlow",
    schedules=[{"expression": "cron(0 6 * * ? *)", "timezone": "Europe/Berlin"}],
    triggers=[{"event": "Orders Closed"}],
)


@dataclass
class Context:
    """What Lambda tells a handler of itself."""

    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:111122223333:function:function"
    aws_request_id: str = "52fdfc07-2182-454f-963f-5f0f9a621d72"


class Aws:
    """An account with the relay's resources, and the functions' environment."""

    def __init__(self) -> None:
        clients = self.clients = Clients()
        for bucket in ("steprelay-packages", "steprelay-data"):
            clients.s3.create_bucket(Bucket=bucket)
            clients.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        clients.dynamodb.create_table(
            TableName="table",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "gsi_pk", "gsi_sk", "live")
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": name,
                    "KeySchema": [
                        {"AttributeName": hashed, "KeyType": "HASH"},
                        {"AttributeName": "gsi_sk", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
                for name, hashed in (("by_time", "gsi_pk"), ("by_live", "live"))
            ],
        )
        clients.events.create_event_bus(Name="bus")
        clients.scheduler.create_schedule_group(Name="group")
        self.queues = {
            name: clients.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("light", "timers", "jobs", "dead")
        }

    def environment(self) -> dict[str, str]:
        return {
            "STEPRELAY_RELAY": "steprelay",
            "STEPRELAY_TABLE": "table",
            "STEPRELAY_PACKAGE_BUCKET": "steprelay-packages",
            "STEPRELAY_DATA_BUCKET": "steprelay-data",
            "STEPRELAY_BUS": "bus",
            "STEPRELAY_JOB_EVENTS_QUEUE_URL": self.queues["jobs"],
            "STEPRELAY_TIMERS_QUEUE_URL": self.queues["timers"],
            "STEPRELAY_TIMERS_QUEUE_ARN": "arn:aws:sqs:us-east-1:123456789012:timers",
            "STEPRELAY_LIGHT_QUEUE_URL": self.queues["light"],
            "STEPRELAY_REQUESTS_QUEUE_ARN": "arn:aws:sqs:us-east-1:123456789012:requests",
            "STEPRELAY_SCHEDULE_GROUP": "group",
            "STEPRELAY_SCHEDULER_ROLE_ARN": "arn:aws:iam::123456789012:role/scheduler",
            "STEPRELAY_DEAD_LETTER_QUEUE_URL": self.queues["dead"],
        }

    def upload(self, key: str, body: bytes) -> dict[str, Any]:
        """Put a package; the Lambda event that tells of it."""
        put = self.clients.s3.put_object(Bucket="steprelay-packages", Key=key, Body=body)
        event = payload("package_uploaded", "run")
        message = json.loads(event["Records"][0]["body"])
        message["detail"]["object"] |= {"key": key, "version-id": put["VersionId"]}
        event["Records"][0]["body"] = json.dumps(message)
        return event

    def tags(self, key: str) -> dict[str, str]:
        found = self.clients.s3.get_object_tagging(Bucket="steprelay-packages", Key=key)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def messages(self, queue: str) -> list[Any]:
        received = self.clients.sqs.receive_message(
            QueueUrl=self.queues[queue], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return received.get("Messages", [])


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        account = Aws()
        for name, value in account.environment().items():
            monkeypatch.setenv(name, value)
        relay.cache_clear()
        yield account
        relay.cache_clear()


def test_an_uploaded_package_becomes_a_run_whose_first_step_is_handed_over(aws: Aws) -> None:
    event = aws.upload("run/f.tar.gz", package(spec_member()))
    assert package_uploaded(event, Context()) == {"batchItemFailures": []}
    (message,) = aws.messages("light")
    run = aws.tags("run/f.tar.gz")["steprelay-run"]
    brief = json.loads(message["Body"])["brief"]
    assert (brief["run"], brief["step"]) == (run, "start")


def test_a_rejected_package_is_tagged_and_its_reasons_can_be_read(aws: Aws) -> None:
    event = aws.upload("run/f.tar.gz", b"no gzip")
    assert package_uploaded(event, Context()) == {"batchItemFailures": []}
    assert aws.tags("run/f.tar.gz") == {"steprelay": "rejected"}
    (record,) = aws.clients.s3.list_objects_v2(Bucket="steprelay-data", Prefix="rejected/")["Contents"]
    told = json.loads(aws.clients.s3.get_object(Bucket="steprelay-data", Key=record["Key"])["Body"].read())
    assert "not a gzip archive" in told["problems"][0]["text"]


def test_a_deployed_flow_starts_by_schedule_event_and_request(aws: Aws) -> None:
    package_uploaded(aws.upload("deploy/f.tar.gz", package(spec_member(SCHEDULED))), Context())
    (schedule,) = aws.clients.scheduler.list_schedules(GroupName="group")["Schedules"]
    made = aws.clients.scheduler.get_schedule(GroupName="group", Name=schedule["Name"])
    event = payload("run_requested", "schedule")
    event["Records"][0]["body"] = made["Target"]["Input"].replace("<aws.scheduler.scheduled-time>", "2026-09-21")
    for asked in (event, payload("run_requested", "event"), payload("run_requested", "request")):
        assert run_requested(asked, Context()) == {"batchItemFailures": []}
    assert len(aws.messages("light")) == 3


def test_poison_is_in_the_dead_letter_queue_with_its_reason(aws: Aws) -> None:
    assert run_requested(payload("run_requested", "poison_no_flow"), Context()) == {"batchItemFailures": []}
    (message,) = aws.messages("dead")
    assert message["Body"] == bodies("run_requested", "poison_no_flow")[0]
    assert "flow: Field required" in message["MessageAttributes"]["reason"]["StringValue"]


def test_a_sweep_of_an_empty_relay_says_so(aws: Aws) -> None:
    swept = sweep(payload("sweep", "rate"), Context())
    assert (swept["runs"], swept["events"], swept["failures"], swept["cut_short"]) == (0, 0, 0, False)


def test_every_invocation_writes_its_metrics(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    run_requested(payload("run_requested", "own_announcement"), Context())
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert any(line.get("EventsIgnored") == [1.0] for line in written)
