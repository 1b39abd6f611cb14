"""The exact requests for each parameter on each platform, as files to read and to review.

After a change that is meant, write them anew with `STEPRELAY_UPDATE_GOLDEN=1 pytest tests/unit/translate` and read
the difference.
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from steprelay_core.ports import Platform
from steprelay_core.spec import Batch
from steprelay_core.state.ranges import Ranges
from steprelay_core.translate import Defaults, TranslateError
from tests.unit.translate.compact import compact
from tests.unit.translate.platform_rules import faults
from tests.unit.translate.requests import DEFAULTS, a_flow, a_submission, model_faults, request

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
    "aws_batch_tags-not-allowed": {"aws_batch_tags": {"AWS:mine": "a;b", "steprelay:run": "x"}},
    "log_driver": {"log_driver": "splunk", "log_options": {"splunk-url": "https://example.com:8088"}},
    "log_driver-of-ec2": {"log_driver": "fluentd"},
    "log_options": {"log_options": {"awslogs-group": "aws/batch/job"}},
    "log_options-listed": {"log_options": ["awslogs-group:aws/batch/job", "splunk-url:https://example.com:8088"]},
    "privileged": {"privileged": True},
    "trainium": {"trainium": 2},
    "queue-several": {"queue": ["spot", "on-demand"]},
    "aws_batch_tags-with-commas": {"aws_batch_tags": {"owners": "ann,bob", "expression": "a=b,c=d"}},
    "host_volumes": {"host_volumes": ["/scratch", "/data:/mnt/data:ro"]},
    "efs_volumes": {"efs_volumes": ["fs-0123abcd", "fs-89ef0123:/shared:ro"]},
    "efs_volumes-in-full": {
        "efs_volumes": [
            {"filesystem": "fs-0123abcd", "target": "/models", "root": "/v2", "read_only": True},
            {"filesystem": "fs-0123abcd", "target": "/work", "access_point": "fsap-0123456789abcdef0", "iam": True},
        ]
    },
    "secrets": {
        "secrets": {
            "TOKEN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:token-a1b2c3:key::",
            "PASSWORD": "arn:aws:ssm:us-east-1:123456789012:parameter/database/password",
        }
    },
    "architecture": {"architecture": "arm64"},
    "architecture-of-intel": {"architecture": "x86_64"},
    "ulimits": {"ulimits": {"nofile": [1024, 65536], "memlock": -1, "core": "0"}},
    "ulimits-upside-down": {"ulimits": {"nofile": [65536, 1024]}},
    "share_identifier": {"share_identifier": "research*"},
    "scheduling_priority": {"share_identifier": "research", "scheduling_priority": 10},
    "num_parallel": {"cpu": 8, "memory": 16384, "num_parallel": 4, "efa": 1},
    "num_parallel-of-one": {"num_parallel": 1},
    "max_memory": {"max_memory": 65536},
    "round_up": {"cpu": 2.5, "memory": 9000, "round_up": True},
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


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_attempt_after_running_out_of_memory_makes_the_request_on_file(platform: Platform) -> None:
    step = {"batch": {"queue": ["spot", "on-demand"], "max_memory": 10_000, "use_tmpfs": platform == "ec2"}}
    check(f"{platform}/attempt-with-more-memory.json", step, platform, submission=a_submission(None, 3, growth=2))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_attempt_on_the_next_queue_makes_the_request_on_file(platform: Platform) -> None:
    step = {"batch": {"queue": ["spot", "on-demand"]}}
    check(f"{platform}/attempt-on-the-next-queue.json", step, platform, submission=a_submission(None, 2, queue=1))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_only_the_relay_says_makes_the_request_on_file(platform: Platform) -> None:
    relay = replace(DEFAULTS, image="team/trainer:3", registry="registry.example.com", tags={"Team": "data", "A": "b"})
    check(f"{platform}/relay-defaults.json", {"batch": {"aws_batch_tags": {"A": "mine"}}}, platform, defaults=relay)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_relay_that_says_nothing_makes_the_problems_on_file(platform: Platform) -> None:
    secret = "arn:aws:ssm:us-east-1:123456789012:parameter/password"
    batch = {"secrets": {"PASSWORD": secret}, "efs_volumes": [{"filesystem": "fs-0123abcd", "iam": True}]}
    check(f"{platform}/relay-without-defaults.json", {"batch": batch}, platform, defaults=Defaults())


def test_every_parameter_has_a_request_on_file() -> None:
    assert {name for batch in BATCH.values() for name in batch} == set(Batch.model_fields)


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
    assert faults(made.definition, made.submit, platform) == []
    return {"register_job_definition": made.definition, "submit_job": made.submit, "tempdir": made.tempdir}
