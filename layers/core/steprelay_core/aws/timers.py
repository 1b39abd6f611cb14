"""`Timers` on SQS delays, and on EventBridge Scheduler for what lies beyond them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from steprelay_core.aws.errors import error_code

if TYPE_CHECKING:
    from steprelay_core.aws.clients import Clients
    from steprelay_core.ports import Clock

# SQS: DelaySeconds reaches 15 minutes.
SQS_LIMIT = 900
# EventBridge Scheduler invokes a target within 60 s of the time that a schedule says.
SCHEDULER_PRECISION = 60
# CreateSchedule: Name has at most 64 letters, digits, `-`, `_` and `.`.
_NAME_LIMIT = 64


@dataclass(frozen=True, slots=True)
class TimerTargets:
    """The timers queue, as SQS and as Scheduler know it, and the group and role of one-time schedules."""

    queue_url: str
    queue_arn: str
    schedule_group: str
    role_arn: str


class AwsTimers:
    """The message arrives at `due`, or up to a minute early where that is more than 15 minutes away.

    Whoever gets it early starts the timer again, which is a delay of SQS then, and exact to the second.
    """

    def __init__(self, clients: Clients, targets: TimerTargets, clock: Clock) -> None:
        self._clients = clients
        self._targets = targets
        self._clock = clock

    def start(self, name: str, message: dict[str, Any], due: float) -> None:
        delay = ceil(max(0.0, due - self._clock.now()))
        if delay <= SQS_LIMIT:
            self._clients.sqs.send_message(
                QueueUrl=self._targets.queue_url, MessageBody=json.dumps(message), DelaySeconds=delay
            )
        else:
            self._schedule(name, message, due)

    def _schedule(self, name: str, message: dict[str, Any], due: float) -> None:
        at = datetime.fromtimestamp(ceil(due) - SCHEDULER_PRECISION, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        try:
            self._clients.scheduler.create_schedule(
                Name=schedule_name(name),
                GroupName=self._targets.schedule_group,
                ScheduleExpression=f"at({at})",
                ScheduleExpressionTimezone="UTC",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target={
                    "Arn": self._targets.queue_arn,
                    "RoleArn": self._targets.role_arn,
                    "Input": json.dumps(message),
                },
            )
        except ClientError as error:
            # The same timer, asked for twice.
            if error_code(error) != "ConflictException":
                raise


def schedule_name(name: str) -> str:
    """A legal schedule name, the same for the same timer and different for different ones."""
    mark = sha256(name.encode()).hexdigest()[:16]
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)[: _NAME_LIMIT - len(mark) - 1]}-{mark}"
