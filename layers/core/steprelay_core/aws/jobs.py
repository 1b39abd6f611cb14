"""`Jobs` on AWS Batch."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from steprelay_core.aws.chunks import chunks
from steprelay_core.aws.definitions import JobDefinitions
from steprelay_core.aws.errors import error_code, error_message, refusals
from steprelay_core.aws.platforms import Platforms
from steprelay_core.ports import DefinitionGone, Denied, FailedChild, Platform, QueueRefused, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_batch.type_defs import JobSummaryTypeDef

    from steprelay_core.aws.clients import Clients
    from steprelay_core.aws.pace import PacedRetries

# DescribeJobs: at most 100 ids. TerminateJob, CancelJob: a reason of at most 1,024 characters.
_DESCRIBE_LIMIT = 100
_REASON_LIMIT = 1024

# A child may go from one to the next between two listings: the later ones are listed last.
_WAITING: tuple[Literal["SUBMITTED", "PENDING", "RUNNABLE"], ...] = ("SUBMITTED", "PENDING", "RUNNABLE")

# SubmitJob has one error code for everything; only its words tell what it is that Batch does not take: "JobQueue q
# not found", "JobDefinition arn:… is not in ACTIVE status", "not authorized … on resource: arn:…:job-queue/q".
_ABOUT_THE_QUEUE = re.compile(r"job[ _-]?queue", re.IGNORECASE)
_ABOUT_THE_DEFINITION = re.compile(r"job[ _-]?definition.*(not found|not exist|not in ACTIVE)", re.IGNORECASE)


class BatchJobs:
    """Submits, finds and ends jobs; platforms and definitions are looked up for it and remembered."""

    def __init__(self, clients: Clients, retries: PacedRetries | None = None) -> None:
        self._clients = clients
        self._retries = retries
        self._platforms = Platforms(clients)
        self._definitions = JobDefinitions(clients)

    def platform(self, queue: str) -> Platform:
        return self._platforms.of(queue)

    def ensure_definition(self, request: dict[str, Any], *, anew: bool = False) -> str:
        return self._definitions.ensure(request, anew=anew)

    def retire_definition(self, name: str) -> int:
        return self._definitions.retire(name)

    def submit(self, request: dict[str, Any]) -> str:
        if self._retries is not None:
            self._retries.watch(self._clients.batch)
        try:
            with refusals(f"job {request.get('jobName')}"):
                return self._clients.batch.submit_job(**request)["jobId"]
        except Refused as refused:
            raise _blamed(refused) from refused.__cause__

    def find(self, queue: str, job_name: str) -> list[str]:
        pages = self._clients.batch.get_paginator("list_jobs").paginate(
            jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [job_name]}]
        )
        with refusals(f"looking for job {job_name} in queue {queue!r}"):
            jobs = [job for page in pages for job in page["jobSummaryList"]]
        # The filter does not tell capitals apart.
        same = [job for job in jobs if job["jobName"] == job_name]
        newest_first = sorted(same, key=lambda job: job.get("createdAt", 0), reverse=True)
        return [job["jobId"] for job in newest_first]

    def terminate(self, job_id: str, reason: str) -> None:
        try:
            self._clients.batch.terminate_job(jobId=job_id, reason=reason[:_REASON_LIMIT])
        except ClientError as error:
            # A job that Batch has forgotten has ended: nothing is left to do.
            if error_code(error) != "ClientException" or self.describe([job_id]):
                raise

    def cancel(self, job_id: str, reason: str) -> None:
        try:
            self._clients.batch.cancel_job(jobId=job_id, reason=reason[:_REASON_LIMIT])
        except ClientError as error:
            # As for `terminate`.
            if error_code(error) != "ClientException" or self.describe([job_id]):
                raise

    def waiting_children(self, job_id: str) -> list[int]:
        pages = self._clients.batch.get_paginator("list_jobs")
        try:
            found = {
                child["arrayProperties"]["index"]
                for status in _WAITING
                for page in pages.paginate(arrayJobId=job_id, jobStatus=status)
                for child in page["jobSummaryList"]
            }
        except ClientError as error:
            # As for `failed_children`.
            if error_code(error) != "ClientException":
                raise
            return []
        return sorted(found)

    def describe(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        unique = list(dict.fromkeys(job_ids))
        return [
            dict(job)
            for part in chunks(unique, _DESCRIBE_LIMIT)
            for job in self._clients.batch.describe_jobs(jobs=list(part))["jobs"]
        ]

    def failed_children(self, job_id: str) -> list[FailedChild]:
        pages = self._clients.batch.get_paginator("list_jobs").paginate(arrayJobId=job_id, jobStatus="FAILED")
        try:
            children = [_failed_child(child) for page in pages for child in page["jobSummaryList"]]
        except ClientError as error:
            # Batch says so of an array that it has forgotten.
            if error_code(error) != "ClientException":
                raise
            return []
        # Where to read more is only told by DescribeJobs, and of so many only the first are kept.
        described = self.describe([f"{job_id}:{child.index}" for child in children[:_DESCRIBE_LIMIT]])
        streams = {job["jobId"]: (job.get("container") or {}).get("logStreamName") for job in described}
        return [replace(child, log_stream=streams.get(f"{job_id}:{child.index}")) for child in children]


def _failed_child(summary: JobSummaryTypeDef) -> FailedChild:
    container = summary.get("container", {})
    return FailedChild(
        index=summary["arrayProperties"]["index"],
        reason=summary.get("statusReason", ""),
        exit_code=container.get("exitCode"),
        container_reason=container.get("reason", ""),
        # Batch tells milliseconds.
        started_at=summary["startedAt"] / 1000 if "startedAt" in summary else None,
    )


def _blamed(refused: Refused) -> Refused:
    """What a refused submission is to be blamed on, as far as AWS's words tell."""
    words = error_message(refused.__cause__) if isinstance(refused.__cause__, ClientError) else ""
    if not isinstance(refused, Denied) and _ABOUT_THE_DEFINITION.search(words):
        return DefinitionGone(str(refused))
    return QueueRefused(str(refused)) if _ABOUT_THE_QUEUE.search(words) else refused
