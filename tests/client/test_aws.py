"""The relay client against AWS's API, as moto plays it."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ProfileNotFound
from botocore.stub import Stubber
from moto import mock_aws

from steprelay.client.aws import AwsRelay
from steprelay.client.clients import TargetClients
from steprelay.client.relay import Unreachable, Verdict
from steprelay.client.stacks import find_stack
from steprelay.client.target import Target
from steprelay_core import keys
from steprelay_core.intake.identity import digest12, upload_run_id
from steprelay_core.logs import BATCH_LOG_GROUP
from steprelay_core.spec import Problem
from steprelay_core.state.model import TaskKey, TaskSelection

OUTPUTS = {"PackageBucket": "packages", "DataBucket": "data", "Table": "table", "BusName": "bus"}
TASK = TaskKey("process", (0,), 3)


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[TargetClients]:
    # No profile of whoever runs the tests may have a say.
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield TargetClients(region="us-east-1", credentials=("test", "test"))


@pytest.fixture
def relay(clients: TargetClients) -> AwsRelay:
    for bucket in ("packages", "data"):
        clients.s3.create_bucket(Bucket=bucket)
    clients.s3.put_bucket_versioning(Bucket="packages", VersioningConfiguration={"Status": "Enabled"})
    return AwsRelay(Target("cloud", "stack", OUTPUTS), clients)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "package.tar.gz"
    path.write_bytes(b"a package")
    return path


def test_an_upload_carries_its_parameters_and_its_digest(
    relay: AwsRelay, clients: TargetClients, package: Path
) -> None:
    upload = relay.upload("run", "Flow", package, {"alpha": 0.3})

    found = clients.s3.head_object(Bucket="packages", Key=upload.key, ChecksumMode="ENABLED")
    assert upload.key.startswith("run/Flow/")
    assert json.loads(found["Metadata"]["parameters"]) == {"alpha": 0.3}
    assert found["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(b"a package").digest()).decode()


def test_the_run_of_an_upload_is_known_from_its_bucket_key_and_version(
    relay: AwsRelay, clients: TargetClients, package: Path
) -> None:
    upload = relay.upload("run", "Flow", package, {})

    version = clients.s3.head_object(Bucket="packages", Key=upload.key)["VersionId"]
    assert upload.run == upload_run_id("Flow", "packages", upload.key, version)


def test_two_uploads_of_one_package_are_two_objects(relay: AwsRelay, package: Path) -> None:
    assert relay.upload("run", "Flow", package, {}).key != relay.upload("run", "Flow", package, {}).key


def test_an_upload_without_a_tag_has_not_been_read(relay: AwsRelay, clients: TargetClients, package: Path) -> None:
    upload = relay.upload("deploy", "Flow", package, {})

    assert relay.verdict(upload) is None
    tags = {"TagSet": [{"Key": "owner", "Value": "me"}, {"Key": "steprelay", "Value": "accepted"}]}
    clients.s3.put_object_tagging(Bucket="packages", Key=upload.key, Tagging=tags)  # type: ignore[arg-type]
    assert relay.verdict(upload) == Verdict(True)


def test_a_rejection_comes_with_the_problems_that_the_relay_recorded(
    relay: AwsRelay, clients: TargetClients, package: Path
) -> None:
    upload = relay.upload("run", "Flow", package, {})
    record = {"problems": [{"path": "steps.a", "message": "is odd", "hint": None, "text": "steps.a: is odd"}]}
    identity = digest12("|".join((upload.bucket, upload.key, upload.version)))
    clients.s3.put_object(Bucket="data", Key=keys.rejection(identity), Body=json.dumps(record).encode())
    tags = {"TagSet": [{"Key": "steprelay", "Value": "rejected"}]}
    clients.s3.put_object_tagging(Bucket="packages", Key=upload.key, Tagging=tags)  # type: ignore[arg-type]

    assert relay.verdict(upload) == Verdict(False, (Problem("steps.a", "is odd"),))


def test_what_is_not_there_is_none(relay: AwsRelay) -> None:
    assert relay.outcome("run", TASK, 1) is None
    assert relay.light_log("run", TASK, 1) is None
    assert relay.artifact("Flow", "0" * 64) is None


def test_outcomes_logs_and_artifacts_are_found_where_the_runner_puts_them(
    relay: AwsRelay, clients: TargetClients
) -> None:
    clients.s3.put_object(Bucket="data", Key="runs/run/process/0.3/2/outcome.json", Body=b'{"attempt": 2}')
    clients.s3.put_object(Bucket="data", Key="runs/run/process/0.3/2/log.txt", Body="Zoë\n".encode())
    clients.s3.put_object(Bucket="data", Key="artifacts/Flow/abc", Body=b"pickle")

    assert relay.outcome("run", TASK, 2) == {"attempt": 2}
    assert relay.light_log("run", TASK, 2) == "Zoë\n"
    assert relay.artifact("Flow", "abc") == b"pickle"


def test_a_spec_that_is_gone_is_told_of(relay: AwsRelay) -> None:
    with pytest.raises(Unreachable):
        relay.flow("0" * 64)


def test_a_log_stream_is_read_from_where_the_last_look_ended(relay: AwsRelay, clients: TargetClients) -> None:
    logs = clients.logs
    logs.create_log_group(logGroupName=BATCH_LOG_GROUP)
    logs.create_log_stream(logGroupName=BATCH_LOG_GROUP, logStreamName="s")

    def write(text: str, at: int) -> None:
        event = {"timestamp": round(time.time() * 1000) + at, "message": text}
        logs.put_log_events(logGroupName=BATCH_LOG_GROUP, logStreamName="s", logEvents=[event])  # type: ignore[list-item]

    write("one", 1)
    first = relay.read_stream("s", None)
    write("two", 2)
    assert (first.lines, relay.read_stream("s", first.token).lines) == (("one",), ("two",))


def test_a_stream_that_has_no_line_yet_is_empty(relay: AwsRelay, clients: TargetClients) -> None:
    clients.logs.create_log_group(logGroupName=BATCH_LOG_GROUP)

    assert relay.read_stream("not yet", None).lines == ()


def test_a_cancel_goes_over_the_bus_of_the_relay(relay: AwsRelay, clients: TargetClients) -> None:
    clients.events.create_event_bus(Name="bus")
    clients.events.create_archive(
        ArchiveName="seen", EventSourceArn=clients.events.describe_event_bus(Name="bus")["Arn"]
    )

    relay.cancel("Flow-1", "enough")
    assert clients.events.describe_archive(ArchiveName="seen")["EventCount"] == 1


def test_resumes_and_retries_go_over_the_bus_each_with_an_id_of_its_own(
    relay: AwsRelay, clients: TargetClients
) -> None:
    said: list[dict[str, Any]] = []
    stub = Stubber(clients.events)
    for _ in range(2):
        stub.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]})
    clients.events.meta.events.register(
        "before-parameter-build.events.PutEvents", lambda params, **_: said.append(params["Entries"][0])
    )
    with stub:
        asked = [relay.resume("Flow-1"), relay.retry("Flow-1", TaskSelection("work", (3,)))]

    assert [(entry["EventBusName"], entry["DetailType"]) for entry in said] == [
        ("bus", "Resume Requested"),
        ("bus", "Retry Requested"),
    ]
    assert [json.loads(entry["Detail"]) for entry in said] == [
        {"run": "Flow-1", "request": asked[0]},
        {"run": "Flow-1", "tasks": "work.3", "request": asked[1]},
    ]
    assert asked[0] != asked[1]


def test_an_embedded_relay_is_no_matter_for_aws_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "there-is-none")

    local = TargetClients("http://127.0.0.1:1", "us-east-1", ("test", "test"))
    assert local.s3.meta.endpoint_url == "http://127.0.0.1:1"
    with pytest.raises(ProfileNotFound):
        TargetClients(region="us-east-1")


def test_the_nodes_of_a_job_are_asked_for_like_jobs_a_hundred_at_a_time(
    relay: AwsRelay, clients: TargetClients
) -> None:
    common = {"jobName": "j", "jobQueue": "q", "jobDefinition": "d", "status": "RUNNING", "startedAt": 1}
    ids = [f"many#{node}" for node in range(130)]

    def described(node: int) -> dict[str, object]:
        details = {"nodeIndex": node, "isMainNode": node == 0}
        return {**common, "jobId": ids[node], "nodeDetails": details, "container": {"logStreamName": f"stream {node}"}}

    stub = Stubber(clients.batch)
    stub.add_response("describe_jobs", {"jobs": [described(node) for node in range(100)]}, {"jobs": ids[:100]})
    stub.add_response("describe_jobs", {"jobs": [described(node) for node in range(100, 129)]}, {"jobs": ids[100:]})
    with stub:
        seen = relay.jobs(ids)

    assert {job: each.stream for job, each in seen.items()} == {f"many#{node}": f"stream {node}" for node in range(129)}


def test_the_job_that_claimed_an_attempt_is_found(relay: AwsRelay, clients: TargetClients) -> None:
    clients.s3.put_object(Bucket="data", Key=keys.claim("run", TASK, 2), Body=b'{"job_id": "job-7", "owner": "x"}')
    clients.s3.put_object(Bucket="data", Key=keys.claim("run", TASK, 3), Body=b'{"owner": "dispatcher"}')

    assert [relay.claimed_by("run", TASK, attempt) for attempt in (1, 2, 3)] == [None, "job-7", None]


def stacks(clients: TargetClients, outputs: dict[str, str] | None) -> None:
    """What DescribeStacks answers; without outputs there is no stack."""
    stub = Stubber(clients.cloudformation)
    if outputs is None:
        message = "Stack with id relay does not exist"
        stub.add_client_error("describe_stacks", "ValidationError", message, http_status_code=400)
    else:
        told = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
        stack = {"StackName": "relay", "StackStatus": "CREATE_COMPLETE", "CreationTime": datetime.now(UTC)}
        stub.add_response("describe_stacks", {"Stacks": [{**stack, "Outputs": told}]}, {"StackName": "relay"})
    stub.activate()


def test_a_relay_in_the_cloud_is_found_by_its_stack(clients: TargetClients) -> None:
    stacks(clients, OUTPUTS)

    assert find_stack(clients.cloudformation, "relay") == Target("cloud", "relay", OUTPUTS)


def test_a_stack_that_is_not_there_says_where_it_was_looked_for(clients: TargetClients) -> None:
    stacks(clients, None)

    with pytest.raises(Unreachable, match="there is no stack 'relay' in us-east-1"):
        find_stack(clients.cloudformation, "relay")


def test_a_stack_of_another_kind_is_not_taken_for_a_relay(clients: TargetClients) -> None:
    stacks(clients, {"PackageBucket": "packages"})

    with pytest.raises(Unreachable, match="has no output DataBucket, Table, BusName"):
        find_stack(clients.cloudformation, "relay")
