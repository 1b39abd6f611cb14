"""What a container would have around a job's command: tmpfs, limits, secrets; and saying what there is not."""

import json
import platform
import resource
import sys
from pathlib import Path
from typing import Any

import pytest

from steprelay.local.batch.surroundings import surroundings
from tests.local.batch.conftest import MakeLab
from tests.local.batch.harness import CONTAINER, Document, Lab, wait_until

WITHOUT = "local Batch: this job runs as a process here, without "
OTHER = "arm64" if platform.machine() == "x86_64" else "x86_64"
HOST_VOLUME = {"name": "host-0", "host": {"sourcePath": "/data"}}
EFS_VOLUME = {"name": "efs-0", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}
NEURON = [{"hostPath": f"/dev/neuron{chip}", "containerPath": f"/dev/neuron{chip}"} for chip in range(5)]

IGNORED: dict[str, tuple[Document, int, str]] = {
    "an image": ({"image": "my-ml:latest"}, 0, "its image my-ml:latest"),
    "a mirror's Python": ({"image": "my.registry/python:3.12"}, 0, "its image my.registry/python:3.12"),
    "GPUs": ({}, 2, "gpu=2"),
    "devices": (
        {"linuxParameters": {"devices": NEURON}},
        0,
        "devices /dev/neuron0, /dev/neuron1, /dev/neuron2 and 2 more",
    ),
    "privileges": ({"privileged": True}, 0, "privileged"),
    "shared memory": ({"linuxParameters": {"sharedMemorySize": 1024}}, 0, "shared_memory=1024"),
    "swap": ({"linuxParameters": {"maxSwap": 0, "swappiness": 60}}, 0, "max_swap=0, swappiness=60"),
    "the size of a tmpfs": (
        {"linuxParameters": {"tmpfs": [{"containerPath": "/scratch", "size": 64}]}},
        0,
        "the tmpfs_size=64 of /scratch (a folder on disk)",
    ),
    "volumes": ({"volumes": [HOST_VOLUME, EFS_VOLUME]}, 0, "volumes /data, fs-1"),
    "a log driver": ({"logConfiguration": {"logDriver": "splunk"}}, 0, "log_driver=splunk"),
    "a disk": ({"ephemeralStorage": {"sizeInGiB": 100}}, 0, "ephemeral_storage=100"),
    "another architecture": ({"runtimePlatform": {"cpuArchitecture": OTHER.upper()}}, 0, f"architecture={OTHER}"),
    "a user": ({"user": "nobody"}, 0, "user=nobody"),
    "a read-only root": ({"readonlyRootFilesystem": True}, 0, "a read-only file system"),
    "a limit of all of a person's processes": (
        {"ulimits": [{"name": "nproc", "softLimit": 1, "hardLimit": 1}]},
        0,
        "ulimits nproc",
    ),
    "a secret nobody gave": (
        {"secrets": [{"name": "TOKEN", "valueFrom": "arn:x"}]},
        0,
        "secrets TOKEN (not in the environment that the relay was started with)",
    ),
    "several": ({"image": "ml", "privileged": True}, 1, "its image ml, gpu=1, privileged"),
}


@pytest.mark.parametrize(("container", "gpus", "text"), IGNORED.values(), ids=IGNORED)
def test_a_job_is_told_that_it_does_not_get(container: Document, gpus: int, text: str) -> None:
    assert surroundings({**CONTAINER, **container}, gpus, known_secrets={"OTHER"}).note == WITHOUT + text


