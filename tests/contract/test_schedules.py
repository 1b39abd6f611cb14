"""What every `Schedules` promises, on the fake and on EventBridge Scheduler."""

import json
from dataclasses import replace

import pytest
from botocore.stub import Stubber

from steprelay_core.aws.clients import Clients
from steprelay_core.aws.schedules import SchedulerSchedules, ScheduleTarget
from steprelay_core.ports import Refused, Schedules, Unavailable, WantedSchedule
from tests.fakes.schedules import MemorySchedules

TARGET = ScheduleTarget(
    group="relay",
    queue_arn="arn:aws:sqs:eu-west-1:111122223333:requests",
    role_arn="arn:aws:iam::111122223333:role/scheduler",
)
DAILY = WantedSchedule("ReportFlow-1-a", "cron(0 6 * * ? *)", "Europe/Berlin", {"detail": {"flow": "ReportFlow"}})


@pytest.fixture
def scheduler(clients: Clients) -> SchedulerSchedules:
    clients.scheduler.create_schedule_group(Name="relay")
    return SchedulerSchedules(clients, TARGET)


@pytest.fixture(params=["memory", "scheduler"])
def schedules(request: pytest.FixtureRequest) -> Schedules:
    if request.param == "memory":
        return MemorySchedules()
    found: Schedules = request.getfixturevalue("scheduler")
    return found


def test_a_schedule_is_there_once_it_is_put(schedules: Schedules) -> None:
    schedules.put(DAILY)
    assert schedules.names("ReportFlow-1-") == ["ReportFlow-1-a"]


def test_putting_a_schedule_twice_is_putting_it_once(schedules: Schedules) -> None:
    schedules.put(DAILY)
    schedules.put(DAILY)
    assert schedules.names("ReportFlow-1-") == ["ReportFlow-1-a"]


def test_names_are_told_apart_by_their_prefix(schedules: Schedules) -> None:
    schedules.put(DAILY)
    schedules.put(replace(DAILY, name="ReportFlow-2-a"))
    assert schedules.names("ReportFlow-2-") == ["ReportFlow-2-a"]


def test_a_schedule_is_gone_once_it_is_deleted_however_often(schedules: Schedules) -> None:
    schedules.put(DAILY)
    schedules.delete(DAILY.name)
    schedules.delete(DAILY.name)
    assert schedules.names("ReportFlow-1-") == []


def test_a_schedule_sends_its_message_to_the_queue_in_its_time_zone(
    scheduler: SchedulerSchedules, clients: Clients
) -> None:
    scheduler.put(DAILY)
    made = clients.scheduler.get_schedule(GroupName="relay", Name=DAILY.name)
    assert (made["ScheduleExpression"], made["ScheduleExpressionTimezone"]) == (DAILY.expression, "Europe/Berlin")
    assert (made["State"], made["FlexibleTimeWindow"]) == ("ENABLED", {"Mode": "OFF"})
    assert (made["Target"]["Arn"], made["Target"]["RoleArn"]) == (TARGET.queue_arn, TARGET.role_arn)
    assert json.loads(made["Target"]["Input"]) == DAILY.message


def test_a_schedule_that_is_as_it_should_be_is_not_touched(scheduler: SchedulerSchedules, clients: Clients) -> None:
    scheduler.put(DAILY)
    before = clients.scheduler.get_schedule(GroupName="relay", Name=DAILY.name)["LastModificationDate"]
    scheduler.put(DAILY)
    assert clients.scheduler.get_schedule(GroupName="relay", Name=DAILY.name)["LastModificationDate"] == before


def test_a_schedule_to_a_queue_of_before_is_led_to_todays(scheduler: SchedulerSchedules, clients: Clients) -> None:
    scheduler.put(DAILY)
    SchedulerSchedules(clients, replace(TARGET, queue_arn=TARGET.queue_arn + "-2")).put(DAILY)
    made = clients.scheduler.get_schedule(GroupName="relay", Name=DAILY.name)
    assert made["Target"]["Arn"] == TARGET.queue_arn + "-2"


def test_the_schedules_of_another_group_are_none_of_ours(scheduler: SchedulerSchedules, clients: Clients) -> None:
    clients.scheduler.create_schedule_group(Name="other")
    SchedulerSchedules(clients, replace(TARGET, group="other")).put(DAILY)
    assert scheduler.names("ReportFlow-1-") == []


def test_an_expression_that_scheduler_rejects_is_refused_with_its_words(clients: Clients) -> None:
    with Stubber(clients.scheduler) as stub:
        stub.add_client_error(
            "create_schedule", "ValidationException", "Invalid Schedule Expression cron(61 * * * ? *)"
        )
        with pytest.raises(Refused, match="Invalid Schedule Expression"):
            SchedulerSchedules(clients, TARGET).put(DAILY)


def test_throttling_is_no_refusal(clients: Clients) -> None:
    with Stubber(clients.scheduler) as stub:
        stub.add_client_error("create_schedule", "ThrottlingException")
        with pytest.raises(Unavailable):
            SchedulerSchedules(clients, TARGET).put(DAILY)


def test_a_name_from_deploying_is_one_that_botocore_lets_through(scheduler: SchedulerSchedules) -> None:
    scheduler.put(replace(DAILY, name="_berflow-0123abcd-89abcdef"))
    assert scheduler.names("_berflow-") == ["_berflow-0123abcd-89abcdef"]
