"""From an uploaded package to its checked flow: the spec is read, nothing is extracted, imported or unpickled."""

import posixpath
import tarfile
from dataclasses import dataclass, field

from steprelay_core.intake.archive import Archive, path_problems
from steprelay_core.intake.caps import CAPS, Caps
from steprelay_core.intake.gzip_stream import Fetch, GzipStream, OutOfSight
from steprelay_core.spec import SPEC_NAME, Flow, Problem, SpecError, parse_spec

# A package with thousands of bad names has one fault, not thousands.
_PATHS_TOLD = 20


@dataclass
class _Look:
    """What a look into a package has found."""

    spec: bytes | None = None
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Package:
    """A readable package: its flow, and the spec as it lies in the archive."""

    flow: Flow
    spec: bytes


def read_package(fetch: Fetch, size: int, caps: Caps = CAPS) -> Package:
    """Read the spec of a package of `size` bytes; with the spec first, one `fetch` of 64 KiB is all it takes.

    What that one read shows beyond the spec is looked through as well: names that lead out, bombs, a cut-off end.

    Raises:
        SpecError: with every problem found.
    """
    if not size:
        raise SpecError([Problem("", "the upload is empty", "upload a .tar.gz, as `steprelay package` makes")])
    if size > caps.package:
        raise SpecError([Problem("", f"the package has {size:,} bytes; at most {caps.package:,} are taken")])
    look = _Look()
    try:
        _scan(look, GzipStream(fetch, size, caps), caps)
    except SpecError as error:
        look.problems += error.problems
    if look.spec is None:
        raise SpecError(look.problems or [_no_spec()])
    try:
        flow = parse_spec(look.spec)
    except SpecError as error:
        look.problems += error.problems
    if look.problems:
        raise SpecError(look.problems)
    return Package(flow, look.spec)


def _scan(look: _Look, stream: GzipStream, caps: Caps) -> None:
    archive = Archive(stream, caps)
    try:
        for member in archive:
            if len(look.problems) < _PATHS_TOLD:
                look.problems += path_problems(member)
            if posixpath.normpath(member.name) == SPEC_NAME:
                if look.spec is not None:
                    look.problems.append(Problem("", f"the package holds {SPEC_NAME} twice", "pack it once"))
                    return
                look.spec = _spec(archive, member, caps)
                stream.confine()
        # The end of the tar is not yet that of the gzip, whose checksum covers all before it.
        while look.spec is not None and stream.read(caps.first_read):
            pass
    except OutOfSight:
        return


def _spec(archive: Archive, member: tarfile.TarInfo, caps: Caps) -> bytes:
    if not member.isreg():
        raise SpecError([Problem("", f"{SPEC_NAME} is not a file", "pack the file itself, no link")])
    if member.size > caps.spec:
        message = f"{SPEC_NAME} has {member.size:,} bytes; at most {caps.spec:,} are read"
        raise SpecError([Problem("", message, "keep data out of the spec, in files or parameters")])
    return archive.content(member)


def _no_spec() -> Problem:
    return Problem(
        "", f"the package has no {SPEC_NAME}", "pack with `steprelay package`, or put it at the top of the archive"
    )