@pytest.mark.parametrize(
    "container",
    [
        {},
        {"image": "python"},
        {"image": "python:3.9-slim"},
        {"image": "docker.io/library/python:3.12"},
        {"image": "public.ecr.aws/docker/library/python@sha256:0"},
        {"privileged": False, "readonlyRootFilesystem": False},
        {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/mine"}}},
        {"runtimePlatform": {"cpuArchitecture": "X86_64" if OTHER == "arm64" else "ARM64"}},
        {"ulimits": [{"name": "nofile", "softLimit": 64, "hardLimit": 64}]},
        {"secrets": [{"name": "KNOWN", "valueFrom": "arn:x"}]},
        {"networkConfiguration": {"assignPublicIp": "ENABLED"}},
    ],
    ids=str,
)
def test_nothing_is_said_where_a_job_gets_all_it_asks_for(container: Document) -> None:
    assert surroundings({**CONTAINER, **container}, 0, known_secrets={"KNOWN"}).note is None


def test_the_log_begins_with_what_the_job_does_not_get(lab: Lab) -> None:
    lab.define("ml", image="my-ml:latest")
    job_id = lab.shell("echo hello", jobDefinition="ml")
    lab.ends(job_id)
    assert lab.output(job_id) == [f"{WITHOUT}its image my-ml:latest", "hello"]


def test_of_an_array_only_the_first_child_says_it(lab: Lab) -> None:
    lab.define("ml", image="my-ml:latest")
    lab.ends(lab.shell("exit 0", jobDefinition="ml", arrayProperties={"size": 5}))
    assert [text for _, _, _, text in lab.log] == [f"{WITHOUT}its image my-ml:latest"]


def test_of_a_multi_node_job_only_nodes_that_lack_something_else_say_it_again(lab: Lab) -> None:
    lab.define_nodes("nodes", {"targetNodes": "0:", "image": "ml"}, {"targetNodes": "2:2", "image": "other"})
    job_id = lab.submit_nodes("exec sleep 60")
    lab.reaches(job_id, "RUNNING")
    wait_until(lambda: lab.output(f"{job_id}#2"))
    said = [lab.output(f"{job_id}#{node}") for node in range(3)]
    assert said == [[f"{WITHOUT}its image ml"], [], [f"{WITHOUT}its image other"]]


# tmpfs.


def _with_tmpfs(lab: Lab, *paths: str) -> None:
    mounts = [{"containerPath": path, "size": 64} for path in paths]
    lab.define("tmpfs", linuxParameters={"tmpfs": mounts})


def test_a_tmpfs_is_an_empty_folder_of_the_attempts_own_that_goes_with_it(lab: Lab) -> None:
    _with_tmpfs(lab, "/scratch", "/more")
    code = """import json, os, pathlib
mounts = json.loads(os.environ["STEPRELAY_LOCAL_MOUNTS"])
print(json.dumps([mounts, [os.listdir(each) for each in mounts.values()], os.listdir()]))
for each in mounts.values():
    pathlib.Path(each, "left", "behind").mkdir(parents=True)"""
    folders: list[str] = []
    for _ in range(2):
        job_id = lab.python(code, jobDefinition="tmpfs")
        lab.ends(job_id)
        mounts, inside, own = json.loads(lab.output(job_id)[-1])
        assert (list(mounts), inside, own) == (["/scratch", "/more"], [[], []], [])
        folders += mounts.values()
    assert len(set(folders)) == 4
    wait_until(lambda: not any(Path(folder).exists() for folder in folders))


def test_a_job_without_tmpfs_is_told_of_no_mounts(lab: Lab) -> None:
    job_id = lab.submit(["env"])
    lab.ends(job_id)
    assert not [line for line in lab.output(job_id) if line.startswith("STEPRELAY_LOCAL_MOUNTS")]


def test_a_job_with_tmpfs_that_cannot_start_leaves_no_folder(lab: Lab, tmp_path: Path) -> None:
    _with_tmpfs(lab, "/scratch")
    assert lab.ends(lab.submit(["/nowhere"], jobDefinition="tmpfs"))["status"] == "FAILED"
    assert list((tmp_path / "batch-0" / "jobs").iterdir()) == []


# Limits.

SHOW_LIMITS = (
    "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE))"
)


def _limits(lab: Lab, code: str, **limits: tuple[int, int]) -> list[str]:
    ulimits = [{"name": name, "softLimit": soft, "hardLimit": hard} for name, (soft, hard) in limits.items()]
    lab.define("limited", ulimits=ulimits)
    job_id = lab.python(code, jobDefinition="limited")
    assert lab.ends(job_id)["status"] == "SUCCEEDED"
    return lab.output(job_id)


def test_ulimits_hold_for_the_job(lab: Lab) -> None:
    assert _limits(lab, SHOW_LIMITS, nofile=(128, 256), core=(0, 0)) == ["(128, 256) (0, 0)"]


def test_a_limit_that_may_not_be_raised_is_as_high_as_may_be_and_the_job_is_told(lab: Lab) -> None:
    # Under a lower limit of this very kind, nobody without privileges comes above it.
    code = f"""import sys
from steprelay.local.batch.limits import Ulimit, impose
impose([Ulimit("nofile", 128, 256)])
impose([Ulimit("nofile", 512, 1 << 40)])
{SHOW_LIMITS}"""
    path = {"containerOverrides": {"environment": [{"name": "PYTHONPATH", "value": ":".join(sys.path)}]}}
    job_id = lab.python(code, **path)
    lab.ends(job_id)
    told, limits = lab.output(job_id)
    assert told.startswith("local Batch: the ulimit nofile=512:1099511627776 is more than this machine allows; it is ")
    assert limits.startswith("(256, 256)")


def test_no_limit_at_all_is_written_minus_one(lab: Lab) -> None:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    said = _limits(lab, SHOW_LIMITS, core=(-1, -1))
    # Whoever may raise limits has none now.
    assert said[-1].endswith((f"({hard}, {hard})", "(-1, -1)"))


# Secrets.


def _secrets(lab: Lab, *names: str) -> list[dict[str, str]]:
    secrets = [{"name": name, "valueFrom": f"arn:aws:ssm:us-east-1:123456789012:parameter/{name}"} for name in names]
    lab.define("secret", secrets=secrets)
    return secrets


def test_a_secret_has_its_value_in_the_job_and_nowhere_that_people_can_read_it(make_lab: MakeLab) -> None:
    lab = make_lab(secrets={"TOKEN": "s3cret", "NOT_ASKED_FOR": "other"})
    secrets = _secrets(lab, "TOKEN")
    job_id = lab.shell('test ${#TOKEN} = 6 && test -z "$NOT_ASKED_FOR"', jobDefinition="secret")
    job = lab.ends(job_id)
    assert (job["status"], job["container"]["secrets"]) == ("SUCCEEDED", secrets)
    assert lab.output(job_id) == []
    assert "s3cret" not in json.dumps([job, lab.events])


def test_a_secret_without_a_value_here_is_named_in_the_log(make_lab: MakeLab) -> None:
    lab = make_lab(secrets={"TOKEN": "s3cret"})
    _secrets(lab, "TOKEN", "PASSWORD")
    job_id = lab.shell('echo "${PASSWORD-unset}"', jobDefinition="secret")
    lab.ends(job_id)
    missing, seen = lab.output(job_id)
    assert missing == f"{WITHOUT}secrets PASSWORD (not in the environment that the relay was started with)"
    assert seen == "unset"


def test_a_limit_of_a_kind_unknown_here_is_left_out(lab: Lab) -> None:
    limits: dict[str, Any] = {"locks": (5, 5), "nofile": (64, 64)}
    said = _limits(lab, SHOW_LIMITS, **limits)
    assert said[0] == f"{WITHOUT}ulimits locks"
    assert said[1].startswith("(64, 64)")
