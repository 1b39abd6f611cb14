"""What AWS Fargate takes (AWS Batch user guide, "Job definition parameters: resourceRequirements")."""

from collections.abc import Iterator
from math import log2

from steprelay_core.spec import Batch, Problem
from steprelay_core.translate.inputs import Defaults

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
_PAIRS = [(vcpus, memory) for vcpus, sizes in FARGATE_PAIRS.items() for memory in sizes]

LOG_DRIVERS = ("awslogs", "splunk")
_EC2_ONLY = (
    *("gpu", "inferentia", "trainium", "efa", "privileged", "shared_memory", "max_swap", "swappiness"),
    *("use_tmpfs", "tmpfs_size", "host_volumes", "ulimits"),
)


def problems(batch: Batch, path: str, defaults: Defaults) -> Iterator[Problem]:
    """Everything in a step's `batch` that Fargate does not do, each with what to do about it."""
    for name in _EC2_ONLY:
        # Not by truth: a swap or swappiness of 0 is a wish too.
        if getattr(batch, name) != Batch.model_fields[name].default:
            yield Problem(f"{path}.{name}", f"Fargate has no `{name}`, given {_shown(batch, name)}", _to_ec2(name))
    if batch.nodes > 1:
        message = f"Fargate has no multi-node jobs, given `num_parallel` {batch.num_parallel}"
        yield Problem(f"{path}.num_parallel", message, _to_ec2("num_parallel"))
    if batch.log_driver is not None and batch.log_driver not in LOG_DRIVERS:
        yield Problem(
            f"{path}.log_driver",
            f"Fargate logs through {' or '.join(LOG_DRIVERS)}, given {batch.log_driver!r}",
            "leave `log_driver` out for CloudWatch Logs",
        )
    if not (batch.execution_role or defaults.execution_role):
        yield Problem(
            f"{path}.execution_role",
            "Fargate needs an execution role, and neither the step nor the relay names one",
            "say @batch(execution_role=…) or set STEPRELAY_ECS_FARGATE_EXECUTION_ROLE",
        )
    yield from _pair_problems(batch, path)


def smallest_pair(cpu: float, memory: int) -> tuple[float, int] | None:
    """The valid pair that has at least this much of both: fewest vCPUs first. None where Fargate has no such."""
    return min((pair for pair in _PAIRS if pair[0] >= cpu and pair[1] >= memory), default=None)


def pair_between(cpu: float, least: int, wanted: int, most: int) -> tuple[float, int] | None:
    """The smallest valid pair with `wanted` MiB, or else the one with the most from `least` to `most` MiB, if any."""
    within = [pair for pair in _PAIRS if pair[0] >= cpu and least <= pair[1] <= most]
    enough = min((pair for pair in within if pair[1] >= wanted), default=None)
    return enough or max(within, key=lambda pair: (pair[1], -pair[0]), default=None)


def nearest_pairs(cpu: float, memory: int, count: int = 3) -> list[tuple[float, int]]:
    """Valid pairs for an invalid one: first the smallest that has as much of both, then the closest others."""
    enough = smallest_pair(cpu, memory)
    close = sorted(_PAIRS, key=lambda pair: abs(log2(pair[0] / cpu)) + abs(log2(pair[1] / memory)))
    return list(dict.fromkeys([*([enough] if enough else []), *close]))[:count]


def _pair_problems(batch: Batch, path: str) -> Iterator[Problem]:
    if batch.memory in FARGATE_PAIRS.get(batch.cpu, ()):
        return
    enough = smallest_pair(batch.cpu, batch.memory)
    if batch.round_up and enough:
        return
    offers = ", ".join(f"cpu={cpu:g} memory={memory}" for cpu, memory in nearest_pairs(batch.cpu, batch.memory))
    else_do = "or round up: round_up=True, --round-up" if enough else "or send the step to a queue with EC2"
    yield Problem(
        # The culprit is the memory where Fargate does have this many vCPUs.
        f"{path}.{'memory' if batch.cpu in FARGATE_PAIRS else 'cpu'}",
        f"Fargate has no pair of {batch.cpu:g} vCPU and {batch.memory} MiB",
        f"nearest: {offers}; {else_do}",
    )


def _shown(batch: Batch, name: str) -> str:
    if name == "host_volumes":
        return ", ".join(volume.source for volume in batch.host_volumes)
    return ", ".join(batch.ulimits) if name == "ulimits" else repr(getattr(batch, name))


def _to_ec2(name: str) -> str:
    return f"send the step to a queue with EC2 compute environments, or leave `{name}` out"
