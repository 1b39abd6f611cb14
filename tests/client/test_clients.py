"""Clients of an embedded relay, which may be away for a moment."""

import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from botocore.exceptions import ClientError

from steprelay.client.clients import TargetClients

_BUCKETS = b"<ListAllMyBucketsResult><Buckets><Bucket><Name>back</Name></Bucket></Buckets></ListAllMyBucketsResult>"
# More than botocore's own tries.
AWAY = 6


class Relay(HTTPServer):
    """One whose first answers are these."""

    def __init__(self, first: list[int | None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = itertools.chain(first, itertools.repeat(200))

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections that break are what this is for."""


class Handler(BaseHTTPRequestHandler):
    server: Relay

    def do_GET(self) -> None:
        status = next(self.server.answers)
        if status is None:
            self.connection.close()
            return
        self.send_response(status)
        self.end_headers()
        self.wfile.write(_BUCKETS if status == 200 else b"")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def first() -> list[int | None]:
    return []


@pytest.fixture
def clients(first: list[int | None]) -> Iterator[TargetClients]:
    relay = Relay(first)
    thread = threading.Thread(target=relay.serve_forever, args=(0.01,))
    thread.start()
    yield TargetClients(f"http://127.0.0.1:{relay.server_port}", "us-east-1", ("test", "test"))
    relay.shutdown()
    thread.join()
    relay.server_close()


@pytest.mark.parametrize("first", [[503] * AWAY, [None] * AWAY], ids=["starts", "breaks off"])
def test_a_relay_that_is_away_is_waited_for(clients: TargetClients) -> None:
    assert [bucket["Name"] for bucket in clients.s3.list_buckets()["Buckets"]] == ["back"]


@pytest.mark.parametrize("first", [[404] * AWAY])
def test_what_a_relay_refuses_is_not_asked_again(clients: TargetClients, first: list[int | None]) -> None:
    with pytest.raises(ClientError, match="404"):
        clients.s3.list_buckets()
