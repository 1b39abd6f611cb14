"""What the command line and the warm process of a local relay say to each other, over a Unix socket.

    client                                   warm process
    request, with stdin, stdout, stderr ──▶  forks
                                        ◀──  child: "ready", or "refused" (then the client does it itself)
    "go" ──────────────────────────────────▶ child: carries out the command on the client's own streams
    "interrupt" (Ctrl-C) ──────────────────▶ child: KeyboardInterrupt
    (end of stream) ───────────────────────▶ child: ends
                                        ◀──  the exit code, or the end of the stream if the child was killed

Standard library only: the client side of it is imported by every command.
"""

import json
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

READY, REFUSED, GO, INTERRUPT, EXIT = b"r", b"n", b"g", b"i", b"x"

_LENGTH = struct.Struct("!I")
_STREAMS = (0, 1, 2)


SOCKET = "warm.sock"


@contextmanager
def socket_address(folder: str) -> Iterator[str]:
    """The socket's name. Linux allows 108 bytes for it, and projects lie deeper: so by a descriptor of the folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)


def send_request(connection: socket.socket, request: dict[str, Any]) -> None:
    """The request, together with this process's standard streams."""
    body = json.dumps(request).encode("utf-8", "surrogateescape")
    socket.send_fds(connection, [_LENGTH.pack(len(body))], _STREAMS)
    connection.sendall(body)


def receive_request(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """The request, and the descriptors of the client's standard streams.

    Raises:
        EOFError: if the client is gone.
    """
    head, descriptors, _, _ = socket.recv_fds(connection, _LENGTH.size, len(_STREAMS))
    if len(head) < _LENGTH.size or len(descriptors) != len(_STREAMS):
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    request: dict[str, Any] = json.loads(_exactly(connection, length).decode("utf-8", "surrogateescape"))
    return request, descriptors


def send_exit(connection: socket.socket, code: int) -> None:
    connection.sendall(EXIT + bytes([code & 0xFF]))


def _exactly(connection: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        part = connection.recv(length - len(received))
        if not part:
            raise EOFError
        received += part
    return bytes(received)
