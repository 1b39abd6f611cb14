"""Volumes and mount points: folders of the instance, and EFS file systems."""

from typing import Any

from steprelay_core.spec import Batch
from steprelay_core.spec.volumes import EfsVolume, HostVolume

Json = dict[str, Any]


def volumes(batch: Batch) -> Json:
    """`volumes` and `mountPoints` of a container; nothing where the step has none.

    In the order of where they are mounted, so that the order in which people list them makes no other definition.
    """
    host = sorted(batch.host_volumes, key=_target)
    efs = sorted(batch.efs_volumes, key=_target)
    named: list[tuple[str, HostVolume | EfsVolume, Json]] = [
        *((f"host-{at}", each, {"host": {"sourcePath": each.source}}) for at, each in enumerate(host)),
        *((f"efs-{at}", each, {"efsVolumeConfiguration": _efs(each)}) for at, each in enumerate(efs)),
    ]
    if not named:
        return {}
    return {
        "volumes": [{"name": name, **what} for name, _, what in named],
        "mountPoints": [_mount(name, volume) for name, volume, _ in named],
    }


def _target(volume: HostVolume | EfsVolume) -> str:
    return volume.target


def _mount(name: str, volume: HostVolume | EfsVolume) -> Json:
    mount: Json = {"sourceVolume": name, "containerPath": volume.target}
    return mount | ({"readOnly": True} if volume.read_only else {})


def _efs(volume: EfsVolume) -> Json:
    # Access points and IAM need the encryption; the others lose nothing by it.
    efs: Json = {"fileSystemId": volume.filesystem, "transitEncryption": "ENABLED"}
    if volume.root != "/":
        efs["rootDirectory"] = volume.root
    authorization = {
        **({"accessPointId": volume.access_point} if volume.access_point else {}),
        **({"iam": "ENABLED"} if volume.iam else {}),
    }
    return efs | ({"authorizationConfig": authorization} if authorization else {})
