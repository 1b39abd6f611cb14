"""What a run is said to have cost."""

from typing import Any

import pytest

from steprelay.client.cost.estimate import RunCost, StepCost
from steprelay.client.cost.prices import Compute, list_prices
from steprelay.client.cost.reading import LIGHT_MEMORY_MIB, SAMPLE, cost_of
from steprelay_core.spec import Flow
from steprelay_core.state.model import Failure, Group
from steprelay_core.state.ranges import Ranges
from tests.client.fake_relay import START, FakeRelay, failed_attempt, flow_of, stored, won

HOUR = 3600.0
RATES = list_prices().per_hour
SPOT_LOST = Failure("spot", "Host EC2 (instance i-1) terminated.")


def flow(**batch: Any) -> Flow:
    asked = {"cpu": 4, "memory": 8192, **batch}
    return flow_of({"start": {"next": "train"}, "train": {"batch": asked, "next": "end"}, "end": {}})


def took(seconds: float, job_id: str | None = "job-1") -> dict[str, Any]:
    return {"started_at": START, "ended_at": START + seconds, "job_id": job_id}


def cost(relay: FakeRelay, *groups: Group, of: Flow | None = None) -> RunCost:
    return cost_of(relay, of or flow(), stored(*groups))


def train(told: RunCost) -> StepCost:
    return next(step for step in told.steps if step.step == "train")


@pytest.mark.parametrize("compute", ["ec2", "spot", "fargate", "fargate_spot"])
def test_an_hour_of_a_job_costs_its_vcpus_and_its_memory_at_the_rates_of_what_it_ran_on(compute: Compute) -> None:
    relay = FakeRelay(outcomes={("train", 1): took(HOUR)}, computes={"job-1": compute})

    told = train(cost(relay, won("train")))

    rates = RATES[compute]
    assert told.price == pytest.approx(4 * rates.vcpu + 8 * rates.gib)
    assert (told.vcpu_seconds, told.memory_mib_seconds) == (4 * HOUR, 8192 * HOUR)
    assert (told.wasted, told.computes) == (0.0, (compute,))


def test_gpus_and_every_node_of_a_job_count() -> None:
    relay = FakeRelay(outcomes={("train", 1): took(HOUR)}, computes={"job-1": "ec2"})

    told = train(cost(relay, won("train"), of=flow(gpu=2, num_parallel=3)))

    rates = RATES["ec2"]
    assert told.price == pytest.approx(3 * (4 * rates.vcpu + 8 * rates.gib + 2 * rates.gpu))
    assert told.gpu_seconds == 3 * 2 * HOUR


def test_a_light_step_costs_the_memory_of_the_light_function() -> None:
    relay = FakeRelay(outcomes={("start", 1): took(HOUR, None)})

    told = cost(relay, won("start"))

    assert told.price == pytest.approx(RATES["lambda"].gib * LIGHT_MEMORY_MIB / 1024)
    assert told.assumed == ()


def test_attempts_that_failed_are_wasted_whether_or_not_they_left_an_outcome() -> None:
    told_itself = failed_attempt(0, 1, Failure("program", "ValueError"))
    was_lost = failed_attempt(0, 2, SPOT_LOST, began_at=START + 2 - HOUR / 2)
    relay = FakeRelay(outcomes={("train", 1): took(HOUR), ("train", 3): took(HOUR)}, computes={"job-1": "spot"})

    told = train(cost(relay, won("train", attempt=3, history=(told_itself, was_lost))))

    an_hour = 4 * RATES["spot"].vcpu + 8 * RATES["spot"].gib
    assert (told.attempts, told.failed, told.measured) == (3, 2, 3)
    assert told.wasted == pytest.approx(1.5 * an_hour)
    assert told.price == pytest.approx(2.5 * an_hour)


def test_memory_that_has_grown_costs_what_it_has_grown_to() -> None:
    out_of_memory = failed_attempt(0, 1, Failure("oom", "OutOfMemoryError"), began_at=START + 2 - HOUR)
    relay = FakeRelay(outcomes={("train", 2): took(HOUR)}, computes={"job-1": "fargate"})

    told = train(cost(relay, won("train", attempt=2, history=(out_of_memory,)), of=flow(max_memory=16384)))

    assert told.memory_mib_seconds == (8192 + 16384) * HOUR


def test_a_sample_stands_for_ten_thousand_tasks() -> None:
    tasks = 10_000
    of = flow_of(
        {
            "start": {"next": {"to": ["train"], "foreach": "shards"}},
            "train": {"batch": {"cpu": 1, "memory": 1024}, "next": "end"},
            "end": {"join": True},
        }
    )
    relay = FakeRelay(
        outcomes={(f"train.{index}", 1): took(HOUR) for index in range(tasks)}, computes={"job-1": "fargate"}
    )

    told = train(cost(relay, won("train", path=(0,), members=Ranges.upto(tasks)), of=of))

    assert (told.attempts, told.measured) == (tasks, SAMPLE)
    assert told.vcpu_seconds == pytest.approx(tasks * HOUR)
    assert len(relay.computes_asked) == 1


def test_what_ran_on_nobody_knows_what_is_taken_for_on_demand_and_said_to_be() -> None:
    relay = FakeRelay(outcomes={("train", 1): took(HOUR)})

    told = cost(relay, won("train"))

    assert (train(told).computes, told.assumed) == (("ec2",), ("train",))


def test_each_attempt_that_was_measured_is_told_with_its_own_price() -> None:
    lost = failed_attempt(0, 1, SPOT_LOST, began_at=START + 2 - HOUR)
    relay = FakeRelay(outcomes={("train", 2): took(2 * HOUR)}, computes={"job-1": "spot"})

    told = train(cost(relay, won("train", attempt=2, history=(lost,))))

    assert [(one.task, one.attempt, one.won, one.seconds) for one in told.each] == [
        ("train", 1, False, HOUR),
        ("train", 2, True, 2 * HOUR),
    ]
    assert sum(one.price for one in told.each) == pytest.approx(told.price)


def test_a_step_that_has_not_run_costs_nothing_and_is_not_listed() -> None:
    assert cost(FakeRelay()).steps == ()


def test_prices_say_of_when_and_where_they_are() -> None:
    prices = list_prices()

    assert len(prices.as_of) == len("2026-11")
    assert (prices.region, prices.currency) == ("us-east-1", "USD")
