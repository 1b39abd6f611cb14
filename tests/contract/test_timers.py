"""What every `Timers` promises, on the fake and on SQS with EventBridge Scheduler."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from steprelay_core.aws.clients import Clients
from steprelay_core.aws.timers import AwsTimers, TimerTargets, schedule_name
from steprelay_core.ports import Timers
from tests.contract.queues import receive_all
from tests.fakes import FixedClock, MemoryTimers

NOW = 1_790_000_000.0
MESSAGE = {"source": "steprelay.timer", "detail": {"run": "größe", "due": NOW}}


@dataclass
class Case:
    timers: Timers
    arrived: Callable[[], list[Any]]


@pytest.fixture
def targets(clients: Clients, queue_url: str) -> TimerTargets:
    clients.scheduler.create_schedule_group(Name="relay")
    return TimerTargets(
        queue_url, "arn:aws:sqs:eu-west-1:123456789012:relay-queue", "relay", "arn:aws:iam::123456789012:role/s"
    )


@pytest.fixture(params=["memory", "aws"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "memory":
        memory = MemoryTimers()
        return Case(memory, lambda: memory.pop_due(NOW))
    clients, targets = request.getfixturevalue("clients"), request.getfixturevalue("targets")
    return Case(AwsTimers(clients, targets, FixedClock(NOW)), lambda: receive_all(clients, targets.queue_url))


@pytest.mark.parametrize("late", [0, 0.5, 10_000])
def test_a_timer_that_is_due_comes_at_once(case: Case, late: float) -> None:
    case.timers.start("timer", MESSAGE, NOW - late)
    assert case.arrived() == [MESSAGE]


@pytest.mark.parametrize("seconds", [600, 3_600, 400 * 86_400])
def test_a_timer_that_is_not_due_has_not_come(case: Case, seconds: float) -> None:
    case.timers.start("timer", MESSAGE, NOW + seconds)
    assert case.arrived() == []


def test_a_far_timer_asked_for_twice_is_no_error(case: Case) -> None:
    case.timers.start("timer", MESSAGE, NOW + 3_600)
    case.timers.start("timer", MESSAGE, NOW + 3_600)
    assert case.arrived() == []


@pytest.mark.parametrize("name", ["x" * 300, "Größe:train:0.3:1", "a/b c*"])
def test_any_name_will_do(case: Case, name: str) -> None:
    case.timers.start(name, MESSAGE, NOW + 3_600)
    assert case.arrived() == []


@pytest.mark.parametrize(("seconds", "delay"), [(0.2, 1), (60, 60), (899.5, 900), (900, 900)])
def test_up_to_fifteen_minutes_the_queue_itself_waits_and_never_too_short(
    clients: Clients, targets: TimerTargets, seconds: float, delay: int
) -> None:
    with Stubber(clients.sqs) as stub:
        stub.add_response(
            "send_message",
            {},
            {"QueueUrl": targets.queue_url, "MessageBody": ANY, "DelaySeconds": delay},
        )
        AwsTimers(clients, targets, FixedClock(NOW)).start("timer", MESSAGE, NOW + seconds)
        stub.assert_no_pending_responses()


def test_beyond_fifteen_minutes_a_schedule_sends_the_message_once_a_minute_early_and_is_gone(
    clients: Clients, targets: TimerTargets
) -> None:
    AwsTimers(clients, targets, FixedClock(NOW)).start("Demo-1:train:0.3:2", MESSAGE, NOW + 900.25)
    (listed,) = clients.scheduler.list_schedules(GroupName="relay")["Schedules"]
    schedule = clients.scheduler.get_schedule(GroupName="relay", Name=listed["Name"])
    due = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(NOW + 901 - 60))
    assert schedule["ScheduleExpression"] == f"at({due})"
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["ActionAfterCompletion"] == "DELETE"
    assert (schedule["Target"]["Arn"], schedule["Target"]["RoleArn"]) == (targets.queue_arn, targets.role_arn)
    assert json.loads(schedule["Target"]["Input"]) == MESSAGE


def test_a_far_timer_asked_for_twice_is_one_schedule(clients: Clients, targets: TimerTargets) -> None:
    timers = AwsTimers(clients, targets, FixedClock(NOW))
    for name in ("timer", "timer", "other"):
        timers.start(name, MESSAGE, NOW + 3_600)
    assert len(clients.scheduler.list_schedules(GroupName="relay")["Schedules"]) == 2


def test_names_that_differ_only_in_what_is_replaced_or_cut_stay_different() -> None:
    names = ["a:b", "a_b", "a/b", "x" * 300, "x" * 301]
    legal = [schedule_name(name) for name in names]
    assert len(set(legal)) == len(names)
    assert all(len(name) <= 64 for name in legal)
