"""AWS Batch as far as the engine sees it: queues, definitions and jobs that move when the test says so."""

from collections.abc import Sequence
from typing import Any

from steprelay_core.ports import Platform, Refused


class FakeJobs:
    """`jobs` holds DescribeJobs answers by id, `requests` the SubmitJob request of each, in the order submitted.

    A test sets `refuse` to have the next submission refused with that message.
    """

    def __init__(self, queues: dict[str, Platform] | None = None) -> None:
        self.queues: dict[str, Platform] = queues or {"queue": "ec2"}
        self.definitions: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: dict[str, dict[str, Any]] = {}
        self.terminated: dict[str, str] = {}
        self.refuse: str | None = None

    def platform(self, queue: str) -> Platform:
        if queue not in self.queues:
            raise Refused(f"there is no job queue {queue!r} in AWS Batch")
        return self.queues[queue]

    def ensure_definition(self, request: dict[str, Any]) -> str:
        name = str(request["jobDefinitionName"])
        self.definitions.setdefault(name, request)
        return f"arn:aws:batch:eu-west-1:123456789012:job-definition/{name}:1"

    def submit(self, request: dict[str, Any]) -> str:
        if self.refuse is not None:
            message, self.refuse = self.refuse, None
            raise Refused(message)
        self.platform(request["jobQueue"])
        job_id = f"job-{len(self.jobs) + 1}"
        self.requests[job_id] = request
        carried = {key: request[key] for key in ("jobName", "jobQueue", "jobDefinition")}
        carried |= {"parameters": request.get("parameters", {}), "tags": request.get("tags", {})}
        self.jobs[job_id] = {"jobId": job_id, "status": "SUBMITTED", "attempts": [], **carried}
        return job_id

    def find(self, queue: str, job_name: str) -> str | None:
        found = [job_id for job_id, job in self.jobs.items() if job["jobName"] == job_name and job["jobQueue"] == queue]
        return found[-1] if found else None

    def terminate(self, job_id: str, reason: str) -> None:
        job = self.jobs.get(job_id)
        if job is None or job["status"] in ("SUCCEEDED", "FAILED"):
            return
        self.terminated.setdefault(job_id, reason)
        self.move(job_id, "FAILED", statusReason=reason)

    def describe(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        return [dict(self.jobs[job_id]) for job_id in dict.fromkeys(job_ids) if job_id in self.jobs]

    def move(self, job_id: str, status: str, **more: Any) -> None:
        """Bring a job to this status, with what else DescribeJobs should say of it."""
        self.jobs[job_id] |= {"status": status, **more}
