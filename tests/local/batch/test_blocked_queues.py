"""Jobs that their queue cannot start wait, block those behind them, and AWS Batch's events and reasons tell of it."""

from collections.abc import Callable
from typing import Any

import pytest

from steprelay.local.batch import Chaos
from steprelay.local.batch.placement import TOO_LARGE, TOO_MANY_VCPUS, UNDETERMINED
from tests.local.batch.conftest import MakeLab
from tests.local.batch.harness import Document, Lab, wait_until


@pytest.fixture
def make_small(make_lab: MakeLab) -> Callable[..., Lab]:
    """A lab with a queue `small` on c6i.large machines, of at most 4 vCPU in all, that is soon told to be blocked."""

    def make(**config: Any) -> Lab:
        lab = make_lab(**{"blocked_after_seconds": 0.05, **config})
        resources = {"type": "EC2", "maxvCpus": 4, "instanceTypes": ["c6i.large"]}
        add_queue(lab, "small", resources)
        return lab

    return make


@pytest.fixture
def lab(make_small: Callable[..., Lab]) -> Lab:
    return make_small()


def add_queue(lab: Lab, name: str, *resources: Document) -> None:
    order = []
    for at, one in enumerate(resources, 1):
        environment = f"{name}-{at}"
        lab.call("CreateComputeEnvironment", computeEnvironmentName=environment, type="MANAGED", computeResources=one)
        order.append({"order": at, "computeEnvironment": environment})
    lab.call("CreateJobQueue", jobQueueName=name, priority=1, computeEnvironmentOrder=order)


def blocked(lab: Lab) -> list[Document]:
    return [event for event in lab.events if event["detail-type"] == "Batch Job Queue Blocked"]


def is_told(lab: Lab, job_id: str) -> Document:
    """Wait for the event that a job blocks its queue."""
    found = wait_until(lambda: [event for event in blocked(lab) if event["detail"]["jobId"] == job_id])
    return dict(found[0])


@pytest.mark.parametrize(
    ("vcpus", "memory", "reason"), [(5, 100, TOO_MANY_VCPUS), (3, 100, TOO_LARGE), (1, 4096, TOO_LARGE)]
)
def test_a_job_that_its_queue_cannot_start_stays_runnable_and_says_why(
    lab: Lab, vcpus: int, memory: int, reason: str
) -> None:
    job_id = lab.submit(jobQueue="small", containerOverrides=lab.needing(vcpus, memory))
    event = is_told(lab, job_id)
    assert (event["detail"]["status"], event["detail"]["statusReason"]) == ("RUNNABLE", reason)
    assert event["resources"] == [event["detail"]["jobArn"], event["detail"]["jobQueue"]]
    assert lab.describe(job_id)["statusReason"] == reason


def test_a_job_that_its_queue_can_start_starts(lab: Lab) -> None:
    job_id = lab.submit(jobQueue="small", containerOverrides=lab.needing(2, 4095))
    assert lab.ends(job_id)["status"] == "SUCCEEDED"
    assert blocked(lab) == []


def test_a_job_that_blocks_its_queue_holds_up_those_behind_it_and_no_other_queue(lab: Lab) -> None:
    first = lab.submit(jobQueue="small", containerOverrides=lab.needing(5, 100))
    behind = lab.submit(jobQueue="small")
    is_told(lab, first)
    assert lab.ends(lab.submit())["status"] == "SUCCEEDED"
    assert lab.status(behind) == "RUNNABLE"
    assert "statusReason" not in lab.describe(behind)


def test_those_behind_go_on_once_the_job_that_blocks_the_queue_is_terminated(lab: Lab) -> None:
    first = lab.submit(jobQueue="small", containerOverrides=lab.needing(5, 100))
    behind = lab.submit(jobQueue="small")
    is_told(lab, first)
    lab.call("TerminateJob", jobId=first, reason="too large")
    assert lab.ends(behind)["status"] == "SUCCEEDED"


