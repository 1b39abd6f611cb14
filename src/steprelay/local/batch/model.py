"""The records of jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from steprelay.local.batch.retry import RetryStrategy
from steprelay.local.batch.surroundings import NOTHING, Surroundings


class Status(StrEnum):
    """Batch's job states, in their order."""

    SUBMITTED = "SUBMITTED"
    PENDING = "PENDING"
    RUNNABLE = "RUNNABLE"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED})
NOT_YET_STARTED = frozenset({Status.SUBMITTED, Status.PENDING, Status.RUNNABLE})


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What a submission fixed, definition and overrides merged. The children of an array share one.

    `container` is the part of the API's ContainerDetail that never changes; `refusal` is why ECS would
    refuse to run the task (Batch accepts such a job and fails it later). A multi-node parallel job has the
    spec of each node in `nodes`, is as large as all of them, and takes the rest from its main node;
    `node_properties` is what the API answers about them. All dicts are read-only.
    """

    name: str
    queue_arn: str
    queue_name: str
    compute_environment: str
    priority: int
    definition_arn: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    image: str
    container: Mapping[str, Any]
    vcpus: float
    memory_mib: int
    retry: RetryStrategy
    retry_strategy: Mapping[str, Any]
    timeout_seconds: int | None
    parameters: Mapping[str, str]
    propagate_tags: bool
    platform_capabilities: tuple[str, ...]
    depends_on: tuple[Mapping[str, str], ...]
    log_group: str
    log_prefix: str
    share_identifier: str | None = None
    scheduling_priority: int | None = None
    array_size: int | None = None
    refusal: str | None = None
    surroundings: Surroundings = NOTHING
    nodes: "tuple[JobSpec, ...]" = ()
    main_node: int = 0
    node_properties: Mapping[str, Any] | None = None

    @property
    def fargate(self) -> bool:
        return "FARGATE" in self.platform_capabilities


@dataclass(frozen=True, slots=True)
class Task:
    """The ECS task of one attempt."""

    id: str
    arn: str
    log_stream: str
    container_instance_arn: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that is over. Times are milliseconds since the epoch."""

    task: Task
    started_at: int | None
    stopped_at: int
    exit_code: int | None
    reason: str | None
    status_reason: str


@dataclass(frozen=True, slots=True)
class Dependency:
    """`job` is None for SEQUENTIAL; `type` is None for an ordinary dependency."""

    job: "Job | None"
    type: str | None


@dataclass(slots=True, eq=False)
class Job:
    """One job: a single one, an array's parent (`spec.array_size`) or a child of it (`parent`, `index`), a multi-node
    parallel job (`nodes`) or a node of it (`parent`, `node`).

    Times are milliseconds since the epoch. `children` is None until an array has spawned them. `nodes` is empty for
    every other kind of job.
    """

    id: str
    arn: str
    spec: JobSpec
    sequence: int
    created_at: int
    tags: dict[str, str]
    status: Status = Status.SUBMITTED
    status_reason: str | None = None
    started_at: int | None = None
    stopped_at: int | None = None
    attempts: list[Attempt] = field(default_factory=list)
    task: Task | None = None
    dependencies: Sequence[Dependency] = ()
    parent: "Job | None" = None
    index: int | None = None
    children: "list[Job] | None" = None
    node: int | None = None
    nodes: "Sequence[Job]" = ()
    summary: dict[Status, int] = field(default_factory=dict)
    cancelled: bool = False
    terminated: bool = False
    stop_reason: str | None = None

    @property
    def ended(self) -> bool:
        return self.status in TERMINAL

    @property
    def is_array(self) -> bool:
        return self.spec.array_size is not None and self.parent is None

    @property
    def is_main_node(self) -> bool:
        return self.parent is not None and self.node == self.parent.spec.main_node

    @property
    def members(self) -> "Sequence[Job]":
        """What has a process when this job runs: the nodes, the main one first, or the job itself."""
        if not self.nodes:
            return (self,)
        main = self.nodes[self.spec.main_node]
        return (main, *(node for node in self.nodes if node is not main))

    @property
    def family(self) -> "Sequence[Job]":
        """The job with its children or nodes."""
        return (self, *(self.children or ()), *self.nodes)

    @property
    def children_ended(self) -> bool:
        """Whether an array that has spawned has no child left to wait for. O(1)."""
        ended = self.summary.get(Status.SUCCEEDED, 0) + self.summary.get(Status.FAILED, 0)
        return self.children is not None and ended == len(self.children)


def described(job: Job) -> str:
    """A job, as the relay's log names it."""
    index = "" if job.index is None else f" child {job.index}"
    return f"{job.spec.name}{index}"
