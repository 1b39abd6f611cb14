"""A stream of bytes as log lines."""

LONGEST_LINE = 256 * 1024


class LineSplitter:
    """Cuts output into lines as CloudWatch takes them: no empty ones, none above 256 KiB."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes."""
        self._rest += data
        if b"\n" not in data and len(self._rest) < LONGEST_LINE:
            return []
        *whole, rest = bytes(self._rest).split(b"\n")
        while len(rest) >= LONGEST_LINE:
            whole.append(rest[:LONGEST_LINE])
            rest = rest[LONGEST_LINE:]
        self._rest = bytearray(rest)
        return [text for line in whole for text in _texts(line)]

    def finish(self) -> list[str]:
        """The last line, if it had no end."""
        rest, self._rest = bytes(self._rest), bytearray()
        return list(_texts(rest))


def _texts(line: bytes) -> list[str]:
    line = line.removesuffix(b"\r")
    pieces = [line[at : at + LONGEST_LINE] for at in range(0, len(line), LONGEST_LINE)]
    return [piece.decode("utf-8", "replace") for piece in pieces]
