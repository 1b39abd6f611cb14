"""What every `Jobs` promises, on the fake and on AWS Batch's API."""

import time
from typing import Any

import pytest

from steprelay_core.aws.clients import Clients
from steprelay_core.aws.jobs import BatchJobs
from steprelay_core.ports import DefinitionGone, Jobs, QueueRefused, Refused
from tests.fakes import FakeJobs


@pytest.fixture(params=["fake", "batch"])
def jobs(request: pytest.FixtureRequest) -> Jobs:
    if request.param == "fake":
        return FakeJobs({"on-ec2": "ec2", "on-spot": "ec2", "on-fargate": "fargate", "own-machines": "ec2"})
    return BatchJobs(request.getfixturevalue("batch_clients"))


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """Names of this test alone: the Batch is shared."""
    return f"t{abs(hash(request.node.name)) % 10**8}"


def definition(name: str, *command: str) -> dict[str, Any]:
    sizes = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
    container = {"image": "busybox", "command": list(command or ["true"]), "resourceRequirements": sizes}
    return {"jobDefinitionName": name, "type": "container", "containerProperties": container}


def submit(jobs: Jobs, name: str, *command: str, queue: str = "on-ec2") -> str:
    arn = jobs.ensure_definition(definition(f"d-{name}", *command))
    return jobs.submit({"jobName": name, "jobQueue": queue, "jobDefinition": arn, "parameters": {"run": name}})


def deregister(jobs: Jobs, name: str) -> None:
    """What another relay's sweep does, unknown to this one."""
    if isinstance(jobs, FakeJobs):
        jobs.deregister(name)
    else:
        BatchJobs(Clients()).retire_definition(name)


def status_of(jobs: Jobs, job_id: str) -> tuple[str, str]:
    (job,) = jobs.describe([job_id])
    return str(job["status"]), str(job.get("statusReason", ""))


def ended(jobs: Jobs, job_id: str) -> tuple[str, str]:
    """Status and reason, once the job has ended."""
    deadline = time.monotonic() + 30
    while status_of(jobs, job_id)[0] not in ("SUCCEEDED", "FAILED"):
        assert time.monotonic() < deadline, f"job {job_id} does not end: {status_of(jobs, job_id)}"
        time.sleep(0.02)
    return status_of(jobs, job_id)


@pytest.mark.parametrize(
    ("queue", "platform"),
    [("on-ec2", "ec2"), ("on-spot", "ec2"), ("on-fargate", "fargate"), ("own-machines", "ec2")],
)
def test_a_queues_platform_is_that_of_its_compute_environments(jobs: Jobs, queue: str, platform: str) -> None:
    assert jobs.platform(queue) == platform


def test_a_queue_that_is_not_there_is_refused_by_name(jobs: Jobs) -> None:
    with pytest.raises(QueueRefused, match="no job queue 'on-mars'"):
        jobs.platform("on-mars")


def test_looking_for_a_job_in_a_queue_that_is_not_there_is_refused(jobs: Jobs) -> None:
    with pytest.raises(Refused, match="on-mars"):
        jobs.find("on-mars", "job")


def test_a_definition_is_registered_once(jobs: Jobs, prefix: str) -> None:
    first = jobs.ensure_definition(definition(prefix))
    assert jobs.ensure_definition(definition(prefix)) == first
    assert prefix in first


def test_definitions_of_different_names_are_different(jobs: Jobs, prefix: str) -> None:
    assert jobs.ensure_definition(definition(f"{prefix}a")) != jobs.ensure_definition(definition(f"{prefix}b"))


def test_a_definition_that_somebody_deregistered_is_made_again_when_asked_for_anew(jobs: Jobs, prefix: str) -> None:
    first = jobs.ensure_definition(definition(prefix))
    deregister(jobs, prefix)
    second = jobs.ensure_definition(definition(prefix), anew=True)
    assert second != first
    assert jobs.ensure_definition(definition(prefix)) == second


def test_a_job_whose_definition_is_not_active_is_refused_as_such(jobs: Jobs, prefix: str) -> None:
    arn = jobs.ensure_definition(definition(prefix))
    deregister(jobs, prefix)
    with pytest.raises(DefinitionGone, match=prefix):
        jobs.submit({"jobName": prefix, "jobQueue": "on-ec2", "jobDefinition": arn})


def test_a_retired_definition_is_not_active_and_not_remembered(jobs: Jobs, prefix: str) -> None:
    first = jobs.ensure_definition(definition(prefix))
    assert (jobs.retire_definition(prefix), jobs.retire_definition(prefix)) == (1, 0)
    assert jobs.ensure_definition(definition(prefix)) != first


def test_a_job_runs_on_when_its_definition_is_retired(jobs: Jobs, prefix: str) -> None:
    job_id = submit(jobs, prefix, "sleep", "60")
    jobs.retire_definition(f"d-{prefix}")
    assert status_of(jobs, job_id)[0] not in ("SUCCEEDED", "FAILED")
    jobs.terminate(job_id, "over")


