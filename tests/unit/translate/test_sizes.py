"""vCPUs and memory: what a platform has, what is rounded up, and how memory grows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steprelay_core.ports import Platform
from steprelay_core.translate.fargate import FARGATE_PAIRS
from tests.unit.translate.platform_rules import FARGATE
from tests.unit.translate.requests import a_flow, a_submission, container, problems, request


def sizes(platform: Platform, growth: int = 0, factor: float | None = None, **batch: Any) -> tuple[float, int]:
    """vCPUs and MiB that a submission asks for; `factor`: the `memory_factor` of its step's retries."""
    retry: dict[str, Any] = {"retry": {"memory_factor": factor}} if factor is not None else {}
    made = request(a_flow(batch, **retry), platform, submission=a_submission(growth=growth))
    asked = {each["type"]: each["value"] for each in made.submit["containerOverrides"]["resourceRequirements"]}
    return float(asked["VCPU"]), int(asked["MEMORY"])


def test_the_fargate_pairs_are_those_of_the_documentation() -> None:
    """Two tables, written independently of each other."""
    assert {f"{vcpus:g}": set(memory) for vcpus, memory in FARGATE_PAIRS.items()} == FARGATE


@pytest.mark.parametrize(
    ("cpu", "memory", "offered"),
    [
        (3, 5000, "cpu=4 memory=8192"),
        (1, 1024, "cpu=1 memory=2048"),
        (1, 16384, "cpu=2 memory=16384"),
        (0.25, 4096, "cpu=0.5 memory=4096"),
        (0.3, 512, "cpu=0.5 memory=1024"),
        (16, 36_000, "cpu=16 memory=40960"),
    ],
)
def test_an_invalid_fargate_pair_is_offered_the_smallest_that_has_enough_first(
    cpu: float, memory: int, offered: str
) -> None:
    (problem,) = problems("fargate", {"cpu": cpu, "memory": memory})
    assert problem.startswith(f"steps.train.batch.{'memory' if cpu in FARGATE_PAIRS else 'cpu'}: ")
    assert f"{cpu:g} vCPU and {memory} MiB" in problem
    assert f"nearest: {offered}, cpu=" in problem
    assert "round_up=True" in problem


@pytest.mark.parametrize("round_up", [True, False])
def test_more_than_fargate_has_is_offered_the_largest_and_ec2(*, round_up: bool) -> None:
    (problem,) = problems("fargate", {"cpu": 64, "memory": 500_000, "round_up": round_up})
    assert "nearest: cpu=32 memory=249856, cpu=" in problem
    assert problem.endswith("or send the step to a queue with EC2)")


@pytest.mark.parametrize(
    ("cpu", "memory", "rounded"),
    [
        (1, 4096, (1, 4096)),
        (0.1, 4, (0.25, 512)),
        (0.25, 2049, (0.5, 3072)),
        (3, 5000, (4, 8192)),
        (1, 8193, (2, 9216)),
        (16, 57_345, (16, 65_536)),
        (17, 1, (32, 61_440)),
        (32, 249_856, (32, 249_856)),
    ],
)
def test_on_fargate_rounding_up_takes_the_smallest_pair_with_enough_of_both(
    cpu: float, memory: int, rounded: tuple[float, int]
) -> None:
    assert sizes("fargate", cpu=cpu, memory=max(memory, 4), round_up=True) == rounded


@given(st.floats(0.01, 32), st.integers(4, 249_856))
def test_whatever_is_rounded_up_has_enough_of_both_and_no_smaller_pair_has(cpu: float, memory: int) -> None:
    vcpus, size = sizes("fargate", cpu=cpu, memory=memory, round_up=True)
    assert vcpus >= cpu
    assert size >= memory
    assert size in FARGATE[f"{vcpus:g}"]
    assert not [other for other in FARGATE[f"{vcpus:g}"] if memory <= other < size]
    assert not [name for name, all_sizes in FARGATE.items() if cpu <= float(name) < vcpus and max(all_sizes) >= memory]


@pytest.mark.parametrize(("cpu", "rounded"), [(0.1, 1), (1.0, 1), (1.01, 2), (3, 3)])
def test_on_ec2_rounding_up_takes_whole_vcpus_and_leaves_memory(cpu: float, rounded: int) -> None:
    assert sizes("ec2", cpu=cpu, memory=777, round_up=True) == (rounded, 777)


def test_a_fraction_on_ec2_is_told_what_to_say() -> None:
    (problem,) = problems("ec2", {"cpu": 1.5})
    assert "EC2 jobs take whole vCPUs, given 1.5" in problem
    assert "cpu=2" in problem
    assert "round_up=True" in problem


@pytest.mark.parametrize(("cpu", "text"), [(1, "1"), (2.0, "2"), (1_234_567, "1234567")])
def test_vcpus_are_written_as_batch_reads_them(cpu: float, text: str) -> None:
    needs = request(a_flow({"cpu": cpu})).submit["containerOverrides"]["resourceRequirements"]
    assert needs[0] == {"type": "VCPU", "value": text}


