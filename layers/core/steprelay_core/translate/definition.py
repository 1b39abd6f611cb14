"""RegisterJobDefinition: what SubmitJob cannot override, and the bootstrap, which is the same for all."""

from typing import Any

from steprelay_core.spec import Batch, Flow, Step
from steprelay_core.translate.inputs import Defaults
from steprelay_core.translate.names import definition_name

# For steps whose flow has no Python class and whose relay has no default: the bootstrap needs some Python.
FALLBACK_IMAGE = "python:3.13"

# Batch wants sizes in a definition although every submission overrides them. Constant, so that steps of
# all sizes share one definition.
_PLACEHOLDER_SIZES = {"ec2": ("1", "512"), "fargate": ("0.25", "512")}


def build_definition(
    flow: Flow, step: Step, batch: Batch, platform: str, defaults: Defaults, relay: str, bootstrap: str
) -> dict[str, Any]:
    """The arguments of RegisterJobDefinition; the name is the relay's with the hash of all the others."""
    vcpus, memory = _PLACEHOLDER_SIZES[platform]
    container: dict[str, Any] = {
        "image": image(flow, batch, defaults),
        "resourceRequirements": [{"type": "VCPU", "value": vcpus}, {"type": "MEMORY", "value": memory}],
    }
    if step.package:
        # Here and not in the overrides: those are capped at 8,192 characters.
        container["command"] = ["python3", "-c", bootstrap]
    container |= _roles(batch, defaults) | _host(batch) | _logs(batch)
    if platform == "fargate":
        container |= _fargate(batch)
    content = {
        "type": "container",
        "platformCapabilities": [platform.upper()],
        "containerProperties": container,
    }
    return {"jobDefinitionName": definition_name(relay, content), **content}


def image(flow: Flow, batch: Batch, defaults: Defaults) -> str:
    """The step's image, else the relay's, else the official Python of the version that packaged the flow."""
    if batch.image or defaults.image:
        return str(batch.image or defaults.image)
    entrypoint = flow.spec.entrypoint
    return f"python:{entrypoint.python}" if entrypoint else FALLBACK_IMAGE


def tempdir(batch: Batch) -> str | None:
    """Where a step's temporary files go, if its tmpfs is to hold them."""
    return batch.tmpfs_path if _has_tmpfs(batch) and batch.tmpfs_tempdir else None


def _has_tmpfs(batch: Batch) -> bool:
    # Metaflow's rule: to give a size is to want it.
    return batch.use_tmpfs or batch.tmpfs_size is not None


def _roles(batch: Batch, defaults: Defaults) -> dict[str, Any]:
    job, execution = batch.iam_role or defaults.iam_role, batch.execution_role or defaults.execution_role
    return {**({"jobRoleArn": job} if job else {}), **({"executionRoleArn": execution} if execution else {})}


def _host(batch: Batch) -> dict[str, Any]:
    """What touches the host, on EC2: privileges, devices, memory of special kinds."""
    linux: dict[str, Any] = {
        "sharedMemorySize": batch.shared_memory,
        "maxSwap": batch.max_swap,
        "swappiness": batch.swappiness,
        "devices": _devices(batch) or None,
    }
    if _has_tmpfs(batch):
        size = batch.tmpfs_size if batch.tmpfs_size is not None else batch.memory // 2
        linux["tmpfs"] = [{"containerPath": batch.tmpfs_path, "size": size}]
    # Not by truth: a swap or swappiness of 0 says something.
    linux = {name: value for name, value in linux.items() if value is not None}
    return {
        **({"privileged": True} if batch.privileged else {}),
        **({"linuxParameters": linux} if linux else {}),
    }


def _devices(batch: Batch) -> list[dict[str, Any]]:
    neuron = [_device(f"/dev/neuron{index}", "READ", "WRITE") for index in range(batch.inferentia)]
    efa = [_device(f"/dev/infiniband/uverbs{index}", "READ", "WRITE", "MKNOD") for index in range(batch.efa)]
    return neuron + efa


def _device(path: str, *permissions: str) -> dict[str, Any]:
    return {"hostPath": path, "containerPath": path, "permissions": list(permissions)}


def _logs(batch: Batch) -> dict[str, Any]:
    if batch.log_driver is None and not batch.log_options:
        return {}
    # Options alone are meant for the driver that Batch takes by default.
    configuration: dict[str, Any] = {"logDriver": batch.log_driver or "awslogs"}
    if batch.log_options:
        configuration["options"] = dict(batch.log_options)
    return {"logConfiguration": configuration}


def _fargate(batch: Batch) -> dict[str, Any]:
    # A public address, as Metaflow gives it: without one (and without a NAT) a task cannot even pull its image.
    network: dict[str, Any] = {"networkConfiguration": {"assignPublicIp": "ENABLED"}}
    if batch.ephemeral_storage is not None:
        network["ephemeralStorage"] = {"sizeInGiB": batch.ephemeral_storage}
    return network
