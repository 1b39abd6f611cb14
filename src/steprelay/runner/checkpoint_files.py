"""A checkpoint's files, from their folder to the store and back."""

import hashlib
import itertools
import os
import stat
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steprelay.runner.artifacts import INLINE_BYTES, SMALL_BYTES
from steprelay.runner.manifest import (
    Folder,
    Link,
    Manifest,
    ManifestError,
    StoredFile,
    file_mode,
    folder_mode,
    stays_inside,
)
from steprelay.runner.store import Store
from steprelay.sdk.exceptions import CheckpointError

# So much of small files' content travels in the manifest itself.
INLINE_TOTAL = 256 * 1024
_THREADS = 8
# A large file that changes while it is sent is sent again, so many times in all.
_TRIES = 3


@dataclass(frozen=True)
class Found:
    """What a folder holds. `left_out`: what no checkpoint can hold, with the reason."""

    files: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def look_through(root: Path) -> Found:
    """List a folder without following links; things that vanish meanwhile are not there."""
    found = Found()
    _look(root, "", found)
    return found


def _look(root: Path, inner: str, found: Found) -> None:
    with os.scandir(root / inner) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        path = f"{inner}{entry.name}"
        try:
            about = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(about.st_mode):
                found.folders.append(Folder(path, folder_mode(about.st_mode)))
                _look(root, f"{path}/", found)
            elif stat.S_ISLNK(about.st_mode):
                _look_at_link(root, path, found)
            elif stat.S_ISREG(about.st_mode):
                found.files.append(path)
            else:
                found.left_out.append(f"{path} (neither a file nor a folder)")
        except FileNotFoundError:
            continue


def _look_at_link(root: Path, path: str, found: Found) -> None:
    target = os.readlink(root / path)  # noqa: PTH115 - as text: Path would take `./` and `//` out of it
    if os.path.isabs(target):  # noqa: PTH117 - text
        # Only if it points to here; in the next attempt's folder it would be somewhere else.
        target = os.path.relpath(target, (root / path).parent)
    if stays_inside(path, target):
        found.links.append(Link(path, target))
    else:
        found.left_out.append(f"{path} (a link that leads out of the checkpoint)")


@dataclass(frozen=True)
class Sender:
    """Sends files to keys that start with `prefix`, but not what `base`, the checkpoint before, has already."""

    store: Store
    root: Path
    prefix: str
    base: Manifest

    def send(self, found: Found) -> Manifest:
        """Store every file; the manifest of them all.

        Raises:
            CheckpointError: if a file cannot be read, or is written to all the while.
        """
        known = {file.sha256: file for file in self.base.files}
        room = itertools.accumulate(itertools.repeat(INLINE_BYTES))
        tiny = {path for path in found.files if self._is_tiny(path) and next(room) <= INLINE_TOTAL}
        files = _in_parallel(lambda path: self._send(path, known, inline=path in tiny), found.files)
        return Manifest(tuple(file for file in files if file), tuple(found.links), tuple(found.folders))

    def _is_tiny(self, path: str) -> bool:
        try:
            return (self.root / path).lstat().st_size <= INLINE_BYTES
        except FileNotFoundError:
            return False

    def _send(self, path: str, known: dict[str, StoredFile], *, inline: bool) -> StoredFile | None:
        try:
            for _ in range(_TRIES):
                if (sent := self._try_to_send(path, known, inline=inline)) is not None:
                    return sent
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise CheckpointError(f"checkpoint: {path} cannot be read: {error.strerror}") from error
        raise CheckpointError(
            f"checkpoint: {path} is written to while it is saved; write it in `with current.checkpoint.writing():`"
        )

    def _try_to_send(self, path: str, known: dict[str, StoredFile], *, inline: bool) -> StoredFile | None:
        # Not through a link that has just been put there, and without waiting for a pipe's other end.
        descriptor = os.open(self.root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            before = os.fstat(descriptor)
            about = StoredFile(path, file_mode(before.st_mode), before.st_mtime_ns, before.st_size, "")
            if before.st_size <= SMALL_BYTES:
                return self._send_small(about, file.read(), known, inline=inline)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest in known:
                return about.like(known[digest])
            # A key of its own: should the content change on its way, nothing is known by a wrong digest.
            key = f"{self.prefix}{digest}-{uuid.uuid4().hex[:8]}"
            file.seek(0)
            self.store.upload(key, file, before.st_size)
            after = os.stat(descriptor)  # noqa: PTH116 - an open file
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                return None
            return StoredFile(path, about.mode, about.modified, before.st_size, digest, key=key)

    def _send_small(self, about: StoredFile, body: bytes, known: dict[str, StoredFile], *, inline: bool) -> StoredFile:
        digest = hashlib.sha256(body).hexdigest()
        if digest in known:
            return about.like(known[digest])
        if inline and len(body) <= INLINE_BYTES:
            return StoredFile(about.path, about.mode, about.modified, len(body), digest, body=body)
        key = f"{self.prefix}{digest}"
        self.store.put_once(key, body)
        return StoredFile(about.path, about.mode, about.modified, len(body), digest, key=key)


def fetch(store: Store, manifest: Manifest, into: Path) -> None:
    """Put everything into a folder that is new and empty.

    Raises:
        ManifestError: if a file's content is not what the manifest says.
        Missing: if it is not there.
    """
    for folder in sorted(manifest.folders, key=lambda each: each.path):
        (into / folder.path).mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in manifest.files:
        (into / file.path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _in_parallel(lambda file: _fetch(store, file, into / file.path), manifest.files)
    # Links last: nothing is ever written through one.
    for link in manifest.links:
        (into / link.path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (into / link.path).symlink_to(link.target)
    for folder in manifest.folders:
        (into / folder.path).chmod(folder.mode)


def _fetch(store: Store, file: StoredFile, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        if file.body is None and file.size > SMALL_BYTES:
            store.download(file.key or "", opened)
        else:
            body = store.get(file.key or "") if file.body is None else file.body
            if hashlib.sha256(body).hexdigest() != file.sha256:
                raise ManifestError(f"the content of {file.path!r} is not what was saved")
            opened.write(body)
        opened.flush()
        if os.fstat(descriptor).st_size != file.size:
            raise ManifestError(f"{file.path!r} has not the size that was saved")
    target.chmod(file.mode)
    os.utime(target, ns=(file.modified, file.modified))


def _in_parallel(work: Callable[[Any], Any], given: Sequence[Any]) -> list[Any]:
    if len(given) < 2:
        return [work(one) for one in given]
    with ThreadPoolExecutor(min(_THREADS, len(given)), thread_name_prefix="steprelay-checkpoint") as pool:
        try:
            return list(pool.map(work, given))
        except BaseException:  # the step's time may be over: what has not begun shall not begin
            pool.shutdown(wait=False, cancel_futures=True)
            raise
