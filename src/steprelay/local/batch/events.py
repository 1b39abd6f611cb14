"""The JobDetail that DescribeJobs answers and that a state-change event carries. Pure.

The dicts made here share their leaves with the job's records: readers must not change them.
Source: "Job state change events" in the AWS Batch user guide, and JobDetail in the service model.
"""

from datetime import UTC, datetime
from typing import Any

from steprelay.local.batch.model import Attempt, Job, Status, Task

DETAIL_TYPE = "Batch Job State Change"
BLOCKED_DETAIL_TYPE = "Batch Job Queue Blocked"


def job_detail(job: Job) -> dict[str, Any]:
    """A job as the API's JobDetail."""
    spec = job.spec
    detail: dict[str, Any] = {
        "jobArn": job.arn,
        "jobName": spec.name,
        "jobId": job.id,
        "jobQueue": spec.queue_arn,
        "status": job.status.value,
        "attempts": [_attempt(attempt) for attempt in job.attempts],
        "createdAt": job.created_at,
        "retryStrategy": spec.retry_strategy,
        "dependsOn": list(spec.depends_on),
        "jobDefinition": spec.definition_arn,
        "parameters": spec.parameters,
        "tags": job.tags,
        "propagateTags": spec.propagate_tags,
        "platformCapabilities": list(spec.platform_capabilities),
        "isCancelled": job.cancelled,
        "isTerminated": job.terminated,
    }
    optional = {
        "statusReason": job.status_reason,
        "startedAt": job.started_at,
        "stoppedAt": job.stopped_at,
        "shareIdentifier": spec.share_identifier,
        "schedulingPriority": spec.scheduling_priority,
        # A multi-node parallel job has no container of its own: its nodes have.
        "container": None if job.nodes else _container(job),
        "arrayProperties": array_properties(job),
        "nodeProperties": spec.node_properties if job.nodes else None,
        "nodeDetails": None if job.node is None else {"nodeIndex": job.node, "isMainNode": job.is_main_node},
        "timeout": spec.timeout_seconds and {"attemptDurationSeconds": spec.timeout_seconds},
    }
    detail.update((key, value) for key, value in optional.items() if value is not None)
    return detail


def state_change_event(job: Job, event_id: str, now: float, region: str, account: str) -> dict[str, Any]:
    """The event for the job's present state; `now` in seconds since the epoch."""
    detail = job_detail(job)
    detail["tags"] = {"resourceArn": job.arn, **job.tags}
    return {
        "version": "0",
        "id": event_id,
        "detail-type": DETAIL_TYPE,
        "source": "aws.batch",
        "account": account,
        "time": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [job.arn],
        "detail": detail,
    }


def queue_blocked_event(job: Job, event_id: str, now: float, region: str, account: str) -> dict[str, Any]:
    """The event for a job that blocks its queue; its present statusReason says why."""
    event = state_change_event(job, event_id, now, region, account)
    return event | {"detail-type": BLOCKED_DETAIL_TYPE, "resources": [job.arn, job.spec.queue_arn]}


def array_properties(job: Job) -> dict[str, Any] | None:
    """{size, statusSummary} for an array's parent, {index} for a child, None for a single job."""
    if job.index is not None:
        return {"index": job.index, "statusSummary": {}}
    if not job.is_array:
        return None
    summary = {status.value: job.summary.get(status, 0) for status in Status}
    return {"size": job.spec.array_size, "statusSummary": summary}


def _container(job: Job) -> dict[str, Any]:
    detail = dict(job.spec.container)
    last = job.attempts[-1] if job.attempts else None
    if job.task is not None:
        detail.update(_task(job.task, started=job.started_at is not None))
    elif last is not None:  # between two attempts, and after the last
        detail.update(_task(last.task, started=last.started_at is not None))
        detail.update(_end(last))
    return detail


def _attempt(attempt: Attempt) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "container": {
            **_task(attempt.task, started=attempt.started_at is not None),
            **_end(attempt),
            "networkInterfaces": [],
        },
        "stoppedAt": attempt.stopped_at,
        "statusReason": attempt.status_reason,
    }
    if attempt.started_at is not None:
        detail["startedAt"] = attempt.started_at
    return detail


def _task(task: Task, *, started: bool) -> dict[str, str]:
    detail = {"taskArn": task.arn}
    if started:  # an attempt receives its log stream when it reaches RUNNING
        detail["logStreamName"] = task.log_stream
    if task.container_instance_arn is not None:
        detail["containerInstanceArn"] = task.container_instance_arn
    return detail


def _end(attempt: Attempt) -> dict[str, Any]:
    end = {"exitCode": attempt.exit_code, "reason": attempt.reason}
    return {key: value for key, value in end.items() if value is not None}
