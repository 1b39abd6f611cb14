"""The container tooling's own behaviour, as far as it needs no Docker engine."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from tools.containers.bridge import forwarded
from tools.containers.build import sam_environment
from tools.containers.commands import Failed, run
from tools.containers.invoke import result_of
from tools.containers.locks import join_users, last_to_leave

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def _server_that_answers_in_capitals() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            # Nobody may come: shutting down the socket then ends the wait.
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.sendall(connection.makefile("rb").read().upper())

        answering = threading.Thread(target=answer)
        answering.start()
        try:
            yield server.getsockname()
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            answering.join()


def _ask(port: int, words: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(words)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()


def test_the_bridge_passes_both_ways_and_ends_when_both_sides_have_ended() -> None:
    words = b"package " * 50_000
    with (
        _server_that_answers_in_capitals() as server,
        forwarded("127.0.0.1", "127.0.0.0/8", server) as port,
    ):
        assert _ask(port, words) == words.upper()


def test_the_bridge_turns_away_a_peer_that_is_no_container() -> None:
    with (
        _server_that_answers_in_capitals() as server,
        forwarded("127.0.0.1", "172.17.0.0/16", server) as port,
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        assert connection.recv(1) == b""


def test_sam_sees_nobodys_own_aws_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "somebody's")
    monkeypatch.setenv("AWS_PROFILE", "production")
    environment = sam_environment(tmp_path)
    assert {"AWS_SESSION_TOKEN", "AWS_PROFILE"} & environment.keys() == set()
    assert environment["AWS_ACCESS_KEY_ID"] == "test"


def test_only_the_last_user_of_an_engine_is_told_to_stop_it(tmp_path: Path) -> None:
    first, second = join_users(tmp_path / "users"), join_users(tmp_path / "users")
    assert [last_to_leave(first), last_to_leave(second)] == [False, True]


def test_a_failed_function_is_told_by_its_error_and_not_by_the_exit_code() -> None:
    failed = result_of(json.dumps({"errorType": "ValueError", "errorMessage": "no such run"}), "a log line")
    assert failed.function_error == "ValueError: no such run"
    assert result_of(json.dumps({"batchItemFailures": []}), "").function_error is None


def test_a_function_that_answers_nothing_has_failed_with_the_last_line_of_its_log() -> None:
    assert "timed out after 3 seconds" in str(result_of("", "START\nFunction timed out after 3 seconds").function_error)


def test_a_failed_command_is_reported_with_what_it_said() -> None:
    with pytest.raises(Failed, match=r"sh -c .* exited 3:\nno space left"):
        run(["sh", "-c", "echo no space left >&2; exit 3"])
