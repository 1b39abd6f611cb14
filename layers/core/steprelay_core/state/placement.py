"""What a job asks for, and what a job queue could give it, as AWS Batch describes both."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Needs:
    """What one instance has to have for a job: whole vCPUs (parts of one on Fargate), MiB, GPUs.

    `vcpus_together`: of all nodes of a multi-node job; of any other job the same as `vcpus`.
    """

    vcpus: float = 0.0
    memory: int = 0
    gpus: int = 0
    vcpus_together: float = 0.0


@dataclass(frozen=True, slots=True)
class InstanceSize:
    """An instance type of EC2: vCPUs, MiB of memory, GPUs that a job can ask for."""

    name: str
    vcpus: int
    memory: int
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Environment:
    """A compute environment. `state` and `status` are AWS Batch's (ENABLED, DISABLED; VALID, INVALID, …).

    `max_vcpus` is None where Batch does not manage the instances. `sizes`: every instance type that it may start;
    None where that is not known, as on Fargate, whose sizes are no instances, or of a type that is not in the list.
    """

    name: str
    state: str = "ENABLED"
    status: str = "VALID"
    reason: str = ""
    max_vcpus: int | None = None
    sizes: tuple[InstanceSize, ...] | None = None


@dataclass(frozen=True, slots=True)
class QueueState:
    """A job queue with its compute environments, in the order in which it tries them."""

    name: str
    state: str = "ENABLED"
    status: str = "VALID"
    reason: str = ""
    environments: tuple[Environment, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """The job at the head of a queue, whosever it is, and why it waits, if AWS Batch says so."""

    job_id: str
    job_name: str
    reason: str = ""
    needs: Needs = Needs()
