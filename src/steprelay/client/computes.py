"""What Batch jobs ran on: instances or Fargate, on demand or spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from steprelay.client.clients import TargetClients
    from steprelay.client.cost.prices import Compute

_BY_TYPE: dict[str, Compute] = {"EC2": "ec2", "SPOT": "spot", "FARGATE": "fargate", "FARGATE_SPOT": "fargate_spot"}


class Computes:
    """Asks AWS Batch, once for each queue. A queue's jobs are taken to run in its first compute environment."""

    def __init__(self, clients: TargetClients) -> None:
        self._clients = clients
        self._by_queue: dict[str, Compute | None] = {}

    def of_job(self, job_id: str) -> Compute | None:
        """None where AWS Batch no longer knows the job or its queue, or does not tell."""
        try:
            found = self._clients.batch.describe_jobs(jobs=[job_id])["jobs"]
            return self._of_queue(found[0]["jobQueue"]) if found else None
        except ClientError:
            return None

    def _of_queue(self, queue: str) -> Compute | None:
        if queue not in self._by_queue:
            self._by_queue[queue] = self._ask(queue)
        return self._by_queue[queue]

    def _ask(self, queue: str) -> Compute | None:
        queues = self._clients.batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
        order = queues[0].get("computeEnvironmentOrder", []) if queues else []
        if not order:
            return None
        first = min(order, key=lambda place: place["order"])["computeEnvironment"]
        answer = self._clients.batch.describe_compute_environments(computeEnvironments=[first])
        # An unmanaged environment carries no resources: its instances are EC2's, started by someone else.
        kinds = [found.get("computeResources", {}).get("type", "EC2") for found in answer["computeEnvironments"]]
        return _BY_TYPE.get(kinds[0]) if kinds else None
