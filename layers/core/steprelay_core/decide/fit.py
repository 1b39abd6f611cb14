"""Whether a job could start in its queue at all, and what to change if not. What is not known is not guessed."""

from collections.abc import Iterator
from dataclasses import dataclass

from steprelay_core.state.placement import Environment, InstanceSize, Needs, QueueState

# AWS Batch API, CreateComputeEnvironment: only in VALID environments are jobs placed, UPDATING ones go on meanwhile.
_NO_JOBS = frozenset({"INVALID", "DELETING", "DELETED"})


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why no job like this one can start there, and what to change."""

    reason: str
    change: str


def obstacle(needs: Needs, queue: QueueState) -> Obstacle | None:
    """What keeps a job of these needs from every compute environment of the queue; None where one may take it.

    A queue that is DISABLED is no obstacle: it takes no further jobs, and those in it can finish (AWS Batch API,
    CreateJobQueue).
    """
    if queue.status in _NO_JOBS:
        why = f": {queue.reason}" if queue.reason else ""
        return Obstacle(f"job queue {queue.name} is {queue.status}{why}", "mend the job queue, or name another one")
    if not queue.environments:
        return Obstacle(f"job queue {queue.name} has no compute environment", "give it one, or name another queue")
    found = [_in_environment(needs, queue, environment) for environment in queue.environments]
    obstacles = [each for each in found if each is not None]
    if len(obstacles) < len(found):
        return None
    changes = dict.fromkeys(each.change for each in obstacles)
    reasons = dict.fromkeys(each.reason for each in obstacles)
    return Obstacle("; ".join(reasons), "; or ".join(changes))


def _in_environment(needs: Needs, queue: QueueState, environment: Environment) -> Obstacle | None:
    name = environment.name
    if environment.state == "DISABLED":
        return Obstacle(f"compute environment {name} of queue {queue.name} is DISABLED", f"enable {name}")
    if environment.status in _NO_JOBS:
        why = f": {environment.reason}" if environment.reason else ""
        return Obstacle(
            f"compute environment {name} of queue {queue.name} is {environment.status}{why}", f"mend {name}"
        )
    most = environment.max_vcpus
    if most is not None and needs.vcpus_together > most:
        asked = f"the job asks for {needs.vcpus_together:g}"
        return Obstacle(
            f"compute environment {name} of queue {queue.name} may use {most:,} vCPU in all (maxvCpus), and {asked}",
            f"ask for less, or raise maxvCpus of {name}",
        )
    if environment.sizes is None or any(_is_enough(size, needs) for size in environment.sizes):
        return None
    change = f"ask for less, or let {name} start larger instance types"
    return Obstacle(f"no instance type of queue {queue.name} has {_lacking(needs, environment.sizes)}", change)


def _is_enough(size: InstanceSize, needs: Needs) -> bool:
    """Whether an instance type has room for the job."""
    return all(getattr(size, wanted.attribute) >= wanted.least for wanted in _wanted(needs))


@dataclass(frozen=True, slots=True)
class _Wanted:
    attribute: str
    least: float
    text: str
    unit: str


def _wanted(needs: Needs) -> Iterator[_Wanted]:
    """What the job needs, the rarest first."""
    if needs.gpus:
        yield _Wanted("gpus", needs.gpus, f"{needs.gpus} GPU", "")
    if needs.vcpus:
        yield _Wanted("vcpus", needs.vcpus, f"{needs.vcpus:g} vCPU", "")
    if needs.memory:
        # AWS Batch user guide, "Compute resource memory management": the system keeps some of an instance's memory for
        # itself, so a job that asks for all of it never fits.
        yield _Wanted("memory", needs.memory + 1, f"more than {needs.memory:,} MiB of memory", " MiB")


def _lacking(needs: Needs, sizes: tuple[InstanceSize, ...]) -> str:
    """What no size has, with the largest there is; or all of it, where only the combination is missing."""
    for wanted in _wanted(needs):
        largest = max(sizes, key=lambda size: getattr(size, wanted.attribute), default=None)
        has = 0 if largest is None else getattr(largest, wanted.attribute)
        if has >= wanted.least:
            continue
        if largest is None or not has:
            return f"{wanted.text}: none has any"
        keeps = " (part of it is the system's)" if wanted.attribute == "memory" else ""
        return f"{wanted.text}{keeps}; the largest is {largest.name} with {has:,}{wanted.unit}"
    return f"{', '.join(wanted.text for wanted in _wanted(needs))} at once"
