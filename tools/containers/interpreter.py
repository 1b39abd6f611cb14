"""The Python that the functions run on: a real one of the right version, never a pyenv shim."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.containers.commands import Unavailable, attempt, uv
from tools.containers.places import RUNTIME_PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = "python{}.{}".format(*RUNTIME_PYTHON)
_PROBE = """
import json, sys, sysconfig
print(json.dumps({
    "version": list(sys.version_info[:2]), "build": sys.version,
    "prefix": sys.base_prefix, "stdlib": sysconfig.get_path("stdlib"),
}))
"""


@dataclass(frozen=True)
class Interpreter:
    """An installed Python: its binary, its standard library, and what tells one build from another."""

    executable: Path
    stdlib: Path
    build: str

    def first_on_path(self) -> str:
        """A PATH on which `python3.13` is this one: SAM takes the name from there."""
        return os.pathsep.join([str(self.executable.parent), os.environ.get("PATH", os.defpath)])


def find() -> Interpreter:
    """The first Python of the functions' version on PATH, in pyenv or known to uv; raises Unavailable."""
    for candidate in _candidates():
        if found := _probe(candidate):
            return found
    raise Unavailable(
        f"{_NAME} was not found on PATH, in pyenv or by uv; the Lambda image is made from it "
        f"(`uv python install {_NAME.removeprefix('python')}` gets one)"
    )


def _candidates() -> Iterator[Path]:
    yield Path(sys.executable)
    for folder in os.get_exec_path():
        yield Path(folder) / _NAME
    for version in attempt(["pyenv", "versions", "--bare"]).stdout.split():
        yield Path(attempt(["pyenv", "prefix", version]).stdout.strip()) / "bin" / _NAME
    yield Path(attempt([uv(), "python", "find", "--system", _NAME]).stdout.strip())


def _probe(candidate: Path) -> Interpreter | None:
    if not candidate.is_file():
        return None
    answer = attempt([candidate, "-c", _PROBE])
    if answer.returncode != 0:  # a shim whose version is not selected
        return None
    facts = json.loads(answer.stdout)
    executable = Path(facts["prefix"]) / "bin" / _NAME
    if tuple(facts["version"]) != RUNTIME_PYTHON or not executable.is_file():
        return None
    return Interpreter(executable.resolve(), Path(facts["stdlib"]), facts["build"])
