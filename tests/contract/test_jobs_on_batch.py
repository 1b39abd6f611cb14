"""What only AWS Batch has: errors of several kinds, pages, races, and queues that the relay cannot use."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from steprelay_core.aws.clients import Clients
from steprelay_core.aws.jobs import BatchJobs
from steprelay_core.ports import Refused

DEFINITION = {"jobDefinitionName": "d", "type": "container"}
REGISTERED = {"jobDefinitionName": "d", "jobDefinitionArn": "arn:d:1", "revision": 1}


@pytest.fixture
def jobs(clients: Clients) -> BatchJobs:
    return BatchJobs(clients)


@pytest.fixture
def stub(clients: Clients) -> Any:
    with Stubber(clients.batch) as stub:
        yield stub
        stub.assert_no_pending_responses()


def describe_queue(stub: Stubber, *environments: dict[str, Any]) -> None:
    names = [environment["computeEnvironmentName"] for environment in environments]
    order = [{"order": index, "computeEnvironment": name} for index, name in enumerate(names)]
    queue = {"jobQueueName": "q", "jobQueueArn": "arn:q", "state": "ENABLED", "priority": 1}
    stub.add_response("describe_job_queues", {"jobQueues": [queue | {"computeEnvironmentOrder": order}]})
    if environments:
        stub.add_response(
            "describe_compute_environments",
            {"computeEnvironments": list(environments)},
            {"computeEnvironments": names},
        )


def environment(**more: Any) -> dict[str, Any]:
    return {"computeEnvironmentName": "ce", "computeEnvironmentArn": "arn:ce", **more}


def test_a_platform_is_looked_up_once(jobs: BatchJobs, stub: Stubber) -> None:
    describe_queue(stub, environment(computeResources={"type": "FARGATE", "maxvCpus": 1, "subnets": []}))
    assert [jobs.platform("q"), jobs.platform("q")] == ["fargate", "fargate"]


def test_a_queue_without_compute_environments_is_refused(jobs: BatchJobs, stub: Stubber) -> None:
    describe_queue(stub)
    with pytest.raises(Refused, match="'q' has no compute environment"):
        jobs.platform("q")


def test_a_queue_on_eks_is_refused(jobs: BatchJobs, stub: Stubber) -> None:
    describe_queue(stub, environment(containerOrchestrationType="EKS"))
    with pytest.raises(Refused, match="'ce' runs on EKS"):
        jobs.platform("q")


def test_a_kind_of_compute_that_is_not_known_is_refused(jobs: BatchJobs, stub: Stubber) -> None:
    describe_queue(stub, environment(computeResources={"type": "MOON", "maxvCpus": 1, "subnets": []}))
    with pytest.raises(Refused, match="type MOON; known: EC2"):
        jobs.platform("q")


def test_an_active_definition_is_reused_and_remembered(jobs: BatchJobs, stub: Stubber) -> None:
    found = {**REGISTERED, "type": "container"}
    stub.add_response(
        "describe_job_definitions", {"jobDefinitions": [found]}, {"jobDefinitionName": "d", "status": "ACTIVE"}
    )
    assert [jobs.ensure_definition(DEFINITION), jobs.ensure_definition(DEFINITION)] == ["arn:d:1", "arn:d:1"]


def test_a_definition_that_is_not_there_is_registered_as_given(jobs: BatchJobs, stub: Stubber) -> None:
    stub.add_response("describe_job_definitions", {"jobDefinitions": []})
    stub.add_response("register_job_definition", REGISTERED, DEFINITION)
    assert jobs.ensure_definition(DEFINITION) == "arn:d:1"


def test_a_refused_definition_is_not_remembered(jobs: BatchJobs, stub: Stubber) -> None:
    stub.add_response("describe_job_definitions", {"jobDefinitions": []})
    stub.add_client_error("register_job_definition", "ClientException", "the image is too long")
    stub.add_response("describe_job_definitions", {"jobDefinitions": []})
    stub.add_response("register_job_definition", REGISTERED)
    with pytest.raises(Refused, match="job definition d: the image is too long"):
        jobs.ensure_definition(DEFINITION)
    assert jobs.ensure_definition(DEFINITION) == "arn:d:1"


@pytest.mark.parametrize("code", ["ClientException", "AccessDeniedException"])
def test_what_batch_will_never_take_is_refused_with_its_message(jobs: BatchJobs, stub: Stubber, code: str) -> None:
    stub.add_client_error("submit_job", code, "not like this")
    with pytest.raises(Refused, match="AWS refused job j: not like this"):
        jobs.submit({"jobName": "j", "jobQueue": "q", "jobDefinition": "d"})


@pytest.mark.parametrize("code", ["TooManyRequestsException", "ServerException"])
def test_what_passes_is_not_refused(jobs: BatchJobs, stub: Stubber, code: str) -> None:
    stub.add_client_error("submit_job", code, "later")
    with pytest.raises(ClientError, match="later"):
        jobs.submit({"jobName": "j", "jobQueue": "q", "jobDefinition": "d"})


def test_a_request_that_the_model_does_not_know_is_refused_with_the_culprit(jobs: BatchJobs, clients: Clients) -> None:
    with pytest.raises(Refused, match="cpuShares"):
        jobs.submit({"jobName": "j", "jobQueue": "q", "jobDefinition": "d", "cpuShares": 3})


def test_the_newest_of_several_jobs_with_one_name_is_found_on_any_page(jobs: BatchJobs, stub: Stubber) -> None:
    def summary(job_id: str, name: str, at: int) -> dict[str, Any]:
        return {"jobId": job_id, "jobName": name, "createdAt": at}

    filters = [{"name": "JOB_NAME", "values": ["j"]}]
    first = {"jobSummaryList": [summary("old", "j", 1), summary("other", "J", 9)], "nextToken": "more"}
    stub.add_response("list_jobs", first, {"jobQueue": "q", "filters": filters})
    stub.add_response(
        "list_jobs",
        {"jobSummaryList": [summary("new", "j", 5)]},
        {"jobQueue": "q", "filters": ANY, "nextToken": "more"},
    )
    assert jobs.find("q", "j") == "new"


def test_a_reason_longer_than_batch_takes_is_cut(jobs: BatchJobs, stub: Stubber) -> None:
    stub.add_response("terminate_job", {}, {"jobId": "j", "reason": "r" * 1024})
    jobs.terminate("j", "r" * 2000)


def test_a_termination_that_batch_refuses_for_a_living_job_is_an_error(jobs: BatchJobs, stub: Stubber) -> None:
    stub.add_client_error("terminate_job", "ClientException", "not today")
    living = {
        "jobId": "j",
        "jobName": "j",
        "jobQueue": "q",
        "status": "RUNNING",
        "startedAt": 1,
        "jobDefinition": "d",
    }
    stub.add_response("describe_jobs", {"jobs": [living]})
    with pytest.raises(ClientError, match="not today"):
        jobs.terminate("j", "over")
