"""Writing the archive so that the same content gives the same bytes, whoever packs it, and when."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from steprelay.package.files import Found
from steprelay.package.ignore import IGNORE_FILE
from steprelay.package.problems import PackageError, PackageProblem

# Fixed, as the bytes depend on it.
_LEVEL = 6


class Hashing(io.RawIOBase):
    """Writes through to a file, and knows the sha256 and the size of what was written."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._sha256 = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        self._sha256.update(data)
        self.size += len(data)
        return self._target.write(data)

    @property
    def digest(self) -> str:
        return self._sha256.hexdigest()


def write_archive(target: IO[bytes], first: tuple[str, bytes], files: Iterable[Found]) -> tuple[str, int]:
    """Write a .tar.gz: `first` (name and content), then the files in the order given.

    Returns:
        The sha256 (hex) and the size in bytes of what was written.
    """
    out = Hashing(target)
    # No name and no time in gzip's header.
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=out, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        name, content = first
        archive.addfile(_entry(name, len(content), executable=False), io.BytesIO(content))
        for file in files:
            _add(archive, file.path, _entry(file.member.name, file.member.size, executable=file.member.executable))
    return out.digest, out.size


def _add(archive: tarfile.TarFile, path: Path, entry: tarfile.TarInfo) -> None:
    try:
        with path.open("rb") as content:
            archive.addfile(entry, content)
    except OSError as error:
        # Most often a log that somebody writes: it is shorter than it was a moment ago.
        hint = f"pack again, or add it to {IGNORE_FILE}"
        raise PackageError([PackageProblem(entry.name, f"changed while it was packed: {error}", hint)]) from None


def _entry(name: str, size: int, *, executable: bool) -> tarfile.TarInfo:
    """Only what travels: no owner, no time, and of the mode only whether it may be executed."""
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = 0o755 if executable else 0o644
    return entry
