"""What jobs on EC2 take (AWS Batch user guide, "Job definition parameters")."""

from collections.abc import Iterator
from math import ceil

from steprelay_core.spec import Batch, Problem


def problems(batch: Batch, path: str) -> Iterator[Problem]:
    """Everything in a step's `batch` that EC2 does not do, each with what to do about it."""
    if batch.cpu != int(batch.cpu):
        yield Problem(
            f"{path}.cpu",
            f"EC2 jobs take whole vCPUs, given {batch.cpu:g}",
            f"say cpu={ceil(batch.cpu)}, or use a Fargate queue",
        )
    if batch.ephemeral_storage is not None:
        yield Problem(
            f"{path}.ephemeral_storage",
            f"EC2 jobs have no `ephemeral_storage`, given {batch.ephemeral_storage}",
            "leave it out: the disk is that of the compute environment's instances; or use a Fargate queue",
        )
