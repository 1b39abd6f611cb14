"""What all tests share: botocore's models, and one embedded relay for the workers of pytest-xdist together."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from botocore.loaders import JSONFileLoader

from steprelay.local.record import RelayInfo
from steprelay.local.relay import LocalRelay


@pytest.fixture(scope="session", autouse=True)
def models() -> Iterator[None]:
    """botocore reads its models once, and not for each client: half of the time that a client takes to be made."""
    read = cache(JSONFileLoader().load_file)
    with pytest.MonkeyPatch.context() as botocore:
        botocore.setattr(JSONFileLoader, "load_file", lambda _self, path: read(path))
        yield


@pytest.fixture(scope="session")
def relay_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project folder of the shared relay: commands that find their relay by folder are run here."""
    base = tmp_path_factory.getbasetemp()
    # A worker's own base folder lies in the one that all workers share.
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    project = shared / "relay-project"
    project.mkdir(exist_ok=True)
    return project


@pytest.fixture(scope="session")
def relay(relay_project: Path) -> Iterator[RelayInfo]:
    """A running relay. Tests share it, so each uses names of its own and leaves what others made alone."""
    users = relay_project / "users"
    with _locked(relay_project):
        info = LocalRelay.up(relay_project)
        users.write_text(str(_count(users) + 1))
    yield info
    with _locked(relay_project):
        users.write_text(str(_count(users) - 1))
        if _count(users) == 0:
            LocalRelay.down(relay_project)


def _count(users: Path) -> int:
    return int(users.read_text()) if users.exists() else 0


@contextmanager
def _locked(project: Path) -> Iterator[None]:
    with (project / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
