"""Which platform a job queue runs its jobs on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from steprelay_core.aws.errors import refusals
from steprelay_core.ports import Denied, Platform, QueueRefused, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_batch.type_defs import ComputeEnvironmentDetailTypeDef, JobQueueDetailTypeDef

    from steprelay_core.aws.clients import Clients

# Seconds that an answer is believed: a queue of the same name may be made anew on the other platform.
REMEMBERED_FOR = 300.0

_PLATFORMS: dict[str, Platform] = {"EC2": "ec2", "SPOT": "ec2", "FARGATE": "fargate", "FARGATE_SPOT": "fargate"}
_NO_QUEUE_LEFT = frozenset({"INVALID", "DELETING", "DELETED"})


class Platforms:
    """Asks AWS Batch for the compute environments of queues, and remembers what they are for some minutes."""

    def __init__(self, clients: Clients, now: Callable[[], float] = time.monotonic) -> None:
        self._clients = clients
        self._now = now
        self._known: dict[str, tuple[Platform, float]] = {}

    def of(self, queue: str) -> Platform:
        """The platform of a queue, by its name or ARN.

        Raises:
            QueueRefused: if there is no such queue, it takes no jobs, or the relay cannot use its environments.
            Denied: if the relay may not look.
        """
        known = self._known.get(queue)
        if known is None or known[1] <= self._now():
            known = (self._find(queue), self._now() + REMEMBERED_FOR)
            self._known[queue] = known
        return known[0]

    def _find(self, queue: str) -> Platform:
        try:
            with refusals(f"looking up job queue {queue!r}"):
                environments = self._environments(self._usable(queue))
        except (Denied, QueueRefused):
            raise
        except Refused as error:
            raise QueueRefused(str(error)) from error
        return _agreed(queue, environments)

    def _usable(self, queue: str) -> JobQueueDetailTypeDef:
        pages = self._clients.batch.get_paginator("describe_job_queues").paginate(jobQueues=[queue])
        found = next((found for page in pages for found in page["jobQueues"]), None)
        if found is None:
            raise QueueRefused(f"there is no job queue {queue!r} in AWS Batch")
        if found["state"] == "DISABLED":
            raise QueueRefused(f"job queue {queue!r} is DISABLED and takes no jobs; enable it, or name another")
        if found.get("status") in _NO_QUEUE_LEFT:
            why = found.get("statusReason") or "AWS Batch does not say why"
            raise QueueRefused(f"job queue {queue!r} is {found['status']}: {why}; mend it, or name another")
        return found

    def _environments(self, queue: JobQueueDetailTypeDef) -> list[ComputeEnvironmentDetailTypeDef]:
        names = [place["computeEnvironment"] for place in queue.get("computeEnvironmentOrder", [])]
        if not names:
            # Without names the call would list every compute environment of the account.
            return []
        calls = self._clients.batch.get_paginator("describe_compute_environments")
        pages = calls.paginate(computeEnvironments=names)
        return [environment for page in pages for environment in page["computeEnvironments"]]


def _agreed(queue: str, environments: list[ComputeEnvironmentDetailTypeDef]) -> Platform:
    """The one platform of all environments: AWS Batch lets no queue mix them, but what it lets is its own affair."""
    if not environments:
        raise QueueRefused(f"job queue {queue!r} has no compute environment that runs containers")
    found = {environment["computeEnvironmentName"]: _platform(environment) for environment in environments}
    if len(set(found.values())) > 1:
        told = ", ".join(f"{name} is {platform}" for name, platform in found.items())
        raise QueueRefused(f"job queue {queue!r} mixes platforms ({told}); name a queue of one platform")
    return next(iter(found.values()))


def _platform(environment: ComputeEnvironmentDetailTypeDef) -> Platform:
    name, resources = environment["computeEnvironmentName"], environment.get("computeResources")
    if environment.get("containerOrchestrationType", "ECS") == "EKS" or environment.get("eksConfiguration"):
        raise QueueRefused(f"compute environment {name!r} runs on EKS; the relay needs one on ECS")
    # An unmanaged environment carries no resources: its instances are EC2's, started by someone else.
    kind = resources["type"] if resources else "EC2"
    if kind == "ECS_MANAGED_INSTANCES":
        raise QueueRefused(
            f"compute environment {name!r} runs on ECS Managed Instances, which the relay does not know; "
            f"name a queue on {', '.join(_PLATFORMS)}"
        )
    if kind not in _PLATFORMS:
        raise QueueRefused(f"compute environment {name!r} has type {kind}; known: {', '.join(_PLATFORMS)}")
    return _PLATFORMS[kind]
