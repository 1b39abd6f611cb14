"""Editors and type checkers know every parameter in every form that the documentation has."""

from typing import get_type_hints

import pytest

from steprelay.compile.overrides import MODELS
from steprelay.sdk import arguments
from steprelay.sdk.arguments import BatchArguments
from steprelay_core.spec import Batch

# mypy reads these too: a form that is missing from the types is an error there.
FORMS: list[BatchArguments] = [
    {"cpu": 4, "memory": 16384},
    {"cpu": 0.25, "gpu": 2, "image": "my-registry.com/ml-image:latest"},
    {"queue": "gpus", "iam_role": "step", "execution_role": "execution"},
    {"queue": ["spot", "on-demand"]},
    {"queue": ("spot", "on-demand")},
    {"shared_memory": 16384, "max_swap": 0, "swappiness": 100},
    {"inferentia": 1, "efa": 1},
    {"trainium": 1},
    {"use_tmpfs": True, "tmpfs_tempdir": False, "tmpfs_size": 512, "tmpfs_path": "/scratch"},
    {"ephemeral_storage": 100, "architecture": "arm64"},
    {"aws_batch_tags": {"Project": "DataPipeline"}},
    {"log_driver": "awslogs", "log_options": ["awslogs-group:aws/batch/job"]},
    {"log_driver": "awslogs", "log_options": {"awslogs-group": "aws/batch/job"}},
    {"privileged": True},
    {"host_volumes": "/data"},
    {"host_volumes": ["/data:/mnt/data:ro", {"source": "/a", "target": "/b", "read_only": True}]},
    {"host_volumes": {"/data": "/mnt/data"}},
    {"efs_volumes": "fs-0123abcd"},
    {"efs_volumes": ["fs-0123abcd:/data", {"filesystem": "fs-1", "access_point": "fsap-1", "iam": True}]},
    {"efs_volumes": {"fs-0123abcd": "/data"}},
    {"secrets": {"TOKEN": "arn:aws:ssm:us-east-1:123456789012:parameter/token"}},
    {"ulimits": {"nofile": 1024, "nproc": [1, 2], "core": (0, 0), "stack": "1:2", "rss": {"soft": 1, "hard": 2}}},
    {"ulimits": ["nofile=1024:65536", {"name": "nproc", "softLimit": 1, "hardLimit": 2}]},
    {"share_identifier": "research", "scheduling_priority": 10},
    {"num_parallel": 4, "max_memory": 65536, "round_up": True},
]


@pytest.mark.parametrize("given", FORMS, ids=str)
def test_every_documented_form_is_accepted(given: BatchArguments) -> None:
    assert Batch.model_validate(dict(given)).model_fields_set == given.keys()


def test_the_forms_above_show_every_parameter() -> None:
    assert {name for form in FORMS for name in form} == Batch.model_fields.keys()


@pytest.mark.parametrize("decorator", MODELS)
def test_each_decorator_has_the_keywords_that_the_compiler_takes(decorator: str) -> None:
    typed = getattr(arguments, f"{decorator.capitalize()}Arguments")
    assert get_type_hints(typed).keys() == MODELS[decorator].model_fields.keys()


def test_none_may_be_written_for_every_parameter_of_batch() -> None:
    assert all(type(None) in hint.__args__ for hint in get_type_hints(BatchArguments).values())
