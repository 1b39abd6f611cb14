"""Starting and stopping relays: each of these starts its own."""

import os
import signal
import socket
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from steprelay.local.processes import ProcessId
from steprelay.local.record import RelayFolder, RelayInfo
from steprelay.local.relay import LocalRelay, NoSuchPlatform, RelayFailed
from tests.local.relay.support import Aws, eventually, processes_of

UP = "from pathlib import Path; from steprelay.local.relay import LocalRelay; print(LocalRelay.up(Path('.')).pid)"


def _refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_of_two_that_start_a_relay_at_once_both_get_the_same_and_down_leaves_nothing_of_it(project: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", UP], cwd=project, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    pids = {int(process.communicate(timeout=90)[0]) for process in started}
    info = LocalRelay.status(project).info
    assert info is not None
    assert pids == {info.pid}

    assert LocalRelay.down(project) is True
    assert processes_of(info.token) == []
    assert _refused(info.port)
    assert list(project.iterdir()) == []
    assert LocalRelay.status(project).state == "stopped"


def test_when_a_relay_is_killed_all_it_started_goes_with_it_and_up_starts_another(project: Path) -> None:
    info = LocalRelay.up(project)
    aws = Aws(info)
    marker = f"steprelay-test-{uuid.uuid4().hex}"
    definition = aws.batch.register_job_definition(
        jobDefinitionName=marker,
        type="container",
        containerProperties={
            "image": "python:3.11",
            # One of the two in a session of its own, as a job's own child may be.
            "command": ["sh", "-c", "setsid sleep 600 & sleep 600"],
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}],
        },
    )["jobDefinitionArn"]
    job = aws.batch.submit_job(jobName=marker, jobQueue=info.outputs["JobQueue"], jobDefinition=definition)["jobId"]
    eventually(lambda: aws.batch.describe_jobs(jobs=[job])["jobs"][0]["status"] == "RUNNING")
    eventually(lambda: sum(process.name() == "sleep" for process in processes_of(info.token)) == 2)

    os.kill(info.pid, signal.SIGKILL)
    eventually(lambda: not processes_of(info.token))
    eventually(lambda: not RelayFolder(project).temporary.exists())
    assert LocalRelay.status(project).state == "gone"

    notices: list[str] = []
    another = LocalRelay.up(project, notices.append)
    assert another.pid != info.pid
    assert LocalRelay.status(project).state == "running"
    assert [str(info.pid) in notice for notice in notices] == [True]


