"""An ordinary boto3 client over HTTP."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config

from tests.local.batch.harness import Lab

if TYPE_CHECKING:
    from types_boto3_batch import BatchClient


def _handler(lab: Lab) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, answer = lab.batch.handle(self.command, self.path, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_DELETE = _serve

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Quiet."""

    return Handler


@pytest.fixture
def client(lab: Lab) -> Iterator["BatchClient"]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lab))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield boto3.client(
        "batch",
        endpoint_url=f"http://127.0.0.1:{server.server_port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 1}, proxies={}),
    )
    server.shutdown()
    server.server_close()
    thread.join()


def test_boto3_takes_a_job_through_its_life(client: "BatchClient", lab: Lab) -> None:
    client.create_compute_environment(computeEnvironmentName="mine", type="UNMANAGED", unmanagedvCpus=4)
    queue = client.create_job_queue(
        jobQueueName="mine", priority=1, computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "mine"}]
    )
    definition = client.register_job_definition(
        jobDefinitionName="mine",
        type="container",
        containerProperties={
            "image": "python:3.13",
            "command": ["sh", "-c", "echo Ref::word; exit 4"],
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}],
        },
        tags={"made-by": "test"},
    )
    job = client.submit_job(
        jobName="mine",
        jobQueue=queue["jobQueueArn"],
        jobDefinition=definition["jobDefinitionArn"],
        parameters={"word": "hello"},
    )
    lab.ends(job["jobId"])
    (described,) = client.describe_jobs(jobs=[job["jobId"]])["jobs"]
    assert (described["status"], described["attempts"][0]["container"]["exitCode"]) == ("FAILED", 4)
    assert lab.output(job["jobId"]) == ["hello"]
    tags = client.list_tags_for_resource(resourceArn=definition["jobDefinitionArn"])["tags"]
    assert tags == {"made-by": "test"}
    client.untag_resource(resourceArn=definition["jobDefinitionArn"], tagKeys=["made-by"])
    assert client.list_tags_for_resource(resourceArn=definition["jobDefinitionArn"])["tags"] == {}


def test_boto3_pages_through_listings(client: "BatchClient", lab: Lab) -> None:
    parent = client.submit_job(jobName="array", jobQueue="queue", jobDefinition="job", arrayProperties={"size": 25})[
        "jobId"
    ]
    lab.ends(parent)
    pages = client.get_paginator("list_jobs").paginate(
        arrayJobId=parent, jobStatus="SUCCEEDED", PaginationConfig={"PageSize": 10}
    )
    sizes = [len(page["jobSummaryList"]) for page in pages]
    assert sizes == [10, 10, 5]
    named = client.list_jobs(jobQueue="queue", filters=[{"name": "JOB_NAME", "values": ["array"]}])
    assert [each["jobId"] for each in named["jobSummaryList"]] == [parent]


def test_boto3_raises_client_exception_with_the_message(client: "BatchClient") -> None:
    with pytest.raises(client.exceptions.ClientException, match="JobQueue none not found"):
        client.submit_job(jobName="x", jobQueue="none", jobDefinition="job")


def test_boto3_terminates_and_sees_the_reason(client: "BatchClient", lab: Lab) -> None:
    overrides = {"command": ["sleep", "60"]}
    job = client.submit_job(
        jobName="x",
        jobQueue="queue",
        jobDefinition="job",
        containerOverrides=overrides,  # type: ignore[arg-type]
    )
    lab.reaches(job["jobId"], "RUNNING")
    client.terminate_job(jobId=job["jobId"], reason="enough")
    assert lab.ends(job["jobId"])["statusReason"] == "enough"