def test_a_larger_compute_environment_lets_the_job_start(lab: Lab) -> None:
    job_id = lab.submit(jobQueue="small", containerOverrides=lab.needing(3, 100))
    is_told(lab, job_id)
    changed = {"instanceTypes": ["c6i.xlarge"]}
    lab.call("UpdateComputeEnvironment", computeEnvironment="small-1", computeResources=changed)
    assert lab.ends(job_id)["status"] == "SUCCEEDED"
    assert (
        "statusReason" not in [event for event in lab.events if event["detail"]["status"] == "STARTING"][-1]["detail"]
    )


def test_a_disabled_compute_environment_blocks_its_queue_without_a_known_cause(lab: Lab) -> None:
    lab.call("UpdateComputeEnvironment", computeEnvironment="small-1", state="DISABLED")
    job_id = lab.submit(jobQueue="small")
    assert is_told(lab, job_id)["detail"]["statusReason"] == UNDETERMINED
    lab.call("UpdateComputeEnvironment", computeEnvironment="small-1", state="ENABLED")
    assert lab.ends(job_id)["status"] == "SUCCEEDED"


def test_one_compute_environment_that_can_start_the_job_is_enough(lab: Lab) -> None:
    small = {"type": "EC2", "maxvCpus": 4, "instanceTypes": ["c6i.large"]}
    add_queue(lab, "two", small, {"type": "EC2", "maxvCpus": 64, "instanceTypes": ["c6i"]})
    job_id = lab.submit(jobQueue="two", containerOverrides=lab.needing(8, 100))
    assert lab.ends(job_id)["status"] == "SUCCEEDED"


@pytest.mark.parametrize("types", [["optimal"], ["default_x86_64"], ["c99.large"], []])
def test_instance_types_that_nobody_here_knows_hold_nobody_up(lab: Lab, types: list[str]) -> None:
    add_queue(lab, "unknown", {"type": "EC2", "maxvCpus": 5000, "instanceTypes": types})
    job_id = lab.submit(jobQueue="unknown", containerOverrides=lab.needing(1000, 100))
    assert lab.ends(job_id)["status"] == "SUCCEEDED"


def test_the_child_of_an_array_tells_that_it_blocks_the_queue(lab: Lab) -> None:
    job_id = lab.submit(jobQueue="small", arrayProperties={"size": 2}, containerOverrides=lab.needing(5, 100))
    assert is_told(lab, f"{job_id}:0")["detail"]["arrayProperties"]["index"] == 0
    assert lab.describe(job_id)["arrayProperties"]["statusSummary"]["RUNNABLE"] == 2


def test_a_queue_is_told_to_be_blocked_once_for_each_job_at_its_head(lab: Lab) -> None:
    jobs = [lab.submit(jobQueue="small", containerOverrides=lab.needing(5, 100)) for _ in range(2)]
    is_told(lab, jobs[0])
    lab.ends(lab.submit())
    lab.call("TerminateJob", jobId=jobs[0], reason="next")
    is_told(lab, jobs[1])
    assert [event["detail"]["jobId"] for event in blocked(lab)] == jobs


def test_a_lost_event_leaves_the_reason_to_be_read(make_small: Callable[..., Lab]) -> None:
    lab = make_small(chaos=Chaos(lost=1.0))
    job_id = lab.submit(jobQueue="small", containerOverrides=lab.needing(5, 100))
    wait_until(lambda: lab.describe(job_id).get("statusReason") == TOO_MANY_VCPUS)
    assert lab.events == []


def test_a_snapshot_lists_the_runnable_jobs_of_a_queue_the_head_first(lab: Lab) -> None:
    jobs = [
        lab.submit(jobQueue="small", containerOverrides=lab.needing(5, 100)),
        *(lab.submit(jobQueue="small") for _ in range(2)),
    ]
    lab.reaches(jobs[-1], "RUNNABLE")
    snapshot = lab.call("GetJobQueueSnapshot", jobQueue="small")["frontOfQueue"]["jobs"]
    assert [job["jobArn"].rpartition("/")[2] for job in snapshot] == jobs
    assert lab.call("GetJobQueueSnapshot", jobQueue="queue")["frontOfQueue"]["jobs"] == []
