"""What jobs on EC2 take (AWS Batch user guide, "Job definition parameters")."""

from collections.abc import Iterator
from math import ceil

from steprelay_core.spec import Batch, Problem

_UNLIMITED = -1


def problems(batch: Batch, path: str) -> Iterator[Problem]:
    """Everything in a step's `batch` that EC2 does not do, each with what to do about it."""
    if batch.cpu != int(batch.cpu) and not batch.round_up:
        yield Problem(
            f"{path}.cpu",
            f"EC2 jobs take whole vCPUs, given {batch.cpu:g}",
            f"say cpu={ceil(batch.cpu)}, or round up: round_up=True, --round-up; or use a Fargate queue",
        )
    if batch.ephemeral_storage is not None:
        yield Problem(
            f"{path}.ephemeral_storage",
            f"EC2 jobs have no `ephemeral_storage`, given {batch.ephemeral_storage}",
            "leave it out: the disk is that of the compute environment's instances; or use a Fargate queue",
        )
    if batch.architecture is not None:
        yield Problem(
            f"{path}.architecture",
            f"EC2 jobs have no `architecture`, given {batch.architecture!r}",
            f"leave it out: the instances decide, so choose a queue with {batch.architecture} instances",
        )
    yield from _ulimit_problems(batch, path)


def _ulimit_problems(batch: Batch, path: str) -> Iterator[Problem]:
    """Docker starts no container with a soft limit above the hard one."""
    for name, limit in batch.ulimits.items():
        if limit.hard != _UNLIMITED and (limit.soft > limit.hard or limit.soft == _UNLIMITED):
            message = f"the soft limit of {name!r} is above the hard one: {limit.soft} and {limit.hard}"
            yield Problem(f"{path}.ulimits.{name}", message, "lower the first or raise the second")
