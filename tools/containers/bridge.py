"""The way from a container to a server that listens on 127.0.0.1 only.

SAM puts its containers on Docker's bridge whatever `--docker-network host` says (it takes "host" for "connect to
nothing more"), so 127.0.0.1 in a container is the container. For as long as it is needed, a forwarder listens on this
machine's address on that bridge, which only containers can reach, and passes their connections on.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import contextmanager, suppress
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 65_536


class _Forwarder(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: str, network: str, target: tuple[str, int]) -> None:
        self.network = ip_network(network)
        self.target = target
        super().__init__((address, 0), _Connection)

    def verify_request(self, _request: object, client_address: tuple[str, int]) -> bool:
        return ip_address(client_address[0]) in self.network


class _Connection(socketserver.BaseRequestHandler):
    server: _Forwarder
    request: socket.socket

    def handle(self) -> None:
        with suppress(ConnectionRefusedError), socket.create_connection(self.server.target) as target:
            back = threading.Thread(target=_copy, args=(target, self.request), daemon=True)
            back.start()
            _copy(self.request, target)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Pass on all that `source` says, then that it has said all; a broken connection ends it as well."""
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def forwarded(address: str, network: str, target: tuple[str, int]) -> Iterator[int]:
    """Listen on `address` for peers of `network` (CIDR), pass them to `target`; yields the port chosen."""
    with _Forwarder(address, network, target) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
