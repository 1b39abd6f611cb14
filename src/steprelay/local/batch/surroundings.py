"""What a container has around its command: what of it can be had here, and the line that says what cannot. Pure."""

import platform
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from steprelay.local.batch.limits import Ulimit

Document = Mapping[str, Any]

# The official image of Python is what a step gets unless it names another: the interpreter here stands for it.
OFFICIAL_PYTHON = re.compile(
    r"((docker\.io/)?(library/)?|public\.ecr\.aws/docker/library/)python([:@].+)?", re.IGNORECASE
)
ARCHITECTURES = {"x86_64": "X86_64", "amd64": "X86_64", "aarch64": "ARM64", "arm64": "ARM64"}
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`tmpfs`: where the container would see file systems in memory; `secrets`: the variables that have a value here;
    `note`: what the job asks for and does not get, None if it gets everything.
    """

    tmpfs: tuple[str, ...] = ()
    ulimits: tuple[Ulimit, ...] = ()
    secrets: tuple[str, ...] = ()
    note: str | None = None


NOTHING = Surroundings()


def surroundings(container: Document, gpus: int, known_secrets: Container[str]) -> Surroundings:
    """Of a container's properties; `known_secrets`: the variables whose value is known."""
    names = [entry["name"] for entry in container.get("secrets", ())]
    limits = [Ulimit(one["name"], one["softLimit"], one["hardLimit"]) for one in container.get("ulimits", ())]
    missing = list(_missing(container, gpus))
    if unknown := [limit.name for limit in limits if not limit.is_known]:
        missing.append(f"ulimits {_some(unknown)}")
    if absent := [name for name in names if name not in known_secrets]:
        missing.append(f"secrets {', '.join(absent)} (not in the environment that the relay was started with)")
    return Surroundings(
        tmpfs=tuple(entry["containerPath"] for entry in container.get("linuxParameters", {}).get("tmpfs", ())),
        ulimits=tuple(limit for limit in limits if limit.is_known),
        secrets=tuple(name for name in names if name in known_secrets),
        note=_note(container["image"], missing),
    )


def _note(image: str, missing: list[str]) -> str | None:
    if OFFICIAL_PYTHON.fullmatch(image) is None:
        missing = [f"its image {image}", *missing]
    return f"local Batch: this job runs as a process here, without {', '.join(missing)}" if missing else None


def _missing(container: Document, gpus: int) -> Iterator[str]:
    """In the words of `@batch` where it has one."""
    linux = container.get("linuxParameters", {})
    if gpus:
        yield f"gpu={gpus}"
    if devices := [device["hostPath"] for device in linux.get("devices", ())]:
        yield f"devices {_some(devices)}"
    if container.get("privileged"):
        yield "privileged"
    for key, name in (("sharedMemorySize", "shared_memory"), ("maxSwap", "max_swap"), ("swappiness", "swappiness")):
        if key in linux:
            yield f"{name}={linux[key]}"
    for tmpfs in linux.get("tmpfs", ()):
        yield f"the tmpfs_size={tmpfs['size']} of {tmpfs['containerPath']} (a folder on disk)"
    if volumes := [_source(volume) for volume in container.get("volumes", ())]:
        yield f"volumes {_some(volumes)}"
    yield from _missing_services(container)


def _missing_services(container: Document) -> Iterator[str]:
    driver = container.get("logConfiguration", {}).get("logDriver", "awslogs")
    if driver != "awslogs":
        yield f"log_driver={driver}"
    if "ephemeralStorage" in container:
        yield f"ephemeral_storage={container['ephemeralStorage']['sizeInGiB']}"
    architecture = container.get("runtimePlatform", {}).get("cpuArchitecture")
    if architecture not in (None, ARCHITECTURES.get(platform.machine().lower())):
        yield f"architecture={architecture.lower()}"
    if container.get("user"):
        yield f"user={container['user']}"
    if container.get("readonlyRootFilesystem"):
        yield "a read-only file system"


def _source(volume: Document) -> str:
    efs, host = volume.get("efsVolumeConfiguration", {}), volume.get("host", {})
    return str(efs.get("fileSystemId") or host.get("sourcePath") or volume.get("name", ""))


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
