"""What stands once a relay is up. All of these share one."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import pytest
from samtranslator.yaml_helper import yaml_parse

from steprelay.local.record import RelayFolder, RelayInfo
from steprelay.local.relay import LocalRelay
from steprelay.local.sources import Sources
from tests.local.relay.support import Aws, eventually, processes_of


def _job(aws: Aws, relay: RelayInfo, command: list[str], **more: Any) -> str:
    definition = aws.batch.register_job_definition(
        jobDefinitionName=f"test-{uuid.uuid4().hex}",
        type="container",
        containerProperties={
            "image": "python:3.11",
            "command": command,
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}],
        },
    )["jobDefinitionArn"]
    request = {"jobName": "test", "jobQueue": relay.outputs["JobQueue"], "jobDefinition": definition, **more}
    return aws.batch.submit_job(**request)["jobId"]


def test_the_stack_is_the_template_with_nothing_changed_but_where_its_code_lies(aws: Aws) -> None:
    body = aws.stacks.get_template(StackName="steprelay", TemplateStage="Original")["TemplateBody"]
    deployed = json.loads(body) if isinstance(body, str) else json.loads(json.dumps(body))
    written = yaml_parse(Sources.find().template.read_text())
    for name, resource in written["Resources"].items():
        for uri in ("CodeUri", "ContentUri"):
            if uri in resource["Properties"]:
                assert deployed["Resources"][name]["Properties"].pop(uri).startswith("s3://")
                del resource["Properties"][uri]
    assert deployed == written


def test_the_relay_listens_at_one_port_of_this_machine_only(relay: RelayInfo) -> None:
    # A set: whatever the relay just forked has its sockets too, until it becomes another program.
    listening = {address for process in processes_of(relay.token) for address in _listening(process)}
    assert listening == {("127.0.0.1", relay.port)}


def _listening(process: psutil.Process) -> list[tuple[str, int]]:
    try:
        known = process.net_connections(kind="inet")
    except psutil.Error:  # a job of another test that has ended meanwhile
        return []
    return [(each.laddr.ip, each.laddr.port) for each in known if each.status == psutil.CONN_LISTEN]


def test_a_second_up_finds_the_relay_that_runs(relay: RelayInfo, relay_project: Path) -> None:
    assert LocalRelay.up(relay_project) == relay


def test_status_tells_of_messages_that_no_function_could_handle(aws: Aws, relay_project: Path) -> None:
    url = aws.physical("SweepDeadLetterQueue")
    aws.sqs.send_message(QueueUrl=url, MessageBody="unreadable")
    found = LocalRelay.status(relay_project)
    aws.receive(url)
    assert (found.state, found.dead_letters["SweepDeadLetterQueue"]) == ("running", 1)


def test_a_job_runs_and_its_state_changes_reach_the_queue_of_a_rule(aws: Aws, relay: RelayInfo) -> None:
    name = f"test-{uuid.uuid4().hex}"
    pattern = {"source": ["aws.batch"], "detail": {"parameters": {"test": [name]}}}
    with aws.queue() as (url, arn):
        aws.events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        aws.events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        _job(aws, relay, ["true"], parameters={"test": name})
        seen: list[str] = []

        def ended() -> bool:
            seen.extend(json.loads(body)["detail"]["status"] for body in aws.receive(url))
            return "SUCCEEDED" in seen

        eventually(ended)
        aws.events.remove_targets(Rule=name, Ids=["queue"])
        aws.events.delete_rule(Name=name)
    assert set(seen) <= {"RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"}


def test_what_a_job_prints_is_in_its_cloudwatch_stream_when_it_has_ended(aws: Aws, relay: RelayInfo) -> None:
    job = _job(aws, relay, ["sh", "-c", "echo $AWS_ENDPOINT_URL"])

    def ended() -> str | None:
        found = aws.batch.describe_jobs(jobs=[job])["jobs"][0]
        return found["container"]["logStreamName"] if found["status"] == "SUCCEEDED" else None

    stream = eventually(ended) or ""

    def lines() -> list[str]:
        events = aws.logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=stream)["events"]
        return [event["message"] for event in events]

    assert eventually(lines) == [relay.endpoint_url]


def test_a_job_runs_in_a_queue_that_only_an_account_has(aws: Aws, relay: RelayInfo) -> None:
    queue = f"gpu-{uuid.uuid4().hex[:8]}"
    assert len(aws.batch.describe_job_queues(jobQueues=[queue])["jobQueues"]) == 1
    job = _job(aws, relay, ["sh", "-c", f'test "$AWS_BATCH_JQ_NAME" = {queue}'], jobQueue=queue)
    assert eventually(lambda: _end(aws, job)) == "SUCCEEDED"


def _end(aws: Aws, job: str) -> str | None:
    status = aws.batch.describe_jobs(jobs=[job])["jobs"][0]["status"]
    return status if status in ("SUCCEEDED", "FAILED") else None


def _state_change(status: str, **more: Any) -> str:
    detail = {"parameters": {"relay": "steprelay", "run": "r"}, "status": status, **more}
    return _event("aws.batch", "Batch Job State Change", detail)


def _event(source: str, kind: str, detail: dict[str, Any]) -> str:
    return json.dumps(
        {
            "version": "0",
            "id": "1",
            "source": source,
            "detail-type": kind,
            "account": "000000000000",
            "region": "us-east-1",
            "time": "2026-11-21T00:00:00Z",
            "resources": [],
            "detail": detail,
        }
    )


FOREIGN = {"parameters": {"relay": "another"}}


@pytest.mark.parametrize(
    ("rule", "event", "matches"),
    [
        ("JobsRule", _state_change("RUNNABLE"), True),
        ("JobsRule", _state_change("SUCCEEDED"), True),
        ("JobsRule", _state_change("FAILED", arrayProperties={"size": 3}), True),
        ("JobsRule", _state_change("PENDING", arrayProperties={"size": 3}), False),
        ("JobsRule", _state_change("FAILED", arrayProperties={"index": 0}), False),
        ("JobsRule", _state_change("FAILED", **FOREIGN), False),
        ("ArrayChildrenRule", _state_change("FAILED", arrayProperties={"index": 0}), True),
        ("ArrayChildrenRule", _state_change("SUCCEEDED", arrayProperties={"index": 0}), False),
        ("ArrayChildrenRule", _state_change("FAILED"), False),
        ("ArrayChildrenRule", _state_change("FAILED", arrayProperties={"index": 0}, **FOREIGN), False),
        ("RequestsRule", _event("my.app", "Data Arrived", {}), True),
        ("RequestsRule", _event("steprelay", "Run Succeeded", {}), False),
    ],
)
def test_a_rule_lets_through_what_its_function_needs_and_no_more(
    aws: Aws, relay: RelayInfo, rule: str, event: str, matches: bool
) -> None:
    bus = relay.outputs["BusName"] if rule == "RequestsRule" else "default"
    names = [each["Name"] for each in aws.events.list_rules(EventBusName=bus)["Rules"]]
    (name,) = [each for each in names if f"-{rule}-" in each]
    pattern = aws.events.describe_rule(Name=name, EventBusName=bus)["EventPattern"]
    assert aws.events.test_event_pattern(EventPattern=pattern, Event=event)["Result"] is matches


@pytest.mark.parametrize("key", ["run/F/p.tar.gz", "deploy/F/p.tar.gz"])
def test_an_upload_reaches_its_function_and_a_bad_one_is_tagged_as_rejected(
    aws: Aws, relay: RelayInfo, key: str
) -> None:
    bucket, own_key = relay.outputs["PackageBucket"], key.replace("F", uuid.uuid4().hex)
    aws.s3.put_object(Bucket=bucket, Key=own_key, Body=b"this is no package")

    def tags() -> dict[str, str]:
        found = aws.s3.get_object_tagging(Bucket=bucket, Key=own_key)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in found}

    assert eventually(tags)["steprelay"] == "rejected"


def test_what_functions_log_is_in_the_log_of_the_relay(aws: Aws, relay: RelayInfo, relay_project: Path) -> None:
    key = f"run/{uuid.uuid4().hex}/p.tar.gz"
    aws.s3.put_object(Bucket=relay.outputs["PackageBucket"], Key=key, Body=b"this is no package")
    log = RelayFolder(relay_project.resolve()).log
    line = eventually(lambda: [line for line in log.read_text().splitlines() if key in line])[0]
    assert "PackageUploadedFunction | " in line


def test_a_schedule_in_another_time_zone_fires_when_it_is_time_there(aws: Aws, relay: RelayInfo) -> None:
    zone = ZoneInfo("Asia/Kathmandu")
    due = (datetime.now(UTC) + timedelta(seconds=1)).astimezone(zone)
    with aws.queue() as (url, arn):
        aws.scheduler.create_schedule(
            Name=f"test-{uuid.uuid4().hex}",
            ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
            ScheduleExpressionTimezone=zone.key,
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target={
                "Arn": arn,
                "RoleArn": "arn:aws:iam::000000000000:role/any",
                "Input": json.dumps({"at": "<aws.scheduler.scheduled-time>"}),
            },
        )
        (message,) = eventually(lambda: aws.receive(url))
    fired = datetime.strptime(json.loads(message)["at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert fired >= due.replace(microsecond=0)


@pytest.mark.parametrize("policy", ["EnginePolicy", "JobsPolicy"])
def test_a_managed_policy_is_within_what_iam_takes(aws: Aws, policy: str) -> None:
    arn = aws.physical(policy)
    version = aws.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = aws.iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    # IAM: 6,144 characters, white space not counted. Longer names and parameters need room.
    assert len(json.dumps(document, separators=(",", ":"))) < 4500
