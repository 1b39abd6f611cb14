"""Whether a queue could start a job at all: only what is certain is said."""

from dataclasses import replace

import pytest

from steprelay_core.decide.fit import obstacle
from steprelay_core.state.placement import Environment, InstanceSize, Needs, QueueState

SMALL = InstanceSize("c6i.4xlarge", 16, 32768)
LARGE = InstanceSize("c6i.8xlarge", 32, 65536)
WIDE = InstanceSize("r6i.2xlarge", 8, 131072)
ON_GPU = InstanceSize("g5.xlarge", 4, 16384, 1)


def queue(*environments: Environment, **more: str) -> QueueState:
    return QueueState("big", environments=environments or (machines(),), **more)


def machines(*sizes: InstanceSize, name: str = "ce", **more: object) -> Environment:
    return replace(Environment(name, max_vcpus=256, sizes=sizes or (SMALL, LARGE, WIDE)), **more)  # type: ignore[arg-type]


def asks(vcpus: float = 1, memory: int = 1024, gpus: int = 0) -> Needs:
    return Needs(vcpus, memory, gpus, vcpus)


def said(needs: Needs, state: QueueState) -> tuple[str, str]:
    found = obstacle(needs, state)
    assert found is not None
    return found.reason, found.change


@pytest.mark.parametrize("needs", [asks(), asks(32), asks(8, 131071), asks(16, 65535), Needs()])
def test_a_job_that_some_instance_type_has_room_for_meets_no_obstacle(needs: Needs) -> None:
    assert obstacle(needs, queue()) is None


def test_too_many_vcpus_are_told_with_the_largest_there_are() -> None:
    assert said(asks(64), queue()) == (
        "no instance type of queue big has 64 vCPU; the largest is c6i.8xlarge with 32",
        "ask for less, or let ce start larger instance types",
    )


def test_all_the_memory_of_an_instance_is_too_much_since_the_system_keeps_some() -> None:
    reason, _ = said(asks(1, 131072), queue())
    assert reason == (
        "no instance type of queue big has more than 131,072 MiB of memory (part of it is the system's); "
        "the largest is r6i.2xlarge with 131,072 MiB"
    )


def test_gpus_that_no_instance_type_has_are_told_first() -> None:
    assert said(asks(64, 1024, 1), queue())[0] == "no instance type of queue big has 1 GPU: none has any"


def test_too_many_gpus_are_told_with_the_most_there_are() -> None:
    reason, _ = said(asks(1, 1024, 4), queue(machines(SMALL, ON_GPU)))
    assert reason == "no instance type of queue big has 4 GPU; the largest is g5.xlarge with 1"


def test_what_only_different_instance_types_have_is_missing_at_once() -> None:
    reason, _ = said(asks(32, 100_000), queue())
    assert reason == "no instance type of queue big has 32 vCPU, more than 100,000 MiB of memory at once"


def test_sizes_that_are_not_known_are_no_obstacle() -> None:
    assert obstacle(asks(10_000), queue(machines(sizes=None, max_vcpus=None))) is None


def test_more_vcpus_than_the_environment_may_use_are_told_with_its_limit() -> None:
    assert said(asks(16), queue(machines(max_vcpus=8))) == (
        "compute environment ce of queue big may use 8 vCPU in all (maxvCpus), and the job asks for 16",
        "ask for less, or raise maxvCpus of ce",
    )


def test_the_nodes_of_a_job_need_their_vcpus_together() -> None:
    reason, _ = said(Needs(8, 1024, 0, 32), queue(machines(max_vcpus=16)))
    assert "and the job asks for 32" in reason


def test_one_environment_that_may_take_the_job_is_enough() -> None:
    assert obstacle(asks(64), queue(machines(), machines(sizes=None, name="fargate"))) is None


def test_each_environment_tells_its_own_obstacle() -> None:
    state = queue(machines(state="DISABLED"), machines(name="other", status="INVALID", reason="its role is gone"))
    reason, change = said(asks(), state)
    assert reason.split("; ") == [
        "compute environment ce of queue big is DISABLED",
        "compute environment other of queue big is INVALID: its role is gone",
    ]
    assert change == "enable ce; or mend other"


def test_an_environment_that_is_being_updated_still_takes_jobs() -> None:
    assert obstacle(asks(), queue(machines(status="UPDATING"))) is None


def test_a_disabled_queue_finishes_what_is_in_it() -> None:
    assert obstacle(asks(), queue(state="DISABLED")) is None


def test_a_queue_that_is_invalid_or_empty_starts_nothing() -> None:
    assert said(asks(), queue(status="INVALID", reason="no role"))[0] == "job queue big is INVALID: no role"
    assert said(asks(), QueueState("big"))[0] == "job queue big has no compute environment"
