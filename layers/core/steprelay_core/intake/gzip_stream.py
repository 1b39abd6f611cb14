"""The unpacked bytes of a gzip archive that lies in S3, fetched and inflated piece by piece, under caps."""

import zlib
from collections.abc import Callable

from steprelay_core.intake.caps import MIB, Caps
from steprelay_core.spec import Problem, SpecError

# `fetch(start, size)`: one ranged GET.
Fetch = Callable[[int, int], bytes]

_MAGIC = b"\x1f\x8b"
_PIECE = 64 * 1024
_LARGEST_READ = 8 * MIB


class OutOfSight(Exception):
    """The look is over: what has been fetched is used up, and nothing more shall be."""


class GzipStream:
    """Reads forward only. `confine()` ends fetching: from then on reading past what is here raises `OutOfSight`."""

    def __init__(self, fetch: Fetch, size: int, caps: Caps) -> None:
        self._fetch = fetch
        self._size = size
        self._caps = caps
        self._inflater = zlib.decompressobj(wbits=31)
        self._packed = b""
        self._unpacked = bytearray()
        self._between = False
        self._brimming = False
        self._confined = False
        self._ended = False
        self.fetched = 0
        self.produced = 0

    @property
    def used(self) -> int:
        """How many bytes of the upload have gone into what was read."""
        return self.fetched - len(self._packed)

    def confine(self) -> None:
        self._confined = True

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer only where the archive ends.

        Raises:
            SpecError: if the stream is no gzip, damaged, cut off or a bomb.
            OutOfSight: if it is confined and used up.
        """
        while len(self._unpacked) < size and not self._ended:
            self._unpacked += self._inflate()
        data = bytes(self._unpacked[:size])
        del self._unpacked[:size]
        return data

    def skip(self, size: int) -> int:
        """Leave out `size` bytes, or what there is, and say how many that were; raises as `read` does."""
        passed = 0
        while passed < size:
            piece = len(self.read(min(size - passed, _PIECE)))
            if not piece:
                break
            passed += piece
        return passed

    def _inflate(self) -> bytes:
        # An inflater that gave all it was allowed to may hold more, even with nothing left to feed it.
        if not self._packed and not self._brimming:
            self._packed = self._fetch_more()
        if self._between:
            self._packed = self._packed.lstrip(b"\0")
        if not self._packed and not self._brimming:
            self._end_of_input()
            return b""
        try:
            piece = self._inflater.decompress(self._packed, _PIECE)
        except zlib.error as error:
            raise _bad(f"the gzip stream is damaged: {error}", "pack it again and upload the new file") from None
        self._between = False
        self._brimming = len(piece) == _PIECE
        self._packed = self._inflater.unconsumed_tail
        self.produced += len(piece)
        self._check_caps()
        if self._inflater.eof:
            self._next_member()
        return piece

    def _fetch_more(self) -> bytes:
        if self.fetched >= self._size:
            return b""
        if self._confined:
            raise OutOfSight
        if self.fetched >= self._caps.compressed:
            raise _bad(
                f"no steprelay.json in the first {self._caps.compressed // MIB} MiB of the package",
                "make it the first member: tar -czf package.tar.gz steprelay.json …",
            )
        size = self._caps.first_read if not self.fetched else min(_LARGEST_READ, max(MIB, self.fetched))
        data = self._fetch(self.fetched, min(size, self._caps.compressed - self.fetched))
        if not self.fetched and not data.startswith(_MAGIC):
            raise _bad("the upload is not a gzip archive", "upload a .tar.gz, as `steprelay package` makes")
        # S3 gives less than was asked for only at the end of an object.
        self.fetched = self.fetched + len(data) if data else self._size
        return data

    def _next_member(self) -> None:
        """A gzip file may hold several streams one after the other (pigz, bgzip), and zeros behind the last."""
        self._packed = self._inflater.unused_data
        self._inflater = zlib.decompressobj(wbits=31)
        self._between, self._brimming = True, False

    def _end_of_input(self) -> None:
        if self.fetched < self._size:
            return
        if not self._between:
            raise _bad(
                f"the package is cut off: its gzip stream has no end within {self._size:,} bytes",
                "upload it again, whole",
            )
        self._ended = True

    def _check_caps(self) -> None:
        if self.produced > self._caps.unpacked:
            raise _bomb(f"{self._caps.unpacked // MIB} MiB were unpacked without finding steprelay.json")
        if self.produced > self._caps.ratio_from and self.produced > self._caps.ratio * self.used:
            raise _bomb(f"{self.used:,} bytes unpack to more than {self.produced:,}")


def _bomb(what: str) -> SpecError:
    return _bad(f"the package unpacks like a bomb: {what}", "leave large, empty files out of the package")


def _bad(message: str, hint: str) -> SpecError:
    return SpecError([Problem("", message, hint)])
