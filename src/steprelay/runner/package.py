"""Fetching and unpacking the run's package. An archive is somebody else's file: nothing in it is trusted."""

import hashlib
import os
import shutil
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import IO, cast

from steprelay.runner.store import Store

_CHUNK = 1024 * 1024


class PackageError(Exception):
    """The package cannot be unpacked; the message says which member, and why."""


def unpack_package(store: Store, key: str, into: Path) -> None:
    """Fetch `packages/<sha256>.tar.gz`, check its digest, and unpack it into a new folder.

    Raises:
        PackageError: if it is not the archive its name says, or has members that reach out of the folder.
    """
    with tempfile.TemporaryFile(prefix="steprelay-") as file:
        store.download(key, file)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != package_digest(key):
            raise PackageError(f"{key} has the digest {digest}: it was changed after it was accepted")
        file.seek(0)
        into.mkdir(parents=True)
        try:
            with tarfile.open(fileobj=file, mode="r:gz") as archive:
                for member in archive:
                    _unpack_member(archive, member, into)
        except (tarfile.TarError, EOFError, OSError) as error:
            raise PackageError(f"{key} cannot be unpacked: {error}") from error


def package_digest(key: str) -> str:
    """The digest in a package's key."""
    return PurePosixPath(key).name.removesuffix(".tar.gz")


def _unpack_member(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\0" in member.name:
        raise PackageError(f"member {member.name!r} reaches out of the package")
    target = root / name
    # tarfile's own filters have been bypassed by chains of links; so every parent is resolved for real.
    if target != root and not _inside(root, os.path.realpath(target.parent)):
        raise PackageError(f"member {member.name!r} reaches out of the package through a link")
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if member.isfile():
        _write_file(cast("IO[bytes]", archive.extractfile(member)), target, member)
    elif member.issym():
        _make_link(root, target, member)
    else:
        raise PackageError(f"member {member.name!r} is neither file, folder nor symbolic link")


def _write_file(source: IO[bytes], target: Path, member: tarfile.TarInfo) -> None:
    mode = 0o755 if member.mode & 0o100 else 0o644
    # O_EXCL: a name that is there already, even as a dangling link, is never written through.
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        shutil.copyfileobj(source, file, _CHUNK)


def _make_link(root: Path, target: Path, member: tarfile.TarInfo) -> None:
    destination = os.path.normpath(os.path.join(target.parent, member.linkname))  # noqa: PTH118 - keeps ".." to resolve
    resolved = os.path.realpath(target.parent / member.linkname)
    if os.path.isabs(member.linkname) or not _inside(root, destination) or not _inside(root, resolved):  # noqa: PTH117
        raise PackageError(f"link {member.name!r} points out of the package, to {member.linkname!r}")
    target.symlink_to(member.linkname)


def _inside(root: Path, path: str) -> bool:
    whole = os.path.realpath(root)
    return path in {whole, str(root)} or path.startswith((whole + os.sep, str(root) + os.sep))


class PackageCache:
    """Unpacked packages of a warm process, by digest; only the most recently used stay.

    Attempts share them, so none may work in there: see `link_package`.
    """

    def __init__(self, root: Path, keep: int = 4) -> None:
        self._root, self._keep = root, keep

    @classmethod
    def of_this_process(cls, parent: Path) -> "PackageCache":
        """A cache of this process's own under `parent`; what processes have left that are no more is removed."""
        if parent.exists():
            for folder in parent.iterdir():
                if folder.name.isdecimal() and not _is_alive(int(folder.name)):
                    shutil.rmtree(folder, ignore_errors=True)
        return cls(parent / str(os.getpid()))

    def folder(self, store: Store, key: str) -> Path:
        """The unpacked package, fetched if it is not there.

        Raises:
            PackageError: if it cannot be unpacked.
        """
        folder = self._root / package_digest(key)
        if not folder.exists():
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._evict()
            making = Path(tempfile.mkdtemp(prefix="making-", dir=self._root))
            try:
                unpack_package(store, key, making / "package")
                (making / "package").rename(folder)
            finally:
                shutil.rmtree(making, ignore_errors=True)
        os.utime(folder)
        return folder

    def _evict(self) -> None:
        folders = sorted(self._root.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
        for folder in folders[self._keep - 1 :]:
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def link_package(package: Path, into: Path) -> None:
    """A folder of its own for one attempt, in which every file of the package is found by a link."""
    into.mkdir(parents=True, exist_ok=True)
    for entry in os.scandir(package):
        if entry.name == "__pycache__":
            continue
        if entry.is_symlink():
            (into / entry.name).symlink_to(Path(entry.path).readlink())
        elif entry.is_dir():
            link_package(Path(entry.path), into / entry.name)
        else:
            (into / entry.name).symlink_to(entry.path)
