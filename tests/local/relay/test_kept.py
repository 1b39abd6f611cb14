"""What a relay keeps, and how it goes on with it."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

from steprelay.local.gate import Gate
from steprelay.local.kept import Kept

KILLED_BETWEEN_WRITES = """
import os, signal, sys
from pathlib import Path
from steprelay.local.kept import Kept
kept = Kept(Path(sys.argv[1]))
kept.put("kind", "one", {"a": 1})
with kept.together():
    kept.put("kind", "two", [2])
    kept.drop("kind", "one")
with kept.together():
    kept.put("kind", "half", None)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_had_kept_is_there_and_nothing_of_what_was_to_be_kept_together(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    subprocess.run([sys.executable, "-c", KILLED_BETWEEN_WRITES, str(path)], check=False)
    assert Kept(path).all("kind") == {"two": [2]}


def test_kinds_are_kept_apart_and_in_the_order_of_their_keys(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept.db")
    for kind, key in (("b", "2"), ("a", "3"), ("b", "1")):
        kept.put(kind, key, key)
    assert list(kept.all("b").items()) == [("1", "1"), ("2", "2")]
    kept.drop("b", "1")
    kept.drop("b", "1")
    assert (list(kept.all("b")), list(kept.all("a"))) == (["2"], ["3"])


def _asked(gate: Gate, agent: bytes) -> list[int]:
    """The statuses that are answered to a client of this name."""
    answered: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answered.append(message["status"])

    async def receive() -> Any:
        raise AssertionError("nobody reads a request that is not answered")

    asyncio.run(gate({"type": "http", "headers": [(b"user-agent", agent)]}, receive, send))
    return answered


def test_before_it_is_open_a_gate_lets_only_those_through_who_know_the_token() -> None:
    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    gate = Gate(application, "secret")
    assert (_asked(gate, b"Boto3/1 secret"), _asked(gate, b"Boto3/1")) == ([200], [503])
    gate.open = True
    assert _asked(gate, b"Boto3/1") == [200]
