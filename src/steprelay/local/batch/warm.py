"""A launcher that forks our runner's jobs from a process which has it imported, and starts all others anew.

On this machine a tiny task takes as long as its process needs to start: Python, boto3, our runner. What runs is the
same; `warm_server.py` is the other side.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from steprelay.local.batch import warm_server
from steprelay.local.batch.launcher import Exit, Launch, Launcher, Process, ProcessLauncher
from steprelay.runner.bootstrap import bootstrap_command, bootstrap_source

BUNDLE = "STEPRELAY_BUNDLE"
# The server imports what every job would have to; beyond this it is not worth waiting for (seconds).
START_SECONDS = 10.0
# What these say counts when Python or a client starts, which the server has done already.
_READ_AT_START = ("PYTHON", "LD_", "MALLOC_", "GLIBC_", "LC_", "AWS_")
_READ_AT_START_TOO = frozenset({"PATH", "LANG", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"})
_OF_THE_JOB = "AWS_BATCH_"
_KIB = 1024


class WarmLauncher:
    """`environment`: the base of every job's, with which servers are started; `cold` starts what is no runner's."""

    def __init__(self, environment: Mapping[str, str], cold: Launcher | None = None) -> None:
        self._environment = environment
        self._cold = cold or ProcessLauncher()
        self._servers: dict[str, _Server | None] = {}

    def launch(self, launch: Launch) -> Process:
        if not self._is_runner(launch):
            return self._cold.launch(launch)
        bundle = launch.environment[BUNDLE]
        # A server that has had nothing to do for long has ended; one that cannot be started is not tried again.
        for _ in range(2):
            try:
                server = self._server(bundle)
                return self._cold.launch(launch) if server is None else server.start(launch)
            except ConnectionError:
                self._stop(bundle)
            except OSError:
                self._stop(bundle)
                break
        self._servers[bundle] = None
        return self._cold.launch(launch)

    def close(self) -> None:
        for bundle in list(self._servers):
            self._stop(bundle)
        self._cold.close()

    def _is_runner(self, launch: Launch) -> bool:
        """Whether a job is one of ours that wants nothing of how its process starts."""
        same = all(self._environment.get(name) == launch.environment.get(name) for name in _fixed(launch.environment))
        ours = launch.command == tuple(bootstrap_command()) and BUNDLE in launch.environment
        return sys.platform == "linux" and ours and same and not launch.limits

    def _server(self, bundle: str) -> "_Server | None":
        if bundle not in self._servers:
            self._servers[bundle] = _Server(self._environment, bundle)
        return self._servers[bundle]

    def _stop(self, bundle: str) -> None:
        server = self._servers.pop(bundle, None)
        if server is not None:
            server.close()


def _fixed(environment: Mapping[str, str]) -> list[str]:
    return [
        name
        for name in environment
        if name in _READ_AT_START_TOO or (name.startswith(_READ_AT_START) and not name.startswith(_OF_THE_JOB))
    ]


class _Server:
    """A process with the runner of a bundle imported."""

    def __init__(self, environment: Mapping[str, str], bundle: str) -> None:
        self._control, theirs = socket.socketpair()
        source = Path(warm_server.__file__).read_text(encoding="utf-8")
        with theirs:
            self._process = subprocess.Popen(
                ["python3", "-c", source, str(theirs.fileno()), bootstrap_source(), bundle],
                env=environment,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._control.settimeout(START_SECONDS)

    def start(self, launch: Launch) -> Process:
        """Have it fork a process.

        Raises:
            ConnectionError: if it is gone. OSError: if it does not answer in time.
        """
        read, write = os.pipe()
        channel, theirs = socket.socketpair()
        try:
            with theirs:
                self._ask(launch, [write, theirs.fileno()])
            channel.settimeout(START_SECONDS)
            (pid,) = warm_server.STARTED.unpack(receive(channel, warm_server.STARTED.size))
        except BaseException:
            os.close(read)
            channel.close()
            raise
        finally:
            os.close(write)
        os.set_blocking(read, False)
        return _WarmProcess(pid, read, channel)

    def _ask(self, launch: Launch, descriptors: list[int]) -> None:
        request = json.dumps({"directory": str(launch.directory), "environment": dict(launch.environment)}).encode()
        socket.send_fds(self._control, [warm_server.REQUEST.pack(len(request))], descriptors)
        self._control.sendall(request)

    def close(self) -> None:
        """End it, and with it what it has forked."""
        self._control.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()


class _WarmProcess:
    def __init__(self, pid: int, output: int, channel: socket.socket) -> None:
        self.pid, self.output = pid, output
        self._channel = channel
        self.exited = channel.fileno()

    def reap(self) -> Exit:
        try:
            self._channel.sendall(warm_server.REAP)
            told = receive(self._channel, len(warm_server.ENDED) + warm_server.TOLD.size)
        except OSError:
            # The server is gone, and its children with it.
            return Exit(-signal.SIGKILL)
        status, peak, before = warm_server.TOLD.unpack(told[len(warm_server.ENDED) :])
        # A process that is forked counts what was held at its fork as its own, until it holds more.
        return Exit(os.waitstatus_to_exitcode(status), peak * _KIB if peak > before else None)

    def close(self) -> None:
        os.close(self.output)
        self._channel.close()


def receive(channel: socket.socket, size: int) -> bytes:
    """Exactly so many bytes.

    Raises:
        ConnectionError: if the other side ends before. TimeoutError: if they do not come in time.
    """
    data = b""
    while len(data) < size:
        part = channel.recv(size - len(data))
        if not part:
            raise ConnectionResetError("the server of warm processes is gone")
        data += part
    return data
