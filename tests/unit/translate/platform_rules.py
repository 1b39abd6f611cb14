"""What AWS Batch takes on each platform, written from its documentation and not from the code under test.

Each rule of the user guide's "Job definition parameters", of the API's data types, and of the service quotas that a
request of ours could break is a line here. An empty answer means that nothing is wrong.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from steprelay_core.ports import Platform

Json = dict[str, Any]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
# vCPU, least MiB, most MiB, step; 32 vCPU have three sizes of no common step.
_TABLE = [
    ("0.5", 1024, 4096, 1024),
    ("1", 2048, 8192, 1024),
    ("2", 4096, 16384, 1024),
    ("4", 8192, 30720, 1024),
    ("8", 16384, 61440, 4096),
    ("16", 32768, 122880, 8192),
]
FARGATE = {
    "0.25": {512, 1024, 2048},
    "32": {61440, 122880, 249856},
    **{vcpu: {size for size in range(least, most + 1) if size % step == 0} for vcpu, least, most, step in _TABLE},
}
_DRIVERS = {
    "ec2": {"awsfirelens", "awslogs", "fluentd", "gelf", "journald", "json-file", "splunk", "syslog"},
    "fargate": {"awslogs", "splunk"},
}
_EC2_ONLY = {"privileged", "ulimits", "linuxParameters", "instanceType"}
_FARGATE_ONLY = {"networkConfiguration", "fargatePlatformConfiguration", "ephemeralStorage", "runtimePlatform"}


def faults(definition: Json, submit: Json, platform: Platform) -> list[str]:
    """Everything about a pair of requests that AWS would refuse, at once or as the job is to start."""
    container = the_container(definition)
    return [
        *_whole(definition, submit, platform),
        *_nodes(definition, submit, platform),
        *_sizes(the_overrides(submit), platform),
        *_sizes(container, platform),
        *(_on_fargate(container) if platform == "fargate" else _on_ec2(container)),
        *_container(container, platform),
        *_volumes(container),
        *_tags(submit),
        *_scheduling(submit),
    ]


def the_container(definition: Json) -> Json:
    """The container properties, which are those of all nodes."""
    holder: Json = definition
    if definition["type"] == "multinode":
        (holder,) = definition["nodeProperties"]["nodeRangeProperties"]
    return dict(holder["containerProperties" if definition["type"] == "container" else "container"])


def the_overrides(submit: Json) -> Json:
    """The container overrides, which are those of all nodes."""
    holder: Json = submit
    if "nodeOverrides" in submit:
        (holder,) = submit["nodeOverrides"]["nodePropertyOverrides"]
    return dict(holder["containerOverrides"])


def _whole(definition: Json, submit: Json, platform: Platform) -> Iterator[str]:
    if definition["platformCapabilities"] != [platform.upper()]:
        yield "platformCapabilities"
    if not 2 <= submit.get("arrayProperties", {"size": 2})["size"] <= 10_000:
        yield "array size"
    if not _NAME.fullmatch(definition["jobDefinitionName"]) or not _NAME.fullmatch(submit["jobName"]):
        yield "names"
    if length(the_overrides(submit)) > 8_192 or length(definition) > 24 * 1024 or length(submit) > 30 * 1024:
        yield "length"
    if submit.get("timeout", {"attemptDurationSeconds": 60})["attemptDurationSeconds"] < 60:
        yield "timeout"


def _nodes(definition: Json, submit: Json, platform: Platform) -> Iterator[str]:
    if definition["type"] == "container":
        if "nodeProperties" in definition or "nodeOverrides" in submit:
            yield "nodes of an ordinary job"
        return
    if platform == "fargate" or {"containerOverrides", "arrayProperties"} & submit.keys():
        yield "a multi-node job where there is none"
    nodes, overrides = definition["nodeProperties"], submit["nodeOverrides"]
    if not 0 <= nodes["mainNode"] < nodes["numNodes"] == overrides["numNodes"]:
        yield "numNodes"
    if any(each["targetNodes"] != "0:" for each in nodes["nodeRangeProperties"] + overrides["nodePropertyOverrides"]):
        yield "nodes that no range has"


def _sizes(holder: Json, platform: Platform) -> Iterator[str]:
    sizes = {each["type"]: each["value"] for each in holder["resourceRequirements"]}
    if len(sizes) != len(holder["resourceRequirements"]) or not sizes.keys() >= {"VCPU", "MEMORY"}:
        yield "resourceRequirements"
    if not re.fullmatch(r"[1-9]\d*", sizes["MEMORY"]) or int(sizes["MEMORY"]) < 4:
        yield "memory"
    if platform == "fargate":
        if int(sizes["MEMORY"]) not in FARGATE.get(sizes["VCPU"], set()):
            yield f"pair of {sizes['VCPU']} and {sizes['MEMORY']}"
        if "GPU" in sizes:
            yield "GPU on Fargate"
    else:
        if not re.fullmatch(r"[1-9]\d*", sizes["VCPU"]):
            yield f"VCPU {sizes['VCPU']} on EC2"
        if not re.fullmatch(r"[1-9]\d*", sizes.get("GPU", "1")):
            yield "GPU"


def _on_fargate(container: Json) -> Iterator[str]:
    yield from (f"{name} on Fargate" for name in sorted(_EC2_ONLY & container.keys()))
    yield from (f"{each['name']} on Fargate" for each in container.get("volumes", ()) if "host" in each)
    if not container.get("executionRoleArn"):
        yield "no executionRoleArn on Fargate"
    if not 21 <= container.get("ephemeralStorage", {"sizeInGiB": 21})["sizeInGiB"] <= 200:
        yield "ephemeralStorage"
    if container.get("runtimePlatform", {"cpuArchitecture": "ARM64"})["cpuArchitecture"] not in ("X86_64", "ARM64"):
        yield "cpuArchitecture"


def _on_ec2(container: Json) -> Iterator[str]:
    yield from (f"{name} on EC2" for name in sorted(_FARGATE_ONLY & container.keys()))
    if container.get("secrets") and not container.get("executionRoleArn"):
        yield "secrets without an execution role"
    linux = container.get("linuxParameters", {})
    if not 0 <= linux.get("swappiness", 0) <= 100 or linux.get("maxSwap", 0) < 0:
        yield "swap"
    if any(not mount["containerPath"].startswith("/") or mount["size"] < 1 for mount in linux.get("tmpfs", ())):
        yield "tmpfs"
    devices = [device["hostPath"] for device in linux.get("devices", ())]
    if len(set(devices)) < len(devices):
        yield "devices"
    for ulimit in container.get("ulimits", ()):
        if -1 < ulimit["hardLimit"] < ulimit["softLimit"]:
            yield "ulimits"


def _container(container: Json, platform: Platform) -> Iterator[str]:
    if not 1 <= len(container["image"]) <= 255 or re.search(r"[^A-Za-z0-9_.:/#@-]", container["image"]):
        yield "image"
    if container.get("logConfiguration", {"logDriver": "awslogs"})["logDriver"] not in _DRIVERS[platform]:
        yield "logDriver"
    names = [each["name"] for each in [*container.get("secrets", ()), *container.get("environment", ())]]
    if len(set(names)) < len(names) or any(name.startswith("AWS_BATCH") for name in names):
        yield "secrets"


def _volumes(container: Json) -> Iterator[str]:
    volumes = {each["name"]: each for each in container.get("volumes", ())}
    mounts = container.get("mountPoints", [])
    places = [mount["containerPath"] for mount in mounts]
    tmpfs = [each["containerPath"] for each in container.get("linuxParameters", {}).get("tmpfs", ())]
    if {mount["sourceVolume"] for mount in mounts} != volumes.keys() or len(volumes) < len(
        container.get("volumes", ())
    ):
        yield "volumes and mountPoints"
    if len({*places, *tmpfs}) < len(places) + len(tmpfs):
        yield "two mounts at one place"
    for each in volumes.values():
        yield from _efs(each.get("efsVolumeConfiguration", {}), container.get("jobRoleArn"))


def _efs(efs: Json, role: str | None) -> Iterator[str]:
    authorization = efs.get("authorizationConfig", {})
    if authorization and efs.get("transitEncryption") != "ENABLED":
        yield "authorization of EFS without encryption"
    if "accessPointId" in authorization and efs.get("rootDirectory", "/") != "/":
        yield "root of EFS beside an access point"
    if authorization.get("iam") == "ENABLED" and not role:
        yield "EFS by a role that there is not"


def _tags(submit: Json) -> Iterator[str]:
    if len(submit["tags"]) > 50:
        yield "number of tags"
    allowed = r"[^\W_]|[ _.:/=+@-]" + ("" if submit["propagateTags"] else "|,")
    for key, value in submit["tags"].items():
        if not 1 <= len(key) <= 128 or len(value) > 256:
            yield "length of tags"
        if not re.fullmatch(f"(?:{allowed})*", key + value):
            yield f"tag {key!r}: {value!r}"
        if key.lower().startswith("aws:") or value.lower().startswith("aws:"):
            yield "tags of AWS"


def _scheduling(submit: Json) -> Iterator[str]:
    if "schedulingPriorityOverride" in submit and "shareIdentifier" not in submit:
        yield "priority without a share"
    if not 0 <= submit.get("schedulingPriorityOverride", 0) <= 9999:
        yield "priority"
    if not re.fullmatch(r"[A-Za-z0-9]{1,255}\*?", submit.get("shareIdentifier", "a")):
        yield "share"


def length(document: Json) -> int:
    """Characters as AWS's own writers make them."""
    return len(json.dumps(document, ensure_ascii=False, separators=(",", ":")))
