"""Queues that people name and that are not here: those of their account."""

import pytest

from tests.local.batch.conftest import MakeLab
from tests.local.batch.harness import Lab, Refused

ARN = "arn:aws:batch:eu-west-1:210987654321:job-queue/team-gpu"


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    return make_lab(makes_up_queues=True)


def _platform(lab: Lab, queue: str) -> str:
    (found,) = lab.call("DescribeJobQueues", jobQueues=[queue])["jobQueues"]
    (place,) = found["computeEnvironmentOrder"]
    environments = lab.call("DescribeComputeEnvironments", computeEnvironments=[place["computeEnvironment"]])
    return str(environments["computeEnvironments"][0]["computeResources"]["type"])


@pytest.mark.parametrize("queue", ["gpu-prod", ARN])
def test_a_job_runs_in_a_queue_that_only_its_account_has_and_knows_its_name(lab: Lab, queue: str) -> None:
    job_id = lab.shell("echo $AWS_BATCH_JQ_NAME $AWS_BATCH_CE_NAME", jobQueue=queue)
    assert lab.ends(job_id)["status"] == "SUCCEEDED"
    assert lab.output(job_id) == [f"{queue.split('/')[-1]} local-ec2"]
    named = lab.call("ListJobs", jobQueue=queue, filters=[{"name": "JOB_NAME", "values": ["a-job"]}])
    assert [each["jobId"] for each in named["jobSummaryList"]] == [job_id]


@pytest.mark.parametrize(
    ("queue", "platform"),
    [("gpu-prod", "EC2"), (ARN, "EC2"), ("fargate", "FARGATE"), ("Team-Fargate-Spot", "FARGATE")],
)
def test_a_queues_name_tells_what_it_runs_on(lab: Lab, queue: str, platform: str) -> None:
    assert _platform(lab, queue) == platform


def test_a_queue_is_made_once_and_stays(lab: Lab) -> None:
    for _ in range(2):
        assert [_platform(lab, queue) for queue in ("one", "two")] == ["EC2", "EC2"]
    queues = [queue["jobQueueName"] for queue in lab.call("DescribeJobQueues")["jobQueues"]]
    assert queues == ["queue", "one", "two"]


def test_a_name_that_no_queue_can_have_is_not_found(lab: Lab) -> None:
    assert lab.call("DescribeJobQueues", jobQueues=["my queue"])["jobQueues"] == []
    with pytest.raises(Refused, match="JobQueue my queue not found"):
        lab.shell("exit 0", jobQueue="my queue")


def test_without_being_told_so_no_queue_is_made_up(make_lab: MakeLab) -> None:
    lab = make_lab()
    assert lab.call("DescribeJobQueues", jobQueues=["gpu-prod"])["jobQueues"] == []
    with pytest.raises(Refused, match="JobQueue gpu-prod not found"):
        lab.shell("exit 0", jobQueue="gpu-prod")
