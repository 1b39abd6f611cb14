"""The exact requests for each parameter on each platform, as files to read and to review.

After a change that is meant, write them anew with `STEPRELAY_UPDATE_GOLDEN=1 pytest tests/unit/translate` and read
the difference.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from steprelay_core.ports import Platform
from steprelay_core.state.ranges import Ranges
from steprelay_core.translate import TranslateError
from tests.unit.translate.compact import compact
from tests.unit.translate.requests import a_flow, a_submission, model_faults, request

GOLDEN = Path(__file__).parent / "golden"
PLATFORMS: list[Platform] = ["ec2", "fargate"]

BATCH: dict[str, dict[str, Any]] = {
    "nothing": {},
    "cpu": {"cpu": 4, "memory": 8192},
    "cpu-fraction": {"cpu": 0.5},
    "cpu-and-memory-that-do-not-go-together": {"cpu": 3, "memory": 5000},
    "memory": {"memory": 8192},
    "gpu": {"cpu": 8, "memory": 32768, "gpu": 2},
    "image": {"image": "my-registry.com/ml-image:latest"},
    "queue": {"queue": "fast"},
    "iam_role": {"iam_role": "arn:aws:iam::123456789012:role/mine"},
    "execution_role": {"execution_role": "arn:aws:iam::123456789012:role/my-execution"},
    "shared_memory": {"cpu": 8, "memory": 32768, "shared_memory": 16384},
    "max_swap": {"max_swap": 2048},
    "max_swap-none-at-all": {"max_swap": 0},
    "swappiness-lowest": {"max_swap": 2048, "swappiness": 0},
    "swappiness-highest": {"max_swap": 2048, "swappiness": 100},
    "inferentia": {"inferentia": 2},
    "efa": {"efa": 2},
    "use_tmpfs": {"use_tmpfs": True},
    "tmpfs_tempdir-off": {"use_tmpfs": True, "tmpfs_tempdir": False},
    "tmpfs_size": {"tmpfs_size": 512},
    "tmpfs_path": {"use_tmpfs": True, "tmpfs_path": "/fast"},
    "ephemeral_storage": {"ephemeral_storage": 100},
    "aws_batch_tags": {"aws_batch_tags": {"Project": "DataPipeline", "cost center": "a=b + c/d"}},
    "aws_batch_tags-not-allowed": {"aws_batch_tags": {"AWS:mine": "a,b", "steprelay:run": "x"}},
    "log_driver": {"log_driver": "splunk", "log_options": {"splunk-url": "https://example.com:8088"}},
    "log_driver-of-ec2": {"log_driver": "fluentd"},
    "log_options": {"log_options": {"awslogs-group": "aws/batch/job"}},
    "privileged": {"privileged": True},
}
STEPS: dict[str, dict[str, Any]] = {
    "timeout": {"timeout_seconds": 7200},
    "timeout-shorter-than-batchs": {"timeout_seconds": 5},
    "environment": {"environment": {"NAME": "value"}},
    "command-in-the-package": {"command": ["./train.sh", "--fast"]},
    "command-without-package": {
        "command": ["train", "--rate", "0.1"],
        "package": False,
        "batch": {"image": "trainer:3"},
        "environment": {"NAME": "value"},
        "timeout_seconds": 600,
    },
}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", BATCH)
def test_each_batch_parameter_makes_the_request_on_file(name: str, platform: Platform) -> None:
    check(f"{platform}/{name}.json", {"batch": BATCH[name]}, platform)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", STEPS)
def test_each_key_of_a_step_makes_the_request_on_file(name: str, platform: Platform) -> None:
    check(f"{platform}/step-{name}.json", STEPS[name], platform)


def test_the_splits_of_a_foreach_make_the_array_on_file() -> None:
    check("ec2/array.json", {}, "ec2", path=(0,), submission=a_submission(Ranges.upto(10_000)))


def test_the_retry_of_a_few_nested_splits_makes_the_array_on_file() -> None:
    again = a_submission(Ranges(((3, 3), (8, 9))), attempt=2)
    check("ec2/array-retried.json", {}, "ec2", path=(0, 17), submission=again)


def check(file: str, step: dict[str, Any], platform: Platform, **more: Any) -> None:
    """Compare what a step becomes with the file, or write the file where that is asked for."""
    document = {"step": step, **_outcome(step, platform, **more)}
    path = GOLDEN / file
    if os.environ.get("STEPRELAY_UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(compact(document) + "\n")
    assert path.exists(), f"no {path.name} yet: write it with STEPRELAY_UPDATE_GOLDEN=1"
    assert json.loads(path.read_text()) == document


def _outcome(step: dict[str, Any], platform: Platform, **more: Any) -> dict[str, Any]:
    flow = a_flow(**step)
    try:
        made = request(flow, platform, **more)
    except TranslateError as error:
        return {"problems": [str(problem) for problem in error.problems]}
    assert model_faults(made) == ""
    return {"register_job_definition": made.definition, "submit_job": made.submit, "tempdir": made.tempdir}
