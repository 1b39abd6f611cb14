"""What is known of an embedded relay: the folder it keeps, and the record of itself that lies there."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from steprelay.local.environment import client_environment
from steprelay.local.processes import ProcessId

State = Literal["starting", "ready", "failed"]
# What a relay's own job queue runs on.
Platform = Literal["ec2", "fargate"]


@dataclass(frozen=True, slots=True)
class RelayInfo:
    """A relay: its process, its address, and the outputs of the stack it deployed (none before it is ready).

    `token` is in the environment of everything the relay starts, and in its answer to a health request.
    `fingerprint` tells which code and template it runs, `chaos` the faults it makes on purpose, `platform` what its job
    queue runs on. `failure` says why a failed one failed.
    """

    state: State
    token: str
    process: ProcessId
    port: int
    version: str
    fingerprint: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    failure: str | None = None
    chaos: str = ""
    platform: Platform = "ec2"

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which any AWS client talks to this relay."""
        return client_environment(self.port)


@dataclass(frozen=True, slots=True)
class RelayFolder:
    """Where the relay of a project keeps everything: `.steprelay/local/` in the project's folder."""

    project: Path

    @property
    def root(self) -> Path:
        return self.project / ".steprelay" / "local"

    @property
    def record(self) -> Path:
        return self.root / "relay.json"

    @property
    def log(self) -> Path:
        return self.root / "relay.log"

    @property
    def state(self) -> Path:
        """What a relay that was killed leaves to the next."""
        return self.root / "state"

    @property
    def temporary(self) -> Path:
        """All temporary files of the relay and of what it starts."""
        return self.root / "tmp"

    def read(self) -> RelayInfo | None:
        """The record, if there is one that this version can read."""
        try:
            found = json.loads(self.record.read_text())
            return RelayInfo(**{**found, "process": ProcessId(**found["process"])})
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def write(self, info: RelayInfo) -> None:
        """Replace the record at once, so that no reader sees half of it."""
        draft = self.record.with_suffix(".new")
        draft.write_text(json.dumps(asdict(info), indent=2) + "\n")
        draft.replace(self.record)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from starting or stopping this relay meanwhile."""
        path = self.root.with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            with path.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                # Whoever held it before may have removed the file: then this is the lock of nobody.
                if not _same_file(lock.fileno(), path):
                    continue
                try:
                    yield
                    return
                finally:
                    path.unlink(missing_ok=True)


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
