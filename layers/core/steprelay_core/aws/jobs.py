"""`Jobs` on AWS Batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from steprelay_core.aws.chunks import chunks
from steprelay_core.aws.errors import error_code, refusals
from steprelay_core.ports import Platform, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_batch.type_defs import ComputeEnvironmentDetailTypeDef

    from steprelay_core.aws.clients import Clients

# DescribeJobs: at most 100 ids. TerminateJob: a reason of at most 1,024 characters.
_DESCRIBE_LIMIT = 100
_REASON_LIMIT = 1024

_PLATFORMS: dict[str, Platform] = {"EC2": "ec2", "SPOT": "ec2", "FARGATE": "fargate", "FARGATE_SPOT": "fargate"}


class BatchJobs:
    """Remembers platforms and definitions for the life of the process: neither changes under its name."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._platforms: dict[str, Platform] = {}
        self._definitions: dict[str, str] = {}

    def platform(self, queue: str) -> Platform:
        if queue not in self._platforms:
            with refusals(f"looking up job queue {queue!r}"):
                self._platforms[queue] = self._find_platform(queue)
        return self._platforms[queue]

    def _find_platform(self, queue: str) -> Platform:
        queues = self._clients.batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
        if not queues:
            raise Refused(f"there is no job queue {queue!r} in AWS Batch")
        names = [place["computeEnvironment"] for place in queues[0].get("computeEnvironmentOrder", [])]
        # Without names the call would list every compute environment of the account.
        found = self._clients.batch.describe_compute_environments(computeEnvironments=names) if names else None
        if found is None or not found["computeEnvironments"]:
            raise Refused(f"job queue {queue!r} has no compute environment that runs containers")
        # Batch lets no queue mix platforms, so the first environment speaks for all.
        return _platform_of(found["computeEnvironments"][0])

    def ensure_definition(self, request: dict[str, Any]) -> str:
        name = str(request["jobDefinitionName"])
        if name not in self._definitions:
            with refusals(f"job definition {name}"):
                self._definitions[name] = self._find_definition(name) or self._register(request)
        return self._definitions[name]

    def _find_definition(self, name: str) -> str | None:
        found = self._clients.batch.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")["jobDefinitions"]
        return found[0]["jobDefinitionArn"] if found else None

    def _register(self, request: dict[str, Any]) -> str:
        # Two at once make two revisions with the same content: harmless.
        return self._clients.batch.register_job_definition(**request)["jobDefinitionArn"]

    def submit(self, request: dict[str, Any]) -> str:
        with refusals(f"job {request.get('jobName')}"):
            return self._clients.batch.submit_job(**request)["jobId"]

    def find(self, queue: str, job_name: str) -> str | None:
        pages = self._clients.batch.get_paginator("list_jobs").paginate(
            jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [job_name]}]
        )
        with refusals(f"looking for job {job_name} in queue {queue!r}"):
            jobs = [job for page in pages for job in page["jobSummaryList"]]
        # The filter does not tell capitals apart.
        same = [job for job in jobs if job["jobName"] == job_name]
        return max(same, key=lambda job: job.get("createdAt", 0))["jobId"] if same else None

    def terminate(self, job_id: str, reason: str) -> None:
        try:
            self._clients.batch.terminate_job(jobId=job_id, reason=reason[:_REASON_LIMIT])
        except ClientError as error:
            # A job that Batch has forgotten has ended: nothing is left to do.
            if error_code(error) != "ClientException" or self.describe([job_id]):
                raise

    def describe(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        unique = list(dict.fromkeys(job_ids))
        return [
            dict(job)
            for part in chunks(unique, _DESCRIBE_LIMIT)
            for job in self._clients.batch.describe_jobs(jobs=list(part))["jobs"]
        ]


def _platform_of(environment: ComputeEnvironmentDetailTypeDef) -> Platform:
    name = environment["computeEnvironmentName"]
    if environment.get("containerOrchestrationType", "ECS") != "ECS":
        raise Refused(f"compute environment {name!r} runs on EKS; the relay needs one on ECS")
    resources = environment.get("computeResources")
    # An unmanaged environment carries no resources: its instances are EC2's, started by someone else.
    kind = resources["type"] if resources else "EC2"
    if kind not in _PLATFORMS:
        raise Refused(f"compute environment {name!r} has type {kind}; known: {', '.join(_PLATFORMS)}")
    return _PLATFORMS[kind]
