"""Running programs: their output is kept, and becomes the message when they fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import textwrap
from typing import TYPE_CHECKING

from tools.containers.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_TAIL_LINES = 40


class Unavailable(Exception):
    """This machine cannot run the container tests; the message is one sentence that says why."""


class Failed(Exception):
    """A step of the preparation failed; the message holds the command and the end of its output."""


def run(command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a program to its end and return its standard output; raises Failed when it does not exit 0."""
    done = attempt(command, cwd=cwd, env=env)
    if done.returncode != 0:
        raise Failed(f"{_spelled(command)} exited {done.returncode}:\n{_tail(done.stderr or done.stdout)}")
    return done.stdout


def attempt(
    command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The same, with the exit code left to the caller; 127 where there is no such program."""
    words = [str(word) for word in command]
    try:
        return subprocess.run(words, cwd=cwd, env=env, text=True, capture_output=True, check=False)
    except FileNotFoundError:
        return subprocess.CompletedProcess(words, 127, "", f"{words[0]}: not found")


def detach(command: Sequence[str | Path], log: Path) -> None:
    """Start a program that outlives this one, its output in `log`."""
    words = ["setsid", "--fork", *(str(word) for word in command)]
    with log.open("w") as output:
        subprocess.run(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=True)


def uv() -> str:
    """The uv of the project's environment, where `make` puts it, else the one on PATH; raises Failed."""
    found = shutil.which("uv", path=os.pathsep.join([str(ROOT / ".venv" / "bin"), *os.get_exec_path()]))
    if found is None:
        raise Failed("uv is not in .venv: `make test-containers` puts it there")
    return found


def last_line(output: str) -> str:
    """The last line that a program said; empty when it said nothing."""
    return "".join(output.strip().splitlines()[-1:])


def _spelled(command: Sequence[str | Path]) -> str:
    return textwrap.shorten(" ".join(str(word) for word in command), 300)


def _tail(output: str) -> str:
    return "\n".join(output.rstrip().splitlines()[-_TAIL_LINES:])
