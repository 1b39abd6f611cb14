"""What a function imports before its first event: little, and no boto3."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUNCTIONS = ["package_uploaded", "run_requested", "job_changed", "timer_due", "sweep"]
HEAVY = ["boto3", "botocore.session", "aws_xray_sdk", "aws_lambda_powertools.utilities.parser"]


def imported_by(function: str, **environment: str) -> set[str]:
    code = f"import sys, functions.{function}.app; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_imports_nothing_heavy_before_its_first_event(function: str) -> None:
    assert not imported_by(function) & set(HEAVY)


def test_a_function_traces_where_lambda_has_an_x_ray_daemon() -> None:
    lambda_has = {"AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000", "LAMBDA_TASK_ROOT": "/var/task"}
    assert "aws_xray_sdk" in imported_by("job_changed", **lambda_has)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_at_most_40_lines(function: str) -> None:
    assert len((ROOT / "functions" / function / "app.py").read_text().splitlines()) <= 40
