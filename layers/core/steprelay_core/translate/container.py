"""The properties of a step's container that SubmitJob cannot override."""

from typing import Any

from steprelay_core.spec import Batch
from steprelay_core.translate.inputs import Defaults, Platform
from steprelay_core.translate.terms import Sizes
from steprelay_core.translate.volumes import volumes

Json = dict[str, Any]

# Fargate, EFSVolumeConfiguration: "must specify a platformVersion of at least 1.4.0".
_EFS_ON_FARGATE = "1.4.0"
_ARCHITECTURES = {"x86_64": "X86_64", "arm64": "ARM64"}


def container_properties(batch: Batch, platform: Platform, sizes: Sizes, defaults: Defaults) -> Json:
    """All but image, command and placeholder sizes; only what the step asks for, so that equal needs look alike."""
    container = _roles(batch, defaults) | _host(batch, sizes) | volumes(batch) | _secrets(batch) | _logs(batch)
    return container | _fargate(batch) if platform == "fargate" else container


def _roles(batch: Batch, defaults: Defaults) -> Json:
    job, execution = batch.iam_role or defaults.iam_role, batch.execution_role or defaults.execution_role
    return {**({"jobRoleArn": job} if job else {}), **({"executionRoleArn": execution} if execution else {})}


def _host(batch: Batch, sizes: Sizes) -> Json:
    """What touches the host, on EC2: privileges, limits, devices, memory of special kinds."""
    linux: Json = {
        "sharedMemorySize": batch.shared_memory,
        "maxSwap": batch.max_swap,
        "swappiness": batch.swappiness,
        "devices": _devices(batch) or None,
    }
    if batch.has_tmpfs:
        size = batch.tmpfs_size if batch.tmpfs_size is not None else sizes.memory // 2
        linux["tmpfs"] = [{"containerPath": batch.tmpfs_path, "size": size}]
    # Not by truth: a swap or swappiness of 0 says something.
    linux = {name: value for name, value in linux.items() if value is not None}
    ulimits = [
        {"name": name, "softLimit": limit.soft, "hardLimit": limit.hard}
        for name, limit in sorted(batch.ulimits.items())
    ]
    return {
        **({"privileged": True} if batch.privileged else {}),
        **({"ulimits": ulimits} if ulimits else {}),
        **({"linuxParameters": linux} if linux else {}),
    }


def _devices(batch: Batch) -> list[Json]:
    neuron = [_device(f"/dev/neuron{index}", "READ", "WRITE") for index in range(batch.neuron_chips)]
    efa = [_device(f"/dev/infiniband/uverbs{index}", "READ", "WRITE", "MKNOD") for index in range(batch.efa)]
    return neuron + efa


def _device(path: str, *permissions: str) -> Json:
    return {"hostPath": path, "containerPath": path, "permissions": list(permissions)}


def _secrets(batch: Batch) -> Json:
    # Sorted: a list has an order that a mapping of names does not mean.
    secrets = [{"name": name, "valueFrom": arn} for name, arn in sorted(batch.secrets.items())]
    return {"secrets": secrets} if secrets else {}


def _logs(batch: Batch) -> Json:
    if batch.log_driver is None and not batch.log_options:
        return {}
    # Options alone are meant for the driver that Batch takes by default.
    configuration: Json = {"logDriver": batch.log_driver or "awslogs"}
    if batch.log_options:
        configuration["options"] = dict(batch.log_options)
    return {"logConfiguration": configuration}


def _fargate(batch: Batch) -> Json:
    # A public address, as Metaflow gives it: without one (and without a NAT) a task cannot even pull its image.
    properties: Json = {"networkConfiguration": {"assignPublicIp": "ENABLED"}}
    if batch.ephemeral_storage is not None:
        properties["ephemeralStorage"] = {"sizeInGiB": batch.ephemeral_storage}
    if batch.architecture is not None:
        architecture = _ARCHITECTURES[batch.architecture]
        properties["runtimePlatform"] = {"operatingSystemFamily": "LINUX", "cpuArchitecture": architecture}
    if batch.efs_volumes:
        properties["fargatePlatformConfiguration"] = {"platformVersion": _EFS_ON_FARGATE}
    return properties
