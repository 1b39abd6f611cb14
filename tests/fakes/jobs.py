"""AWS Batch as far as the engine sees it: queues, definitions and jobs that move when the test says so."""

from collections.abc import Sequence
from typing import Any

from steprelay_core.decide.waiting import WAITING
from steprelay_core.ports import DefinitionGone, Denied, FailedChild, Platform, QueueRefused, Refused, Unavailable

_ARN = "arn:aws:batch:eu-west-1:123456789012:job-definition"


class FakeJobs:
    """`jobs` holds DescribeJobs answers by id, `requests` the SubmitJob request of each, in the order submitted.

    `definitions` holds the active ones by ARN, `registered` the names in the order registered. A test sets `refuse` to
    have the next submission refused with that message, and names in `full` the queues that take no jobs although they
    are there; with `denied` the relay may not look queues up, while `throttled` nothing is submitted.
    """

    def __init__(self, queues: dict[str, Platform] | None = None) -> None:
        self.queues: dict[str, Platform] = queues or {"queue": "ec2"}
        self.full: set[str] = set()
        self.denied = False
        self.definitions: dict[str, dict[str, Any]] = {}
        self.registered: list[str] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: dict[str, dict[str, Any]] = {}
        self.terminated: dict[str, str] = {}
        self.cancelled: dict[str, str] = {}
        self.refuse: str | None = None
        self.throttled = False
        self._arns: dict[str, str] = {}

    def platform(self, queue: str) -> Platform:
        if self.denied:
            raise Denied(f"AWS refused looking up job queue {queue!r}: no permission")
        if queue not in self.queues:
            raise QueueRefused(f"there is no job queue {queue!r} in AWS Batch")
        return self.queues[queue]

    def ensure_definition(self, request: dict[str, Any], *, anew: bool = False) -> str:
        name = str(request["jobDefinitionName"])
        if anew:
            self._arns.pop(name, None)
        if name not in self._arns:
            self._arns[name] = next(iter(self._active(name)), None) or self._register(name, request)
        return self._arns[name]

    def _register(self, name: str, request: dict[str, Any]) -> str:
        self.registered.append(name)
        arn = f"{_ARN}/{name}:{self.registered.count(name)}"
        self.definitions[arn] = request
        return arn

    def _active(self, name: str) -> list[str]:
        return [arn for arn, request in self.definitions.items() if request["jobDefinitionName"] == name]

    def retire_definition(self, name: str) -> int:
        active = self._active(name)
        for arn in active:
            del self.definitions[arn]
        self._arns.pop(name, None)
        return len(active)

    def deregister(self, name: str) -> None:
        """What another relay does: this one still remembers the ARN."""
        for arn in self._active(name):
            del self.definitions[arn]

    def submit(self, request: dict[str, Any]) -> str:
        if self.throttled:
            raise Unavailable("TooManyRequestsException")
        if self.refuse is not None:
            message, self.refuse = self.refuse, None
            raise Refused(message)
        self.platform(request["jobQueue"])
        if request["jobQueue"] in self.full:
            raise QueueRefused(f"job queue {request['jobQueue']!r} takes no jobs")
        if request["jobDefinition"] not in self.definitions:
            raise DefinitionGone(f"job definition {request['jobDefinition']} is not active")
        job_id = f"job-{len(self.requests) + 1}"
        self.requests[job_id] = request
        carried = {key: request[key] for key in ("jobName", "jobQueue", "jobDefinition")}
        carried |= {"parameters": request.get("parameters", {}), "tags": request.get("tags", {})}
        self.jobs[job_id] = {"jobId": job_id, "status": "SUBMITTED", "attempts": [], **carried}
        return job_id

    def find(self, queue: str, job_name: str) -> list[str]:
        if queue not in self.queues:
            raise Refused(f"there is no job queue {queue!r} in AWS Batch")
        found = [job_id for job_id, job in self.jobs.items() if job["jobName"] == job_name and job["jobQueue"] == queue]
        return found[::-1]

    def terminate(self, job_id: str, reason: str) -> None:
        job = self.jobs.get(job_id)
        if job is None or job["status"] in ("SUCCEEDED", "FAILED"):
            return
        self.terminated.setdefault(job_id, reason)
        self.move(job_id, "FAILED", statusReason=reason)

    def cancel(self, job_id: str, reason: str) -> None:
        job = self.jobs.get(job_id)
        if job is None or job["status"] not in WAITING:
            return
        self.cancelled.setdefault(job_id, reason)
        self.move(job_id, "FAILED", statusReason=reason, isCancelled=True)

    def waiting_children(self, job_id: str) -> list[int]:
        children = [job for name, job in self.jobs.items() if name.startswith(f"{job_id}:")]
        return sorted(job["arrayProperties"]["index"] for job in children if job["status"] in WAITING)

    def describe(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        return [dict(self.jobs[job_id]) for job_id in dict.fromkeys(job_ids) if job_id in self.jobs]

    def move(self, job_id: str, status: str, **more: Any) -> None:
        """Bring a job to this status, with what else DescribeJobs should say of it."""
        self.jobs[job_id] |= {"status": status, **more}

    def failed_children(self, job_id: str) -> list[FailedChild]:
        children = [
            job for name, job in self.jobs.items() if name.startswith(f"{job_id}:") and job["status"] == "FAILED"
        ]
        return [_failed_child(job) for job in children]


def _failed_child(job: dict[str, Any]) -> FailedChild:
    container = job.get("container") or {}
    return FailedChild(
        job["arrayProperties"]["index"],
        job.get("statusReason") or "",
        container.get("exitCode"),
        container.get("reason") or "",
        container.get("logStreamName"),
    )
