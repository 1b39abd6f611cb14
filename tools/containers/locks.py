"""Locks between processes, held by the kernel: the death of a holder frees them."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold `path` exclusively; others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def join_users(path: Path) -> IO[str]:
    """Become one of the users of what `path` stands for, until `last_to_leave` or the end of the process."""
    file = path.open("a")
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def last_to_leave(users: IO[str]) -> bool:
    """Stop being a user; true when nobody else is one."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        users.close()
    return True