def test_a_submitted_job_can_be_described(jobs: Jobs, prefix: str) -> None:
    job_id = submit(jobs, prefix)
    (job,) = jobs.describe([job_id])
    assert (job["jobId"], job["jobName"], job["parameters"]) == (job_id, prefix, {"run": prefix})


def test_a_job_for_a_queue_that_is_not_there_is_refused(jobs: Jobs, prefix: str) -> None:
    with pytest.raises(QueueRefused, match="on-mars"):
        submit(jobs, prefix, queue="on-mars")


def test_a_job_is_found_by_its_name_in_its_queue(jobs: Jobs, prefix: str) -> None:
    job_id = submit(jobs, prefix)
    assert jobs.find("on-ec2", prefix) == [job_id]
    assert jobs.find("on-spot", prefix) == []


def test_a_job_that_has_ended_is_still_found(jobs: Jobs, prefix: str) -> None:
    job_id = submit(jobs, prefix, "sleep", "60")
    jobs.terminate(job_id, "over")
    ended(jobs, job_id)
    assert jobs.find("on-ec2", prefix) == [job_id]


@pytest.mark.parametrize("other", ["T{rest}", "{name}x", "{short}"])
def test_a_name_that_is_only_similar_finds_nothing(jobs: Jobs, prefix: str, other: str) -> None:
    submit(jobs, prefix)
    assert jobs.find("on-ec2", other.format(name=prefix, rest=prefix[1:], short=prefix[:-1])) == []


def test_describing_leaves_out_jobs_that_batch_has_forgotten(jobs: Jobs, prefix: str) -> None:
    job_id = submit(jobs, prefix)
    assert [job["jobId"] for job in jobs.describe(["gone", job_id, "gone-too"])] == [job_id]
    assert jobs.describe([]) == []


def test_more_jobs_than_one_call_takes_are_described_each_once(jobs: Jobs, prefix: str) -> None:
    ids = [submit(jobs, f"{prefix}-{index}") for index in range(101)]
    described = [job["jobId"] for job in jobs.describe([*ids, ids[0]])]
    assert sorted(described) == sorted(ids)


def test_a_terminated_job_fails_with_the_reason_given(jobs: Jobs, prefix: str) -> None:
    job_id = submit(jobs, prefix, "sleep", "60")
    jobs.terminate(job_id, "steprelay: cancelled")
    assert ended(jobs, job_id) == ("FAILED", "steprelay: cancelled")


def test_terminating_twice_keeps_the_first_reason(jobs: Jobs, prefix: str) -> None:
    job_id = submit(jobs, prefix, "sleep", "60")
    jobs.terminate(job_id, "first")
    ended(jobs, job_id)
    jobs.terminate(job_id, "second")
    assert ended(jobs, job_id) == ("FAILED", "first")


def test_terminating_a_job_that_batch_has_forgotten_is_no_error(jobs: Jobs) -> None:
    jobs.terminate("gone", "over")
    assert jobs.describe(["gone"]) == []


def large(jobs: Jobs, name: str) -> str:
    """A job that takes all that there is in the environment of its queue."""
    asked = definition(f"d-{name}", "sleep", "60")
    asked["containerProperties"]["resourceRequirements"][0]["value"] = "8"
    arn = jobs.ensure_definition(asked)
    return jobs.submit({"jobName": name, "jobQueue": "on-spot", "jobDefinition": arn})


def test_a_job_that_waits_is_cancelled_with_the_reason_given(jobs: Jobs, prefix: str) -> None:
    first, second = large(jobs, f"{prefix}a"), large(jobs, f"{prefix}b")
    jobs.cancel(second, "steprelay: queue timeout: too long")
    assert ended(jobs, second) == ("FAILED", "steprelay: queue timeout: too long")
    jobs.terminate(first, "over")


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_cancelling_leaves_a_job_alone_that_has_a_machine(jobs: Jobs, prefix: str, status: str) -> None:
    job_id = submit(jobs, prefix, *(["sleep", "60"] if status == "RUNNING" else ["true"]))
    if isinstance(jobs, FakeJobs):
        jobs.move(job_id, status)
    reached(jobs, job_id, status)
    jobs.cancel(job_id, "too long")
    assert status_of(jobs, job_id)[0] == status
    jobs.terminate(job_id, "over")


def reached(jobs: Jobs, job_id: str, status: str) -> None:
    deadline = time.monotonic() + 30
    while status_of(jobs, job_id)[0] != status:
        assert time.monotonic() < deadline, f"job {job_id} is {status_of(jobs, job_id)}"
        time.sleep(0.02)


def test_cancelling_a_job_that_batch_has_forgotten_is_no_error(jobs: Jobs) -> None:
    jobs.cancel("gone", "too long")
    assert jobs.describe(["gone"]) == []
