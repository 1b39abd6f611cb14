"""What only AWS Batch has of jobs: errors of several kinds, and pages."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from steprelay_core.aws.clients import Clients
from steprelay_core.aws.jobs import BatchJobs
from steprelay_core.ports import DefinitionGone, Denied, FailedChild, QueueRefused, Refused, Unavailable

REQUEST = {"jobName": "job-queue-report", "jobQueue": "q", "jobDefinition": "d"}


@pytest.fixture
def jobs(clients: Clients) -> BatchJobs:
    return BatchJobs(clients)


@pytest.mark.parametrize("code", ["ClientException", "AccessDeniedException"])
def test_what_batch_will_never_take_is_refused_with_its_message(jobs: BatchJobs, stub: Stubber, code: str) -> None:
    stub.add_client_error("submit_job", code, "not like this")
    with pytest.raises(Refused, match="AWS refused job j: not like this"):
        jobs.submit({"jobName": "j", "jobQueue": "q", "jobDefinition": "d"})


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("ClientException", "JobQueue q not found.", QueueRefused),
        ("ClientException", "Job queue q is in DISABLED state", QueueRefused),
        ("AccessDeniedException", "not authorized: batch:SubmitJob on resource: arn:aws:…:job-queue/q", QueueRefused),
        ("ClientException", "JobDefinition arn:aws:…:job-definition/d:1 is not in ACTIVE status", DefinitionGone),
        ("ClientException", "JobDefinition name d does not exist or is not in ACTIVE status", DefinitionGone),
        ("ClientException", "JobDefinition arn:aws:…:job-definition/d:1 not found.", DefinitionGone),
        ("AccessDeniedException", "not authorized on resource: arn:aws:…:job-definition/d not found", Denied),
        ("ClientException", "Tag keys must be unique", Refused),
    ],
)
def test_a_refused_job_is_blamed_on_what_aws_names(
    jobs: BatchJobs, stub: Stubber, code: str, message: str, kind: type[Refused]
) -> None:
    stub.add_client_error("submit_job", code, message)
    with pytest.raises(Refused) as raised:
        jobs.submit(REQUEST)
    assert type(raised.value) is kind


def test_a_request_without_a_queue_is_not_blamed_on_a_queue(jobs: BatchJobs) -> None:
    with pytest.raises(Refused) as raised:
        jobs.submit({"jobName": "j"})
    assert type(raised.value) is Refused


@pytest.mark.parametrize(("code", "status"), [("TooManyRequestsException", 429), ("ServerException", 500)])
def test_what_passes_is_not_refused(jobs: BatchJobs, stub: Stubber, code: str, status: int) -> None:
    stub.add_client_error("submit_job", code, "later", http_status_code=status)
    with pytest.raises(Unavailable, match="later"):
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
    assert jobs.find("q", "j") == ["new", "old"]


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


def _child(index: int, **container: Any) -> dict[str, Any]:
    return {
        "jobId": f"j:{index}",
        "jobName": "j",
        "status": "FAILED",
        "statusReason": "Essential container in task exited",
        "container": container,
        "arrayProperties": {"index": index},
    }


def test_children_that_failed_are_listed_on_any_page_with_how_they_ended(jobs: BatchJobs, stub: Stubber) -> None:
    asked = {"arrayJobId": "j", "jobStatus": "FAILED"}
    stub.add_response("list_jobs", {"jobSummaryList": [_child(1, exitCode=1)], "nextToken": "more"}, asked)
    out_of_memory = _child(4, exitCode=137, reason="OutOfMemoryError: Container killed due to memory usage")
    stub.add_response("list_jobs", {"jobSummaryList": [out_of_memory]}, asked | {"nextToken": "more"})
    described: dict[str, Any] = {
        "jobId": "j:4",
        "jobName": "j",
        "jobQueue": "q",
        "status": "FAILED",
        "jobDefinition": "d",
    }
    described |= {"startedAt": 1, "container": {"logStreamName": "stream-4"}}
    stub.add_response("describe_jobs", {"jobs": [described]}, {"jobs": ["j:1", "j:4"]})
    exited = "Essential container in task exited"
    assert jobs.failed_children("j") == [
        FailedChild(1, exited, 1),
        FailedChild(4, exited, 137, "OutOfMemoryError: Container killed due to memory usage", "stream-4"),
    ]


def test_an_array_that_batch_has_forgotten_has_no_children_to_tell_of(jobs: BatchJobs, stub: Stubber) -> None:
    stub.add_client_error("list_jobs", "ClientException", "j is not an array job.")
    assert jobs.failed_children("j") == []


def test_a_listing_that_fails_for_any_other_reason_is_an_error(jobs: BatchJobs, stub: Stubber) -> None:
    stub.add_client_error("list_jobs", "ServerException", "later", http_status_code=500)
    with pytest.raises(ClientError, match="later"):
        jobs.failed_children("j")


def test_the_children_that_wait_are_listed_status_by_status_and_page_by_page(jobs: BatchJobs, stub: Stubber) -> None:
    def listed(*indices: int, token: str | None = None) -> dict[str, Any]:
        children = [{"jobId": f"j:{index}", "jobName": "j", "arrayProperties": {"index": index}} for index in indices]
        return {"jobSummaryList": children} | ({"nextToken": token} if token else {})

    asked = {"arrayJobId": "j", "jobStatus": "SUBMITTED"}
    stub.add_response("list_jobs", listed(7), asked)
    stub.add_response("list_jobs", listed(), asked | {"jobStatus": "PENDING"})
    stub.add_response("list_jobs", listed(9, 4, token="more"), asked | {"jobStatus": "RUNNABLE"})
    # One that has moved on meanwhile is listed twice.
    stub.add_response("list_jobs", listed(7, 2), asked | {"jobStatus": "RUNNABLE", "nextToken": "more"})
    assert jobs.waiting_children("j") == [2, 4, 7, 9]


def test_an_array_that_batch_has_forgotten_has_no_children_that_wait(jobs: BatchJobs, stub: Stubber) -> None:
    stub.add_client_error("list_jobs", "ClientException", "j is not an array job.")
    assert jobs.waiting_children("j") == []


def test_a_cancellation_that_fails_is_an_error_while_batch_knows_the_job(jobs: BatchJobs, stub: Stubber) -> None:
    stub.add_client_error("cancel_job", "ClientException", "not now")
    known = {"jobId": "j", "jobName": "j", "jobQueue": "q", "status": "RUNNABLE", "startedAt": 1, "jobDefinition": "d"}
    stub.add_response("describe_jobs", {"jobs": [known]}, {"jobs": ["j"]})
    with pytest.raises(ClientError, match="not now"):
        jobs.cancel("j", "too long")
