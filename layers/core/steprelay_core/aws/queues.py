"""`Queues` on AWS Batch: what is asked only where a job does not start."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from steprelay_core.aws.errors import refusals
from steprelay_core.aws.instances import sizes_of
from steprelay_core.inbound.waiting import needs_of
from steprelay_core.ports import Denied, Refused
from steprelay_core.state.placement import Environment, Head, QueueState

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_batch.type_defs import ComputeEnvironmentDetailTypeDef, JobQueueDetailTypeDef

    from steprelay_core.aws.clients import Clients

# Seconds that an answer is believed: within one sweep many jobs wait in one queue, and people mend queues.
REMEMBERED_FOR = 60.0

T = TypeVar("T")


class BatchQueues:
    """Describes queues, and remembers what they were for a minute."""

    def __init__(self, clients: Clients, now: Callable[[], float] = time.monotonic) -> None:
        self._clients = clients
        self._now = now
        self._states: dict[str, tuple[QueueState | None, float]] = {}
        self._heads: dict[str, tuple[Head | None, float]] = {}

    def state(self, queue: str) -> QueueState | None:
        return self._remembered(self._states, queue, self._describe)

    def head(self, queue: str) -> Head | None:
        return self._remembered(self._heads, queue, self._find_head)

    def _remembered(self, known: dict[str, tuple[T, float]], queue: str, ask: Callable[[str], T]) -> T:
        found = known.get(queue)
        if found is None or found[1] <= self._now():
            found = (ask(queue), self._now() + REMEMBERED_FOR)
            known[queue] = found
        return found[0]

    def _describe(self, queue: str) -> QueueState | None:
        with refusals(f"looking up job queue {queue!r}"):
            pages = self._clients.batch.get_paginator("describe_job_queues").paginate(jobQueues=[queue])
            found = next((found for page in pages for found in page["jobQueues"]), None)
            return None if found is None else _state(found, self._environments(found))

    def _environments(self, queue: JobQueueDetailTypeDef) -> tuple[Environment, ...]:
        order = sorted(queue.get("computeEnvironmentOrder", []), key=lambda place: place["order"])
        names = [place["computeEnvironment"] for place in order]
        if not names:
            # Without names the call would list every compute environment of the account.
            return ()
        calls = self._clients.batch.get_paginator("describe_compute_environments")
        pages = calls.paginate(computeEnvironments=names)
        return tuple(_environment(one) for page in pages for one in page["computeEnvironments"])

    def _find_head(self, queue: str) -> Head | None:
        try:
            with refusals(f"looking up the head of job queue {queue!r}"):
                snapshot = self._clients.batch.get_job_queue_snapshot(jobQueue=queue)
        except Denied:
            raise
        except Refused:
            # Not every kind of queue has a snapshot.
            return None
        first = next(iter(snapshot.get("frontOfQueue", {}).get("jobs", [])), None)
        if first is None:
            return None
        described = self._clients.batch.describe_jobs(jobs=[first["jobArn"].rpartition("/")[2]])["jobs"]
        job = next((job for job in described if job["status"] == "RUNNABLE"), None)
        return job and Head(job["jobId"], job["jobName"], job.get("statusReason", ""), needs_of(dict(job)))


def _state(queue: JobQueueDetailTypeDef, environments: tuple[Environment, ...]) -> QueueState:
    return QueueState(
        name=queue["jobQueueName"],
        state=queue["state"],
        status=queue.get("status", "VALID"),
        reason=queue.get("statusReason", ""),
        environments=environments,
    )


def _environment(one: ComputeEnvironmentDetailTypeDef) -> Environment:
    resources = one.get("computeResources")
    return Environment(
        name=one["computeEnvironmentName"],
        state=one.get("state", "ENABLED"),
        status=one.get("status", "VALID"),
        reason=one.get("statusReason", ""),
        max_vcpus=resources["maxvCpus"] if resources else None,
        sizes=sizes_of(resources.get("instanceTypes", [])) if resources else None,
    )
