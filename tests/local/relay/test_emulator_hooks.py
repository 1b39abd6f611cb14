"""The self-test of the hooks. MiniStack is imported in a process of its own: it reads its settings when imported."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECK = """
import os
from pathlib import Path
from steprelay.local.environment import emulator_settings
os.environ.update(emulator_settings(4566, "token", Path({folder!r})))
from ministack.services import eventbridge, lambda_svc
{change}
from steprelay.local import emulator_hooks
try:
    emulator_hooks.check()
except emulator_hooks.EmulatorMismatch as mismatch:
    print(mismatch)
"""


def _check(folder: Path, change: str) -> str:
    command = [sys.executable, "-c", CHECK.format(folder=str(folder), change=change)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_installed_emulator_is_the_one_that_the_hooks_were_made_for(tmp_path: Path) -> None:
    assert _check(tmp_path, "") == ""


def test_a_changed_emulator_is_refused_with_all_that_differs_and_what_to_do(tmp_path: Path) -> None:
    told = _check(
        tmp_path,
        "del eventbridge._put_events\n"
        "lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS = None\n"
        "lambda_svc._emit_lambda_logs = lambda function: None",
    )
    assert "eventbridge._put_events is gone" in told
    assert "lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS" in told
    assert "lambda_svc._emit_lambda_logs takes ('function',)" in told
    assert "pip install ministack==" in told


NEXT = """
import os
from datetime import UTC, datetime
from pathlib import Path
from steprelay.local.environment import emulator_settings
os.environ.update(emulator_settings(4566, "token", Path({folder!r})))
from ministack.core.responses import request_scope
from ministack.services import eventbridge, scheduler
from steprelay.local import emulator_hooks
emulator_hooks.install(lambda method, path, body: (200, dict(), b""))
with request_scope("000000000000", "us-east-1"):
    scheduler._create_schedule("daily", dict(
        ScheduleExpression="cron(0 6 * * ? *)",
        ScheduleExpressionTimezone={zone!r},
        FlexibleTimeWindow=dict(Mode="OFF"),
        Target=dict(Arn="arn:aws:sqs:us-east-1:000000000000:q", RoleArn="arn:aws:iam::000000000000:role/r"),
    ))
    (expression,) = [each["ScheduleExpression"] for each in scheduler._schedules.values()]
    fields = eventbridge._parse_cron_fields(expression)
    print(eventbridge._cron_next_fire(fields, datetime({month}, tzinfo=UTC)).astimezone(UTC).hour)
"""


@pytest.mark.parametrize(
    ("zone", "month", "hour"),
    [("UTC", "2026, 7, 1", 6), ("Europe/Berlin", "2026, 7, 1", 4), ("Europe/Berlin", "2026, 12, 1", 5)],
)
def test_a_daily_schedule_keeps_to_its_time_zone_in_summer_and_winter(
    tmp_path: Path, zone: str, month: str, hour: int
) -> None:
    command = [sys.executable, "-c", NEXT.format(folder=str(tmp_path), zone=zone, month=month)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(found) == hour