def test_what_a_killed_relay_held_the_next_one_has(project: Path) -> None:
    info = LocalRelay.up(project)
    aws, bucket, table = Aws(info), info.outputs["DataBucket"], info.outputs["Table"]
    timers = aws.physical("TimersQueue").rpartition("/")[2]
    for body in (b"first", b"second"):
        aws.s3.put_object(Bucket=bucket, Key="a key", Body=body, Metadata={"who": "me"})
    aws.s3.put_object_tagging(Bucket=bucket, Key="a key", Tagging={"TagSet": [{"Key": "steprelay", "Value": "yes"}]})
    for key in ("kept", "deleted"):
        aws.dynamodb.put_item(TableName=table, Item={"pk": {"S": key}, "sk": {"S": "x"}, "n": {"N": "1"}})
    aws.dynamodb.delete_item(TableName=table, Key={"pk": {"S": "deleted"}, "sk": {"S": "x"}})
    aws.sqs.send_message(QueueUrl=aws.sqs.get_queue_url(QueueName=timers)["QueueUrl"], MessageBody="x", DelaySeconds=60)
    schedule = {"Arn": aws.queue_arn(timers), "RoleArn": "arn:aws:iam::000000000000:role/any", "Input": "{}"}
    group = aws.physical("ScheduleGroup")
    aws.scheduler.create_schedule(
        Name="daily",
        GroupName=group,
        ScheduleExpression="cron(0 6 * * ? *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=schedule,  # type: ignore[arg-type]
    )

    os.kill(info.pid, signal.SIGKILL)
    aws = Aws(LocalRelay.up(project))
    versions = aws.s3.list_object_versions(Bucket=bucket, Prefix="a key")["Versions"]
    assert [version["IsLatest"] for version in versions] == [True, False]
    found = aws.s3.get_object(Bucket=bucket, Key="a key")
    assert (found["Body"].read(), found["Metadata"]) == (b"second", {"who": "me"})
    assert aws.s3.get_object_tagging(Bucket=bucket, Key="a key")["TagSet"] == [{"Key": "steprelay", "Value": "yes"}]
    assert [item["pk"]["S"] for item in aws.dynamodb.scan(TableName=table)["Items"]] == ["kept"]
    assert aws.scheduler.get_schedule(Name="daily", GroupName=group)["ScheduleExpressionTimezone"] == "Europe/Berlin"
    url = aws.sqs.get_queue_url(QueueName=timers)["QueueUrl"]
    waiting = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesDelayed"])
    assert waiting["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"


def test_a_relay_that_runs_other_code_is_started_again_and_says_so(project: Path) -> None:
    folder = RelayFolder(project)
    first = LocalRelay.up(project)
    folder.write(replace(first, fingerprint="of other code"))
    notices: list[str] = []
    second = LocalRelay.up(project, notices.append)
    assert (second.pid != first.pid, first.process.alive) == (True, False)
    assert ["changed since" in notice for notice in notices] == [True]


def test_a_record_whose_process_id_belongs_to_another_process_by_now_is_stale(project: Path) -> None:
    folder = RelayFolder(project)
    info = LocalRelay.up(project)
    LocalRelay.down(project)
    folder.root.mkdir(parents=True)
    stranger = ProcessId(os.getpid(), psutil.Process().create_time() - 1000)
    folder.write(replace(info, process=stranger))
    assert LocalRelay.status(project).state == "gone"
    assert LocalRelay.down(project) is True  # which ends this very process, if it mistakes it for the relay
    assert list(project.iterdir()) == []


def test_a_relay_that_cannot_start_says_why(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = project / "broken" / "ministack"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('this MiniStack is broken')\n")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    with pytest.raises(RelayFailed, match="this MiniStack is broken") as caught:
        LocalRelay.up(project)
    assert "Traceback" in caught.value.log
    assert LocalRelay.status(project).state == "gone"


def test_a_relay_has_a_queue_of_the_platform_asked_for_and_starts_again_for_another(project: Path) -> None:
    info = LocalRelay.up(project, platform="fargate")
    assert _compute(info) == "FARGATE"
    assert LocalRelay.up(project) == info

    notices: list[str] = []
    another = LocalRelay.up(project, notices.append, platform="ec2")
    assert (_compute(another), another.pid != info.pid) == ("EC2", True)
    assert ["queue is to be one of ec2" in notice for notice in notices] == [True]


def _compute(info: RelayInfo) -> str:
    batch = Aws(info).batch
    (queue,) = batch.describe_job_queues(jobQueues=[info.outputs["JobQueue"]])["jobQueues"]
    names = [place["computeEnvironment"] for place in queue["computeEnvironmentOrder"]]
    (environment,) = batch.describe_compute_environments(computeEnvironments=names)["computeEnvironments"]
    return environment["computeResources"]["type"]


def test_a_platform_that_there_is_not_starts_no_relay(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPRELAY_LOCAL_PLATFORM", "eks")
    with pytest.raises(NoSuchPlatform, match="is ec2 or fargate, given 'eks'"):
        LocalRelay.up(project)
    assert LocalRelay.status(project).state == "stopped"


def test_a_secret_comes_from_the_shell_that_started_the_relay_and_only_to_the_job_that_asks(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPRELAY_TEST_TOKEN", "s3cret")
    monkeypatch.setenv("AWS_STEPRELAY_TEST_TOKEN", "s3cret")
    monkeypatch.setenv("STEPRELAY_LOCAL_PLATFORM", "FARGATE")
    info = LocalRelay.up(project)
    batch = Aws(info).batch
    names = ["STEPRELAY_TEST_TOKEN", "AWS_STEPRELAY_TEST_TOKEN"]
    definition = batch.register_job_definition(
        jobDefinitionName="test",
        type="container",
        platformCapabilities=["FARGATE"],
        containerProperties={
            "image": "python:3.11",
            "executionRoleArn": "arn:aws:iam::000000000000:role/any",
            "command": ["sh", "-c", 'test "${#STEPRELAY_TEST_TOKEN} ${#AWS_STEPRELAY_TEST_TOKEN}" = "6 0"'],
            "resourceRequirements": [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}],
            "secrets": [
                {"name": name, "valueFrom": "arn:aws:ssm:us-east-1:000000000000:parameter/x"} for name in names
            ],
        },
    )["jobDefinitionArn"]
    job = batch.submit_job(jobName="test", jobQueue=info.outputs["JobQueue"], jobDefinition=definition)["jobId"]
    eventually(lambda: batch.describe_jobs(jobs=[job])["jobs"][0]["status"] == "SUCCEEDED")
    assert not [process for process in processes_of(info.token) if {*names} & {*process.environ()}]


def test_down_where_no_relay_was_ever_started_does_nothing(tmp_path: Path) -> None:
    assert LocalRelay.down(tmp_path) is False
    assert list(tmp_path.iterdir()) == []
