"""Volumes of a job: as people write them (`"/data:/mnt/data:ro"`), and as the spec keeps them."""

from typing import Annotated, Any

from pydantic import BeforeValidator, StrictBool, StrictStr

from steprelay_core.spec.types import AbsolutePath, Model, text_like

FilesystemId = Annotated[StrictStr, text_like(r"^fs-[0-9A-Za-z]+$", "the id of an EFS file system, like fs-0123abcd")]
AccessPointId = Annotated[
    StrictStr, text_like(r"^fsap-[0-9A-Za-z]+$", "the id of an EFS access point, like fsap-0123abcd")
]

_READ_ONLY = "ro"
_MODES = {_READ_ONLY: True, "rw": False}


class HostVolume(Model):
    """A folder of the instance, seen by the container at `target`."""

    source: AbsolutePath
    target: AbsolutePath
    read_only: StrictBool = False


class EfsVolume(Model):
    """A file system of Amazon EFS, mounted at `target` and encrypted on its way.

    `root` is the folder of the file system that is mounted; an access point brings its own. `iam`: mount with the
    job's role.
    """

    filesystem: FilesystemId
    target: AbsolutePath
    root: AbsolutePath = "/"
    access_point: AccessPointId | None = None
    iam: StrictBool = False
    read_only: StrictBool = False


def _host_volumes(given: Any) -> Any:
    """`"/data"`, `"/data:/mnt/data:ro"`, a list of such, or a mapping of folders to where they are seen."""
    return [_volume(each, "source") for each in _listed(given)]


def _efs_volumes(given: Any) -> Any:
    """`"fs-0123abcd"` (seen at /mnt/fs-0123abcd), `"fs-0123abcd:/data:ro"`, a list, or a mapping of ids to paths."""
    return [_volume(each, "filesystem", "/mnt/") for each in _listed(given)]


def _listed(given: Any) -> Any:
    if isinstance(given, dict) and not {"source", "filesystem"} & given.keys():
        return [f"{source}:{target}" for source, target in given.items()]
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _volume(given: Any, key: str, folder: str = "") -> Any:
    """One volume, with the place where it is seen: at its own path unless told otherwise."""
    if isinstance(given, str):
        source, *rest = given.split(":")
        read_only = _MODES[rest.pop()] if rest and rest[-1] in _MODES else False
        target = ":".join(rest) or f"{folder}{source}"
        return {key: source, "target": target, "read_only": read_only}
    if isinstance(given, dict) and "target" not in given and isinstance(given.get(key), str):
        return given | {"target": f"{folder}{given[key]}"}
    return given


HostVolumes = Annotated[
    list[HostVolume],
    BeforeValidator(_host_volumes, json_schema_input_type=str | list[str | HostVolume] | dict[str, str]),
]
EfsVolumes = Annotated[
    list[EfsVolume],
    BeforeValidator(_efs_volumes, json_schema_input_type=str | list[str | EfsVolume] | dict[str, str]),
]
