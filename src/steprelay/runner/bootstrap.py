"""The command of every job definition: a small program for any image with Python."""

from functools import cache
from pathlib import Path


@cache
def bootstrap_source() -> str:
    """What to give to `python3 -c`: `boot.py` without its comment lines and blank lines.

    The same for all flows, since it is part of the job definition's content hash.
    """
    lines = Path(__file__).with_name("boot.py").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#")) + "\n"


def bootstrap_command() -> list[str]:
    """The command of a job definition."""
    return ["python3", "-c", bootstrap_source()]
