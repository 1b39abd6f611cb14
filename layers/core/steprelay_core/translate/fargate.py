"""What AWS Fargate takes (AWS Batch user guide, "Job definition parameters: resourceRequirements")."""

from collections.abc import Iterator
from math import log2

from steprelay_core.spec import Batch, Problem

# vCPUs → MiB of memory that may go with them.
FARGATE_PAIRS: dict[float, tuple[int, ...]] = {
    0.25: (512, 1024, 2048),
    0.5: tuple(range(1024, 4096 + 1, 1024)),
    1: tuple(range(2048, 8192 + 1, 1024)),
    2: tuple(range(4096, 16384 + 1, 1024)),
    4: tuple(range(8192, 30720 + 1, 1024)),
    8: tuple(range(16384, 61440 + 1, 4096)),
    16: tuple(range(32768, 122880 + 1, 8192)),
    32: (61440, 122880, 249856),
}

LOG_DRIVERS = ("awslogs", "splunk")
_TO_EC2 = "send the step to a queue with EC2 compute environments, or leave {name} out"


def problems(batch: Batch, path: str, execution_role: str | None) -> Iterator[Problem]:
    """Everything in a step's `batch` that Fargate does not do, each with what to do about it."""
    for name in _absent(batch):
        given = getattr(batch, name)
        yield Problem(f"{path}.{name}", f"Fargate has no `{name}`, given {given!r}", _TO_EC2.format(name=f"`{name}`"))
    if batch.log_driver is not None and batch.log_driver not in LOG_DRIVERS:
        yield Problem(
            f"{path}.log_driver",
            f"Fargate logs through {' or '.join(LOG_DRIVERS)}, given {batch.log_driver!r}",
            "leave `log_driver` out for CloudWatch Logs",
        )
    if not execution_role:
        yield Problem(
            f"{path}.execution_role",
            "Fargate needs an execution role, and neither the step nor the relay names one",
            "say @batch(execution_role=…) or set STEPRELAY_ECS_FARGATE_EXECUTION_ROLE",
        )
    if batch.memory not in FARGATE_PAIRS.get(batch.cpu, ()):
        offers = ", ".join(f"cpu={cpu:g} memory={memory}" for cpu, memory in nearest_pairs(batch.cpu, batch.memory))
        yield Problem(
            f"{path}.cpu",
            f"Fargate has no pair of {batch.cpu:g} vCPU and {batch.memory} MiB",
            f"nearest: {offers}",
        )


def nearest_pairs(cpu: float, memory: int, count: int = 3) -> list[tuple[float, int]]:
    """Valid pairs for an invalid one: first the smallest that has as much of both, then the closest others."""
    pairs = [(vcpus, size) for vcpus, sizes in FARGATE_PAIRS.items() for size in sizes]
    enough = [pair for pair in pairs if pair[0] >= cpu and pair[1] >= memory]
    close = sorted(pairs, key=lambda pair: abs(log2(pair[0] / cpu)) + abs(log2(pair[1] / memory)))
    return list(dict.fromkeys([*enough[:1], *close]))[:count]


def _absent(batch: Batch) -> Iterator[str]:
    """The parameters that ask for what only EC2 has. Zero and false ask for nothing, but swap of 0 is a wish."""
    yield from (name for name in ("gpu", "inferentia", "efa", "privileged", "use_tmpfs") if getattr(batch, name))
    optional = ("shared_memory", "max_swap", "swappiness", "tmpfs_size")
    yield from (name for name in optional if getattr(batch, name) is not None)
