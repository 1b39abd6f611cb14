"""Compute environments, job queues and job definitions: records in the shape the API answers.

Not thread-safe by itself: callers hold the engine's lock.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from steprelay.local.batch.arns import Arns, short_name
from steprelay.local.batch.errors import ClientError, refuse
from steprelay.local.batch.keeping import JobRecords
from steprelay.local.batch.nodes import check_multinode
from steprelay.local.batch.paging import page
from steprelay.local.batch.rules import check_definition, check_name, check_tags

Document = dict[str, Any]

# Of a compute environment that is made up; the machine is the limit.
MADE_UP_VCPUS = 256


class Catalog:
    """The resources a job refers to. `end_jobs(queue_arn)` ends the jobs of a deleted queue. `makes_up_queues`: see
    LocalBatchConfig.
    """

    def __init__(
        self, arns: Arns, end_jobs: Callable[[str], None], records: JobRecords, *, makes_up_queues: bool = False
    ) -> None:
        self._arns = arns
        self._end_jobs = end_jobs
        self._records = records
        self._makes_up_queues = makes_up_queues
        self._environments: dict[str, Document] = {}
        self._queues: dict[str, Document] = {}
        self._definitions: dict[str, list[Document]] = {}

    # Compute environments.

    def create_compute_environment(self, request: Document) -> Document:
        name = request["computeEnvironmentName"]
        refuse([*check_name("Compute environment name", name), *check_tags(request.get("tags", {}))])
        if name in self._environments:
            raise ClientError(f"Object already exists: compute environment {name}")
        arn = self._arns.batch("compute-environment", name)
        self._environments[name] = {
            "state": "ENABLED",
            "tags": {},
            **request,
            "computeEnvironmentArn": arn,
            "ecsClusterArn": self._arns.ecs("cluster", f"{name}_Batch"),
            "containerOrchestrationType": "ECS",
            "uuid": str(uuid.uuid4()),
            "status": "VALID",
            "statusReason": "ComputeEnvironment Healthy",
        }
        return {"computeEnvironmentName": name, "computeEnvironmentArn": arn}

    def describe_compute_environments(self, request: Document) -> Document:
        chosen = _chosen(self._environments, request.get("computeEnvironments"))
        return page("computeEnvironments", chosen, request)

    def update_compute_environment(self, request: Document) -> Document:
        found = self._environment(request["computeEnvironment"])
        changes = {key: value for key, value in request.items() if key != "computeEnvironment"}
        if "computeResources" in changes:
            changes["computeResources"] = {**found.get("computeResources", {}), **changes["computeResources"]}
        found.update(changes)
        return {key: found[key] for key in ("computeEnvironmentName", "computeEnvironmentArn")}

    def delete_compute_environment(self, request: Document) -> Document:
        reference = request["computeEnvironment"]
        found = self._environments.get(short_name(reference))
        if found is None:
            return {}
        problems = _must_be_disabled("compute environment", found)
        arn = found["computeEnvironmentArn"]
        users = [
            queue["jobQueueName"]
            for queue in self._queues.values()
            if any(order["computeEnvironment"] == arn for order in queue["computeEnvironmentOrder"])
        ]
        if users:
            problems.append(f"Cannot delete, found existing JobQueue relationship: {', '.join(users)}")
        refuse(problems)
        del self._environments[found["computeEnvironmentName"]]
        return {}

    def _environment(self, reference: str) -> Document:
        found = self._environments.get(short_name(reference))
        if found is None:
            raise ClientError(f"Compute environment {reference} does not exist.")
        return found

    def vcpus_of(self, name: str) -> float | None:
        """How many vCPUs a compute environment may have; None where Batch does not manage them."""
        vcpus: float | None = self._environments.get(name, {}).get("computeResources", {}).get("maxvCpus")
        return vcpus

    # Job queues.

    def create_job_queue(self, request: Document) -> Document:
        name = request["jobQueueName"]
        order = request.get("computeEnvironmentOrder", [])
        problems = [*check_name("Job queue name", name), *check_tags(request.get("tags", {}))]
        if not 1 <= len(order) <= 3:
            problems.append(f"computeEnvironmentOrder takes 1 to 3 compute environments; given {len(order)}")
        refuse(problems)
        if name in self._queues:
            raise ClientError(f"Object already exists: job queue {name}")
        arn = self._arns.batch("job-queue", name)
        self._queues[name] = {
            "state": "ENABLED",
            "tags": {},
            **request,
            "computeEnvironmentOrder": self._ordered(order),
            "jobQueueArn": arn,
            "status": "VALID",
            "statusReason": "JobQueue Healthy",
        }
        return {"jobQueueName": name, "jobQueueArn": arn}

    def describe_job_queues(self, request: Document) -> Document:
        for reference in request.get("jobQueues", ()):
            self._queue(reference)
        return page("jobQueues", _chosen(self._queues, request.get("jobQueues")), request)

    def environments(self, queue: str) -> list[Document]:
        """The compute environments of a queue, in its order; none of a queue that is not there."""
        found = self._queues.get(short_name(queue))
        order = found["computeEnvironmentOrder"] if found is not None else []
        return [self._environments[short_name(each["computeEnvironment"])] for each in order]

    def update_job_queue(self, request: Document) -> Document:
        found = self.queue(request["jobQueue"])
        changes = {key: value for key, value in request.items() if key != "jobQueue"}
        if "computeEnvironmentOrder" in changes:
            changes["computeEnvironmentOrder"] = self._ordered(changes["computeEnvironmentOrder"])
        found.update(changes)
        return {key: found[key] for key in ("jobQueueName", "jobQueueArn")}

    def delete_job_queue(self, request: Document) -> Document:
        found = self._queues.get(short_name(request["jobQueue"]))
        if found is None:
            return {}
        refuse(_must_be_disabled("job queue", found))
        del self._queues[found["jobQueueName"]]
        self._end_jobs(found["jobQueueArn"])
        return {}

    def queue(self, reference: str) -> Document:
        """The queue of that name or ARN. Raises ClientError."""
        found = self._queue(reference)
        if found is None:
            raise ClientError(f"JobQueue {reference} not found.")
        return found

    def _queue(self, reference: str) -> Document | None:
        name = short_name(reference)
        if name not in self._queues and self._makes_up_queues and not list(check_name("", name)):
            self._make_up_queue(name)
        return self._queues.get(name)

    def _make_up_queue(self, name: str) -> None:
        """A queue of an account, as far as a name can tell: which platform it has decides what its jobs may ask for."""
        kind = "FARGATE" if "fargate" in name.lower() else "EC2"
        environment = f"local-{kind.lower()}"
        if environment not in self._environments:
            resources = {"type": kind, "maxvCpus": MADE_UP_VCPUS, "subnets": [], "securityGroupIds": []}
            self.create_compute_environment(
                {"computeEnvironmentName": environment, "type": "MANAGED", "computeResources": resources}
            )
        order = [{"order": 1, "computeEnvironment": environment}]
        self.create_job_queue({"jobQueueName": name, "priority": 1, "computeEnvironmentOrder": order})

    def _ordered(self, orders: Iterable[Document]) -> list[Document]:
        sorted_orders = sorted(orders, key=lambda each: int(each["order"]))
        return [
            {
                "order": each["order"],
                "computeEnvironment": self._environment(each["computeEnvironment"])["computeEnvironmentArn"],
            }
            for each in sorted_orders
        ]

    # Job definitions.

    def register_job_definition(self, request: Document) -> Document:
        refuse([*check_definition(request), *check_multinode(request)])
        name = request["jobDefinitionName"]
        revisions = self._definitions.setdefault(name, [])
        revision = len(revisions) + 1
        arn = self._arns.batch("job-definition", f"{name}:{revision}")
        definition = {
            "parameters": {},
            "tags": {},
            "propagateTags": False,
            "platformCapabilities": ["EC2"],
            **request,
            "jobDefinitionArn": arn,
            "revision": revision,
            "status": "ACTIVE",
            "containerOrchestrationType": "ECS",
        }
        self._records.defined(definition)
        revisions.append(definition)
        return {"jobDefinitionName": name, "jobDefinitionArn": arn, "revision": revision}

    def describe_job_definitions(self, request: Document) -> Document:
        references = request.get("jobDefinitions")
        if references is not None:
            wanted = [self._revision(reference) for reference in references]
            return page("jobDefinitions", [each for each in wanted if each is not None], request)
        name, status = request.get("jobDefinitionName"), request.get("status")
        families = self._definitions.values() if name is None else [self._definitions.get(short_name(name), [])]
        newest_first = (each for family in families for each in reversed(family))
        return page("jobDefinitions", [d for d in newest_first if status in (None, d["status"])], request)

    def deregister_job_definition(self, request: Document) -> Document:
        reference = request["jobDefinition"]
        if ":" not in short_name(reference):
            raise ClientError(f"A revision is required (name:revision or an ARN with one); given {reference}")
        found = self._revision(reference)
        if found is None:
            raise ClientError(f"Job definition {reference} does not exist.")
        found["status"] = "INACTIVE"
        self._records.defined(found)
        return {}

    def restore_definitions(self, records: JobRecords) -> None:
        """Have the definitions that another local Batch left."""
        for definition in records.definitions():
            self._definitions.setdefault(definition["jobDefinitionName"], []).append(definition)

    def definition(self, reference: str) -> Document:
        """The active definition of `name`, `name:revision` or an ARN; the newest if no revision is named.

        Raises ClientError.
        """
        name = short_name(reference)
        if ":" in name:
            found = self._revision(reference)
        else:
            active = (each for each in reversed(self._definitions.get(name, [])) if each["status"] == "ACTIVE")
            found = next(active, None)
        if found is not None and found["status"] == "ACTIVE":
            return found
        # Batch's own words, of which there are three.
        if not reference.startswith("arn:"):
            raise ClientError(f"JobDefinition name {reference} does not exist or is not in ACTIVE status")
        raise ClientError(f"JobDefinition {reference} {'not found.' if found is None else 'is not in ACTIVE status'}")

    def _revision(self, reference: str) -> Document | None:
        name, _, revision = short_name(reference).partition(":")
        revisions = self._definitions.get(name, [])
        if not revision.isdecimal() or not 1 <= int(revision) <= len(revisions):
            return None
        return revisions[int(revision) - 1]

    def by_arn(self, arn: str) -> Document | None:
        """The record of a compute environment, queue or job definition."""
        kind = arn.rpartition(":job-definition/")[1] or arn.split("/", 1)[0].rpartition(":")[2]
        if kind == "compute-environment":
            return self._environments.get(short_name(arn))
        if kind == "job-queue":
            return self._queues.get(short_name(arn))
        return self._revision(arn) if ":job-definition/" in arn else None


def _chosen(records: Mapping[str, Document], references: Iterable[str] | None) -> list[Document]:
    if references is None:
        return list(records.values())
    names = (short_name(reference) for reference in references)
    return [records[name] for name in names if name in records]


def _must_be_disabled(kind: str, record: Document) -> list[str]:
    if record["state"] == "DISABLED":
        return []
    return [f"Cannot delete, the {kind} is still ENABLED: update its state to DISABLED first"]
