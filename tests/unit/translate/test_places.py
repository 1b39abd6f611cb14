"""Every parameter of `batch` goes where its own documentation says, on the platforms that it says."""

import re
from typing import Any

import pytest

from steprelay_core.ports import Platform
from steprelay_core.spec import Batch
from steprelay_core.translate import Request, TranslateError
from tests.unit.translate.requests import a_flow, a_submission, request

FIELDS = Batch.model_fields
PLATFORMS: tuple[Platform, ...] = ("ec2", "fargate")

# What a parameter needs beside it to be taken, or to mean something.
BESIDE: dict[str, dict[str, Any]] = {
    "cpu": {"memory": 16384},
    "memory": {"cpu": 4},
    "tmpfs_path": {"use_tmpfs": True},
    "tmpfs_tempdir": {"use_tmpfs": True},
    "scheduling_priority": {"share_identifier": "research"},
    "max_memory": {"memory": 32768, "cpu": 16},
    "round_up": {"cpu": 3, "memory": 5000},
}
NEURON = {"hostPath": "/dev/neuron0", "containerPath": "/dev/neuron0", "permissions": ["READ", "WRITE"]}
UVERBS = "/dev/infiniband/uverbs0"
# What stands there, where that is not the example itself.
THERE: dict[str, Any] = {
    "cpu": "4",
    "memory": "16384",
    "gpu": "1",
    "queue": "spot",
    "inferentia": [NEURON],
    "trainium": [NEURON],
    "efa": [{"hostPath": UVERBS, "containerPath": UVERBS, "permissions": ["READ", "WRITE", "MKNOD"]}],
    "use_tmpfs": [{"containerPath": "/steprelay_temp", "size": 2048}],
    "aws_batch_tags": {
        "Project": "DataPipeline",
        "steprelay:flow": "Demo",
        "steprelay:run": "Demo-5f2a",
        "steprelay:step": "train",
    },
    "log_options": {"awslogs-group": "aws/batch/job"},
    "host_volumes": [{"name": "host-0", "host": {"sourcePath": "/data"}}],
    "efs_volumes": [
        {"name": "efs-0", "efsVolumeConfiguration": {"fileSystemId": "fs-0123abcd", "transitEncryption": "ENABLED"}}
    ],
    "secrets": [{"name": "TOKEN", "valueFrom": "arn:aws:secretsmanager:us-east-1:123456789012:secret:token-a1b2c3"}],
    "architecture": "ARM64",
    "ulimits": [{"name": "nofile", "softLimit": 1024, "hardLimit": 65536}],
    "max_memory": "65536",
}
# Harmless without the tmpfs that they are about, so that a step keeps them when it moves between platforms.
QUIET = {"tmpfs_tempdir", "tmpfs_path"}


def described(name: str) -> tuple[Any, str, list[Platform]]:
    """Example, place and platforms, as the parameter's own documentation has them."""
    examples, extra = FIELDS[name].examples, FIELDS[name].json_schema_extra
    assert examples
    assert isinstance(extra, dict)
    platforms: Any = extra["platforms"]
    return examples[0], str(extra["request"]), platforms


def at(made: Request, path: str) -> Any:
    """What stands at a path like `submit_job.containerOverrides.resourceRequirements[GPU]`."""
    value: Any = {"register_job_definition": made.definition, "submit_job": made.submit}
    for key, index in re.findall(r"(\w+)(?:\[(\w+)\])?", path.removesuffix(" of later attempts")):
        value = value[key]
        if index.isdecimal():
            value = value[int(index)]
        elif index:
            (value,) = [each["value"] for each in value if each["type"] == index]
    return value


TAKEN = [(name, platform) for name in FIELDS for platform in described(name)[2]]
REFUSED = [(name, platform) for name in FIELDS for platform in PLATFORMS if platform not in described(name)[2]]


@pytest.mark.parametrize(("name", "platform"), [pair for pair in TAKEN if pair[0] not in ("tmpfs_tempdir", "round_up")])
def test_the_example_of_a_parameter_stands_where_its_documentation_says(name: str, platform: Platform) -> None:
    example, place, _ = described(name)
    submission = a_submission(growth=5 if name == "max_memory" else 0)
    made = request(a_flow({**BESIDE.get(name, {}), name: example}), platform, submission=submission)
    assert at(made, place) == THERE.get(name, example)


def test_the_example_of_tmpfs_tempdir_leaves_the_jobs_temporary_folder_alone() -> None:
    assert request(a_flow({**BESIDE["tmpfs_tempdir"], "tmpfs_tempdir": described("tmpfs_tempdir")[0]})).tempdir is None


def test_the_example_of_round_up_takes_sizes_that_fargate_has() -> None:
    example, place, _ = described("round_up")
    made = request(a_flow({**BESIDE["round_up"], "round_up": example}), "fargate")
    assert at(made, place) == [{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "8192"}]


def test_volumes_are_mounted_where_their_examples_say() -> None:
    batch = {name: described(name)[0] for name in ("host_volumes", "efs_volumes")}
    made = request(a_flow(batch))
    assert made.definition["containerProperties"]["mountPoints"] == [
        {"sourceVolume": "host-0", "containerPath": "/mnt/data", "readOnly": True},
        {"sourceVolume": "efs-0", "containerPath": "/data"},
    ]


@pytest.mark.parametrize(("name", "platform"), [pair for pair in REFUSED if pair[0] not in QUIET])
def test_a_platform_that_a_parameter_does_not_list_refuses_it_by_name(name: str, platform: Platform) -> None:
    with pytest.raises(TranslateError) as raised:
        request(a_flow({name: described(name)[0]}), platform)
    (problem,) = raised.value.problems
    assert problem.path == f"steps.train.batch.{name}"
    assert {"ec2": "EC2", "fargate": "Fargate"}[platform] in problem.message
    assert problem.hint


@pytest.mark.parametrize("name", sorted(QUIET))
def test_where_and_what_for_a_tmpfs_would_be_changes_nothing_without_one(name: str) -> None:
    for platform in PLATFORMS:
        assert request(a_flow({name: described(name)[0]}), platform) == request(a_flow(), platform)