@pytest.mark.parametrize(("growth", "memory"), [(0, 3000), (1, 6000), (2, 12_000), (3, 20_000), (40, 20_000)])
def test_memory_doubles_as_often_as_it_ran_out_up_to_the_maximum(growth: int, memory: int) -> None:
    assert sizes("ec2", growth, memory=3000, max_memory=20_000) == (1, memory)


@pytest.mark.parametrize(
    ("factor", "growth", "memory"),
    # 1000 by 1.1 are 1100 exactly, which floats miss; what is no whole number is rounded up.
    [(1.5, 1, 1500), (1.5, 3, 3375), (1.1, 1, 1100), (1.1, 2, 1210), (1.1, 4, 1465), (1, 3, 1000), (3, 9, 20_000)],
)
def test_memory_grows_by_the_factor_that_the_step_says(factor: float, growth: int, memory: int) -> None:
    assert sizes("ec2", growth, factor, memory=1000, max_memory=20_000) == (1, memory)


@pytest.mark.parametrize(("growth", "memory"), [(1, 3000), (2, 8000), (9, 8000)])
def test_a_factor_without_a_maximum_leads_to_eight_times_the_start_at_most(growth: int, memory: int) -> None:
    assert sizes("ec2", growth, 3, memory=1000) == (1, memory)


def test_on_fargate_a_factor_leads_to_the_next_valid_pair() -> None:
    assert [sizes("fargate", growth, 1.5, memory=5120) for growth in (0, 1, 2)] == [(1, 5120), (1, 8192), (2, 12_288)]


@pytest.mark.parametrize("platform", ["ec2", "fargate"])
def test_memory_without_a_maximum_does_not_grow(platform: Platform) -> None:
    assert sizes(platform, 3, memory=4096) == (1, 4096)


@pytest.mark.parametrize(
    ("growth", "maximum", "grown"),
    [
        (0, 65_536, (1, 4096)),
        (1, 65_536, (1, 8192)),
        (2, 65_536, (2, 16_384)),
        (3, 65_536, (8, 32_768)),
        (4, 65_536, (16, 65_536)),
        (5, 65_536, (16, 65_536)),
        # No pair has 10,000 MiB or a bit more, so the largest below it.
        (2, 10_000, (2, 9216)),
        (1, 4097, (1, 4096)),
        # More than Fargate has at all.
        (9, 10**6, (32, 249_856)),
    ],
)
def test_on_fargate_memory_grows_along_the_valid_pairs(growth: int, maximum: int, grown: tuple[float, int]) -> None:
    assert sizes("fargate", growth, memory=4096, max_memory=maximum) == grown


pairs = st.sampled_from([(float(vcpus), memory) for vcpus, all_sizes in FARGATE.items() for memory in all_sizes])


@given(pairs, st.integers(0, 10), st.integers(0, 10**6))
def test_a_valid_fargate_pair_grows_to_valid_pairs_that_never_shrink_nor_pass_the_maximum(
    pair: tuple[float, int], growth: int, room: int
) -> None:
    batch = {"cpu": pair[0], "memory": pair[1], "max_memory": pair[1] + room}
    before, after = sizes("fargate", growth, **batch), sizes("fargate", growth + 1, **batch)
    assert after[1] in FARGATE[f"{after[0]:g}"]
    assert pair[1] <= before[1] <= after[1] <= pair[1] + room
    assert pair[0] <= after[0]


def test_a_pair_that_rounding_up_took_above_the_maximum_stays() -> None:
    assert sizes("fargate", 0, memory=3000, max_memory=3001, round_up=True) == (1, 3072)
    assert sizes("fargate", 5, memory=3000, max_memory=3001, round_up=True) == (1, 3072)


def test_memory_that_is_rounded_up_grows_as_well() -> None:
    batch: dict[str, Any] = {"memory": 3000, "max_memory": 20_000, "round_up": True}
    assert [sizes("fargate", growth, **batch) for growth in range(4)] == [
        (1, 3072),
        (1, 6144),
        (2, 12_288),
        (4, 19_456),
    ]


def test_an_invalid_pair_stays_refused_however_often_memory_grew() -> None:
    assert problems("fargate", {"memory": 5000, "max_memory": 8192}, growth=1) == problems(
        "fargate", {"memory": 5000, "max_memory": 8192}
    )


def test_a_tmpfs_without_a_size_has_half_of_the_memory_that_the_attempt_has() -> None:
    batch = {"use_tmpfs": True, "memory": 4096, "max_memory": 8192}
    mounted = [
        container(batch, submission=a_submission(growth=growth))["linuxParameters"]["tmpfs"] for growth in (0, 1)
    ]
    assert [each[0]["size"] for each in mounted] == [2048, 4096]
