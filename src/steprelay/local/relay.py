"""Starting, finding and stopping the embedded relay of a project."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

from steprelay.local.dead_letters import dead_letters
from steprelay.local.environment import PLATFORM_VARIABLE, daemon_environment, secret_values
from steprelay.local.health import answers
from steprelay.local.processes import ProcessId, kill_marked
from steprelay.local.record import Platform, RelayFolder, RelayInfo
from steprelay.local.sources import Sources

Notice = Callable[[str], None]

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 0.02
_LINES_SHOWN = 15


class RelayFailed(Exception):
    """The relay did not start. The message says why, `log` is the end of its log."""

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.log = log


class NoSuchPlatform(ValueError):
    """Neither of the platforms of AWS Batch that a local relay can have."""


@dataclass(frozen=True, slots=True)
class RelayStatus:
    """`running`, `starting`, `stopped`, or `gone`: it was there and ended on its own.

    `dead_letters` counts the messages that functions could not handle, by queue; `log` is where the reason is.
    """

    state: Literal["running", "starting", "stopped", "gone"]
    log: Path
    info: RelayInfo | None = None
    dead_letters: dict[str, int] = field(default_factory=dict)


class LocalRelay:
    """The embedded relay of the project in a folder."""

    @staticmethod
    def up(
        project: Path, notice: Notice = lambda _: None, chaos: str | None = None, platform: Platform | None = None
    ) -> RelayInfo:
        """The relay of this project, started if it does not run, restarted if steprelay itself changed since.

        `notice` is told what is worth a line; `chaos` (see `parse_chaos`) are faults to make on purpose; `platform` is
        what the relay's own job queue runs on; where none is given, what STEPRELAY_LOCAL_PLATFORM says. None leaves
        either as it is, and without a relay means no faults and EC2. Safe to call from several processes at once: one
        of them starts it.

        Raises:
            ValueError: if `chaos` cannot be read.
            NoSuchPlatform: if STEPRELAY_LOCAL_PLATFORM is none.
            RelayFailed: if it did not start.
            NoSources: if there is no template to deploy.
        """
        if chaos:
            # Imported for this alone: the local Batch brings botocore.
            from steprelay.local.batch.chaos import parse_chaos

            parse_chaos(chaos)
        wish = _Wish(chaos, _platform(platform or os.environ.get(PLATFORM_VARIABLE)))
        folder = RelayFolder(project.resolve())
        with folder.locked():
            found = folder.read()
            if found is not None and found.process.alive:
                kept = _keep(folder, found, notice, wish)
                if kept is not None:
                    return kept
                _stop(folder, found)
            elif found is not None and found.state != "failed":
                notice(f"The relay that ran as process {found.pid} is gone. Starting another one. {_fate(found, wish)}")
                _stop(folder, found)
            return _start(folder, found, wish)

    @staticmethod
    def status(project: Path) -> RelayStatus:
        """How the relay of this project is. Starts and changes nothing."""
        folder = RelayFolder(project.resolve())
        info = folder.read()
        if info is None:
            return RelayStatus("stopped", folder.log)
        if not info.process.alive:
            return RelayStatus("gone", folder.log, info)
        if info.state != "ready":
            return RelayStatus("starting", folder.log, info)
        if not answers(info):
            return RelayStatus("gone", folder.log, info)
        return RelayStatus("running", folder.log, info, dead_letters(info))

    @staticmethod
    def down(project: Path) -> bool:
        """Stop the relay and remove everything it made; whether there was one."""
        folder = RelayFolder(project.resolve())
        if not folder.root.exists():
            return False
        with folder.locked():
            found = folder.read()
            if found is not None:
                _stop(folder, found)
            shutil.rmtree(folder.root, ignore_errors=True)
        with contextlib.suppress(OSError):
            folder.root.parent.rmdir()
        return found is not None


@dataclass(frozen=True, slots=True)
class _Wish:
    """How the relay is to be; None where it does not matter."""

    chaos: str | None
    platform: Platform | None


def _platform(given: str | None) -> Platform | None:
    named = (given or "").lower()
    if named and named not in get_args(Platform):
        allowed = " or ".join(get_args(Platform))
        raise NoSuchPlatform(f"the platform of a local relay ({PLATFORM_VARIABLE}) is {allowed}, given {given!r}")
    return cast("Platform", named) if named else None


def _goes_on(found: RelayInfo, wish: _Wish) -> bool:
    """Whether another relay can go on with the runs of this one."""
    return wish.platform in (None, found.platform) and found.fingerprint == Sources.find().fingerprint()


def _fate(found: RelayInfo, wish: _Wish) -> str:
    return "Its runs go on." if _goes_on(found, wish) else "Its runs are lost."


def _keep(folder: RelayFolder, found: RelayInfo, notice: Notice, wish: _Wish) -> RelayInfo | None:
    """The relay that runs, if it can be gone on with."""
    if wish.chaos is not None and wish.chaos != found.chaos:
        notice(f"The relay is to make other faults than it does: restarting it. {_fate(found, wish)}")
        return None
    if wish.platform is not None and wish.platform != found.platform:
        notice(f"The relay's queue is to be one of {wish.platform}: restarting it. Its runs are lost.")
        return None
    if found.fingerprint != Sources.find().fingerprint():
        notice("steprelay or its template changed since the relay started: restarting it. Its runs are lost.")
        return None
    ready = _wait(folder, found.token, found.process) if found.state == "starting" else found
    if answers(ready):
        return ready
    notice(f"The relay (process {found.pid}) does not answer; starting it again. {_fate(found, wish)}")
    return None


def _start(folder: RelayFolder, found: RelayInfo | None, wish: _Wish) -> RelayInfo:
    """Start a relay as wished, else as the one before, and with its runs where that can be."""
    before = found if found is not None and found.state != "failed" else None
    chaos = wish.chaos if wish.chaos is not None else before.chaos if before else ""
    platform = wish.platform or (found.platform if found else "ec2")
    token = secrets.token_hex(8)
    _make_way(folder, keep=before is not None and _goes_on(before, wish))
    port = str(before.port if before else 0)
    command = ["-m", "steprelay.local.daemon", str(folder.project), chaos, platform, port]
    log = os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with _readable(secret_values(os.environ)) as known:
            # No Popen: the relay outlives this process, which may well outlive the relay.
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, *command],
                daemon_environment(os.environ, token, folder.temporary),
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, known, 0),
                    (os.POSIX_SPAWN_DUP2, log, 1),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                ],
                setsid=True,
            )
    finally:
        os.close(log)
    return _wait(folder, token, ProcessId.of(pid))


@contextlib.contextmanager
def _readable(values: Mapping[str, str]) -> Iterator[int]:
    """A file without a name that holds them as JSON. Not the environment: the relay's functions inherit that."""
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(values).encode())
        file.seek(0)
        yield file.fileno()


