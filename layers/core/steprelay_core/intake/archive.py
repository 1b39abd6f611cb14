"""The members of a tar archive, read forward from a stream: headers only, nothing extracted.

`tarfile` would do, but reads a header of any length into memory and follows whatever headers say; here each
header is parsed by it (`TarInfo.frombuf`) and everything between headers is ours, under caps.
"""

import posixpath
import tarfile
from collections.abc import Iterator

from steprelay_core.intake.caps import Caps
from steprelay_core.intake.gzip_stream import GzipStream
from steprelay_core.spec import Problem, SpecError

_BLOCK = 512
_EXTENDED = {tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE}
_AGAIN = "pack it again and upload the new file"
_LONG = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}


class Archive:
    """Members in order. The content of the current one can be read until the next is asked for."""

    def __init__(self, stream: GzipStream, caps: Caps) -> None:
        self._stream = stream
        self._caps = caps
        self._unread = 0
        self.count = 0

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        """Each member as its header has it.

        Raises:
            SpecError: if this is no tar archive, is cut off, or has more members than anyone packs.
        """
        while True:
            if self._stream.skip(self._unread) < self._unread:
                raise _bad("the package is cut off: its tar archive ends inside a member", _AGAIN)
            self._unread = 0
            member = self._next()
            if member is None:
                return
            self.count += 1
            self._check_count()
            # As tarfile has it: links, folders and devices carry no content whatever their size says.
            carries = member.isreg() or member.type not in tarfile.SUPPORTED_TYPES
            self._unread = _padded(member.size) if carries else 0
            yield member

    def content(self, member: tarfile.TarInfo) -> bytes:
        """The whole content of the current member."""
        self._unread = 0
        return self._read(member.size, member.name)

    def _next(self) -> tarfile.TarInfo | None:
        told: dict[str, str] = {}
        while True:
            member = self._header()
            if member is None:
                return None
            if member.type in _LONG:
                text = self._extension(member).split(b"\0", 1)[0]
                told[_LONG[member.type]] = text.decode("utf-8", "surrogateescape")
            elif member.type in _EXTENDED:
                records = _records(self._extension(member))
                told |= records if member.type != tarfile.XGLTYPE else {}
            else:
                return _overridden(member, told)

    def _header(self) -> tarfile.TarInfo | None:
        block = self._stream.read(_BLOCK)
        if not block.strip(b"\0"):
            return None
        try:
            member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise _bad(f"the package is not a tar archive, or a damaged one: {error}") from None
        if member.type == tarfile.GNUTYPE_SPARSE or member.size < 0:
            raise _bad(f"member {member.name!r} has a header that is not supported", "pack without --sparse")
        return member

    def _extension(self, member: tarfile.TarInfo) -> bytes:
        if member.size > self._caps.header:
            raise _bad(f"a header of {member.size:,} bytes; at most {self._caps.header:,} are read")
        return self._read(member.size, "a long name")

    def _read(self, size: int, what: str) -> bytes:
        data = self._stream.read(_padded(size))
        if len(data) < size:
            raise _bad(f"the package is cut off: its tar archive ends inside {what!r}", _AGAIN)
        return data[:size]

    def _check_count(self) -> None:
        if self.count > self._caps.members:
            raise _bad(
                f"the package unpacks like a bomb: {self.count:,} members in {self._stream.used:,} bytes",
                "make steprelay.json the first member, and pack only what the flow needs",
            )


def path_problems(member: tarfile.TarInfo) -> Iterator[Problem]:
    """What is wrong with where a member would go, were it unpacked: nothing may reach outside the package."""
    name = member.name
    if _leaves(name):
        yield Problem("", f"member {name!r} would be unpacked outside the package", "pack with relative paths")
    if member.issym() and _leaves(posixpath.join(posixpath.dirname(name), member.linkname)):
        yield Problem("", f"symbolic link {name!r} leads outside the package, to {member.linkname!r}", _NO_LINKS)
    if member.islnk() and _leaves(member.linkname):
        yield Problem("", f"hard link {name!r} leads outside the package, to {member.linkname!r}", _NO_LINKS)
    if member.ischr() or member.isblk() or member.isfifo():
        yield Problem("", f"member {name!r} is a device or a pipe", "pack only files, folders and links")


_NO_LINKS = "pack the file it points to, or leave it out"


def _leaves(path: str) -> bool:
    whole = path.replace("\\", "/")
    drive = len(whole) > 1 and whole[1] == ":" and whole[0].isalpha()
    return drive or whole.startswith("/") or posixpath.normpath(whole).split("/")[0] == ".."


def _overridden(member: tarfile.TarInfo, told: dict[str, str]) -> tarfile.TarInfo:
    """The member with what the headers before it say: longer names, larger sizes."""
    member.name = told.get("path", member.name).rstrip("/") or member.name
    member.linkname = told.get("linkpath", member.linkname)
    if "size" in told:
        if not told["size"].isascii() or not told["size"].isdigit():
            raise _bad(f"member {member.name!r} has size {told['size']!r}")
        member.size = int(told["size"])
    return member


def _records(data: bytes) -> dict[str, str]:
    """The records of a pax header, each `<length> <key>=<value>\\n`."""
    found: dict[str, str] = {}
    while data.strip(b"\0"):
        length, space, _ = data.partition(b" ")
        if not space or not length.isdigit() or not len(length) + 1 < int(length[:9]) <= len(data):
            raise _bad("the package has a damaged pax header")
        record, data = data[len(length) + 1 : int(length)], data[int(length) :]
        key, _, value = record.removesuffix(b"\n").partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
    return found


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _bad(message: str, hint: str | None = None) -> SpecError:
    return SpecError([Problem("", message, hint)])
