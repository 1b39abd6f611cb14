"""Commands to be timed: ours and Metaflow's, each in a folder of its own."""

import os
import subprocess
import sys
import time
from pathlib import Path

RELAY = [sys.executable, "-c", "from steprelay.cli.app import main; main()"]


def environment_in(folder: Path) -> dict[str, str]:
    """Nothing of Metaflow's leaves the folder; bytecode is kept in it."""
    own = {
        "METAFLOW_DEFAULT_METADATA": "local",
        "METAFLOW_DEFAULT_DATASTORE": "local",
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder / "metaflow"),
        "METAFLOW_USER": "bench",
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
    }
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return inherited | own


def timed(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, str]:
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return seconds, done.stdout
