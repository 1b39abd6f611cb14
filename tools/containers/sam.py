"""SAM CLI in an environment of its own (.venv-sam): it pins boto3, click and rich exactly."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from tools.containers.commands import run, uv
from tools.containers.places import SAM, SAM_LOCK, SAM_VENV


def ensure() -> bool:
    """Make .venv-sam what requirements-sam.lock says; false when it already was."""
    stamp = SAM_VENV / ".lock"
    digest = hashlib.sha256(SAM_LOCK.read_bytes()).hexdigest()
    if SAM.exists() and stamp.exists() and stamp.read_text() == digest:
        return False
    _create_and_install(SAM_VENV, SAM_LOCK)
    stamp.write_text(digest)
    return True


def install_into(target: Path, python: Path, lock: Path) -> None:
    """Install a hashed lock, compiled, into a plain folder for that Python."""
    where: list[str | Path] = ["--python", python, "--target", target]
    run([uv(), "pip", "install", "--compile-bytecode", *where, "--require-hashes", "-r", lock])


def _create_and_install(venv: Path, lock: Path) -> None:
    """Make a fresh virtual environment that holds exactly the lock."""
    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    run([uv(), "venv", "--clear", "--python", python, venv])
    run([uv(), "pip", "sync", "--require-hashes", "--python", venv / "bin" / "python", lock])
