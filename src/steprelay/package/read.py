"""Reading a package, for people to look into. Nothing is extracted."""

import hashlib
import io
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from steprelay.package.files import Member
from steprelay.package.problems import PackageError, PackageProblem
from steprelay_core.spec import SPEC_NAME, Flow, parse_spec

# Far above any real spec: a bound, so that a broken archive cannot fill the memory.
_SPEC_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Contents:
    """What a package holds: the checked flow, the members in their order, sha256 (hex) and size of the archive."""

    flow: Flow
    members: tuple[Member, ...]
    digest: str
    size: int


def read_package(source: Path | str | bytes) -> Contents:
    """Read a package from a file or from its bytes.

    Raises:
        PackageError: if it is no .tar.gz, is cut off, or holds no steprelay.json.
        SpecError: if its steprelay.json is not valid: with every problem.
    """
    if isinstance(source, bytes):
        return _read(io.BytesIO(source), "package")
    try:
        with Path(source).open("rb") as file:
            return _read(file, str(source))
    except OSError as error:
        raise PackageError([PackageProblem(str(source), f"cannot be read: {error.strerror or error}")]) from None


def _read(file: io.BytesIO | io.BufferedReader, name: str) -> Contents:
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    members: list[Member] = []
    spec: bytes | None = None
    try:
        with tarfile.open(fileobj=file, mode="r|gz") as archive:
            for entry in archive:
                if entry.isfile():
                    members.append(Member(entry.name, entry.size, bool(entry.mode & 0o100)))
                if spec is None and entry.name == SPEC_NAME and entry.size <= _SPEC_LIMIT:
                    content = archive.extractfile(entry)
                    spec = content.read() if content else None
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        hint = "a package is a .tar.gz made by `steprelay package`"
        raise PackageError([PackageProblem(name, f"is no package, or cut off: {error}", hint)]) from None
    if spec is None:
        raise PackageError([PackageProblem(name, f"holds no {SPEC_NAME}", "pack it with `steprelay package`")])
    return Contents(parse_spec(spec), tuple(members), digest, size)
