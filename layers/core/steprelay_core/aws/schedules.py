"""`Schedules` on EventBridge Scheduler."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from steprelay_core.aws.errors import error_code, refusals

if TYPE_CHECKING:
    from types_boto3_scheduler.type_defs import TargetTypeDef

    from steprelay_core.aws.clients import Clients
    from steprelay_core.ports import WantedSchedule


@dataclass(frozen=True, slots=True)
class ScheduleTarget:
    """Where schedules live and lead: their group, the ARN of the run-requests queue, the role that may send to it."""

    group: str
    queue_arn: str
    role_arn: str


class SchedulerSchedules:
    """Recurring schedules in the relay's group, each a message to the run-requests queue."""

    def __init__(self, clients: Clients, target: ScheduleTarget) -> None:
        self._clients = clients
        self._target = target

    def put(self, schedule: WantedSchedule) -> None:
        with refusals(f"schedule {schedule.expression!r} in time zone {schedule.timezone!r}"):
            try:
                self._clients.scheduler.create_schedule(**self._request(schedule))
            except ClientError as error:
                if error_code(error) != "ConflictException":
                    raise
                self._redirect(schedule)

    def names(self, prefix: str) -> list[str]:
        pages = self._clients.scheduler.get_paginator("list_schedules").paginate(
            GroupName=self._target.group, NamePrefix=prefix
        )
        return [schedule["Name"] for page in pages for schedule in page["Schedules"]]

    def delete(self, name: str) -> None:
        try:
            self._clients.scheduler.delete_schedule(GroupName=self._target.group, Name=name)
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise

    def _redirect(self, schedule: WantedSchedule) -> None:
        """Lead a schedule of an earlier deployment to the queue and role of today; else leave it, and its beat."""
        there = self._clients.scheduler.get_schedule(GroupName=self._target.group, Name=schedule.name)["Target"]
        wanted = self._to(schedule)
        if (there["Arn"], there["RoleArn"], there.get("Input")) != (wanted["Arn"], wanted["RoleArn"], wanted["Input"]):
            self._clients.scheduler.update_schedule(**self._request(schedule))

    def _request(self, schedule: WantedSchedule) -> dict[str, Any]:
        return {
            "GroupName": self._target.group,
            "Name": schedule.name,
            "ScheduleExpression": schedule.expression,
            "ScheduleExpressionTimezone": schedule.timezone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "Target": self._to(schedule),
        }

    def _to(self, schedule: WantedSchedule) -> TargetTypeDef:
        return {
            "Arn": self._target.queue_arn,
            "RoleArn": self._target.role_arn,
            "Input": json.dumps(schedule.message, sort_keys=True),
        }