def _make_way(folder: RelayFolder, *, keep: bool) -> None:
    """Clear what another relay left, but for its state if that is to be kept, and its log: somebody may want to know
    why it is gone.
    """
    if not keep:
        shutil.rmtree(folder.state, ignore_errors=True)
    folder.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.rmtree(folder.temporary, ignore_errors=True)
    folder.temporary.mkdir(parents=True)
    folder.record.unlink(missing_ok=True)
    if folder.log.exists():
        folder.log.replace(folder.log.with_suffix(".previous.log"))


def _wait(folder: RelayFolder, token: str, process: ProcessId) -> RelayInfo:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        found = folder.read()
        if found is not None and found.token == token and found.state == "ready":
            return found
        if not process.alive:
            found = folder.read()
            cause = found.failure if found is not None and found.failure else "it ended without a word"
            raise RelayFailed(f"The relay did not start: {cause}", _end(folder.log))
        time.sleep(_LOOK_AGAIN_SECONDS)
    raise RelayFailed(f"The relay was not ready after {_START_SECONDS:.0f} s.", _end(folder.log))


def _stop(folder: RelayFolder, found: RelayInfo) -> None:
    found.process.send(signal.SIGTERM)
    if not found.process.wait(_STOP_SECONDS):
        found.process.send(signal.SIGKILL)
        found.process.wait(_STOP_SECONDS)
    kill_marked(found.token)
    shutil.rmtree(folder.temporary, ignore_errors=True)
    folder.record.unlink(missing_ok=True)


def _end(log: Path) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-_LINES_SHOWN:])
    except FileNotFoundError:
        return ""
