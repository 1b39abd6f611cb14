"""A checkpoint's list of what is in it. Pure; whatever it is read from, nothing in it leads out of its folder."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

CHECKPOINT_VERSION = 1
# Neither setuid nor sticky; and whoever restores a file may read, replace and delete it.
_PERMISSIONS, _OWN_FILE, _OWN_FOLDER = 0o777, 0o600, 0o700


class ManifestError(ValueError):
    """What was read is no manifest that may be followed."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file, its content in `body` or, where that is None, under `key`. `modified` in nanoseconds."""

    path: str
    mode: int
    modified: int
    size: int
    sha256: str
    body: bytes | None = None
    key: str | None = None

    def like(self, other: "StoredFile") -> "StoredFile":
        """This file, with the other's content."""
        return replace(other, path=self.path, mode=self.mode, modified=self.modified)


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link to another place of the same folder."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class Folder:
    path: str
    mode: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything in a checkpoint, each by its path from there, with `/`."""

    files: tuple[StoredFile, ...] = ()
    links: tuple[Link, ...] = ()
    folders: tuple[Folder, ...] = ()

    @property
    def keys(self) -> set[str]:
        """The objects that hold its files."""
        return {file.key for file in self.files if file.key is not None}


def file_mode(mode: int) -> int:
    """The permissions of a file that are kept."""
    return mode & _PERMISSIONS | _OWN_FILE


def folder_mode(mode: int) -> int:
    """The permissions of a folder that are kept."""
    return mode & _PERMISSIONS | _OWN_FOLDER


def stays_inside(path: str, target: str) -> bool:
    """Whether a link at `path` that says `target` cannot lead out, whatever other links do that stay inside.

    So only as many `..` as there are folders above it, and all of them in front: behind another link `..` could be
    anywhere.
    """
    parts = target.split("/")
    up = next((at for at, part in enumerate(parts) if part != ".."), len(parts))
    return bool(target) and not target.startswith("/") and up <= path.count("/") and ".." not in parts[up:]


def encode_manifest(manifest: Manifest, saved_at: float) -> bytes:
    """The manifest as it is stored. `saved_at`: seconds since the epoch."""
    document = {
        "checkpoint_version": CHECKPOINT_VERSION,
        "saved_at": saved_at,
        "files": [_encode_file(file) for file in manifest.files],
        "links": [[link.path, link.target] for link in manifest.links],
        "folders": [[folder.path, folder.mode] for folder in manifest.folders],
    }
    return json.dumps(document).encode()


def decode_manifest(raw: bytes) -> Manifest:
    """Read a stored manifest.

    Raises:
        ManifestError: if it is of another version, incomplete, or leads out of its folder.
    """
    try:
        document = json.loads(raw)
        if document["checkpoint_version"] != CHECKPOINT_VERSION:
            raise ManifestError(
                f"it has version {document['checkpoint_version']}, this runner reads {CHECKPOINT_VERSION}"
            )
        manifest = Manifest(
            tuple(_decode_file(file) for file in document["files"]),
            tuple(Link(str(path), str(target)) for path, target in document["links"]),
            tuple(Folder(str(path), folder_mode(mode)) for path, mode in document["folders"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"it cannot be read: {error}") from error
    _check(manifest)
    return manifest


def _encode_file(file: StoredFile) -> dict[str, Any]:
    content = {"key": file.key} if file.body is None else {"inline": b64encode(file.body).decode()}
    about = {"path": file.path, "mode": file.mode, "modified": file.modified, "size": file.size, "sha256": file.sha256}
    return about | content


def _decode_file(document: dict[str, Any]) -> StoredFile:
    body = b64decode(document["inline"]) if "inline" in document else None
    return StoredFile(
        str(document["path"]),
        file_mode(document["mode"]),
        int(document["modified"]),
        int(document["size"]),
        str(document["sha256"]),
        body,
        None if body is not None else str(document["key"]),
    )


def _check(manifest: Manifest) -> None:
    paths = [*_paths(manifest.files), *_paths(manifest.links), *_paths(manifest.folders)]
    for path in paths:
        if not path or "\0" in path or path.startswith("/") or PurePosixPath(path).as_posix() != path or _climbs(path):
            raise ManifestError(f"{path!r} is no path inside a folder")
    leaves = set(_paths(manifest.files)) | set(_paths(manifest.links))
    if len(set(paths)) != len(paths):
        raise ManifestError("a path is in it twice")
    for path in paths:
        for parent in PurePosixPath(path).parents:
            if str(parent) in leaves:
                raise ManifestError(f"{path!r} is inside {str(parent)!r}, which is no folder")
    for link in manifest.links:
        if not stays_inside(link.path, link.target):
            raise ManifestError(f"the link {link.path!r} leads to {link.target!r}, out of its folder")


def _paths(entries: Iterable[StoredFile | Link | Folder]) -> Iterator[str]:
    return (entry.path for entry in entries)


def _climbs(path: str) -> bool:
    return path == "." or ".." in path.split("/")
