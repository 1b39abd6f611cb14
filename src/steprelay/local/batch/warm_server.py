"""What `python3 -c` runs beside the local Batch: has our runner imported, and forks a process of it for every job.

A job's container would start Python and fetch and import the runner; that takes a job on this machine ten times as
long as a tiny step. From the fork on a job runs as it would there, in a process that is its own. Standard library only,
as it runs in the interpreter of the jobs; `warm.py` is its other side.
"""

import ctypes
import gc
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from typing import Any, NoReturn

# To whoever asked: the process's id; that it has ended; then, when asked, how, and the most memory (KiB) that it and
# this process held.
STARTED, ENDED, TOLD = struct.Struct("<q"), b"e", struct.Struct("<iqq")
# From whoever asked: the length of the request, which comes with two descriptors: for output, and to talk about it.
REQUEST = struct.Struct("<q")
REAP = b"r"
# Nothing to do for so long (seconds): it ends, and is started again when there is.
IDLE_SECONDS = 300.0
_PR_SET_PDEATHSIG = 1


@dataclass
class Child:
    """A job's process. `pidfd`: readable once it has ended; None when that was told."""

    pid: int
    pidfd: int | None
    channel: socket.socket


class Server:
    def __init__(self, control: socket.socket, client: Any) -> None:
        self._control, self._client = control, client
        self._children: dict[int, Child] = {}
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self) -> None:
        """Until the other side is gone, or asks for nothing for long."""
        while events := self._poll.poll(None if self._children else IDLE_SECONDS * 1000):
            for descriptor, _ in events:
                if descriptor != self._control.fileno():
                    self._attend(descriptor)
                elif not self._start():
                    return

    def _start(self) -> bool:
        """Fork a process for a request; False when there will be no more."""
        head, descriptors, _, _ = socket.recv_fds(self._control, REQUEST.size, 2)
        if len(head) < REQUEST.size:
            return False
        request = json.loads(_receive(self._control, *REQUEST.unpack(head)))
        output, channel = descriptors[0], socket.socket(fileno=descriptors[1])
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            pid = -1
        if pid == 0:
            _be_job(request, output, parent, self._client)
        os.close(output)
        if pid < 0:
            channel.close()
            return True
        child = Child(pid, os.pidfd_open(pid), channel)
        for descriptor in (child.pidfd, channel.fileno()):
            if descriptor is not None:
                self._children[descriptor] = child
                self._poll.register(descriptor, select.POLLIN)
        channel.sendall(STARTED.pack(pid))
        return True

    def _attend(self, descriptor: int) -> None:
        child = self._children.get(descriptor)
        if child is None:
            return
        if descriptor == child.pidfd:
            # It is not waited for yet: until then its number is nobody else's, and whoever asked may still use it.
            self._stop_watching(child)
            _send(child.channel, ENDED)
        else:
            self._reap(child)

    def _reap(self, child: Child) -> None:
        """Say how a process ended; whoever asked and has gone wants it ended."""
        if child.channel.recv(1) != REAP:
            os.kill(child.pid, signal.SIGKILL)
        self._stop_watching(child)
        self._forget(child.channel.fileno())
        _, status, used = os.wait4(child.pid, 0)
        _send(child.channel, TOLD.pack(status, used.ru_maxrss, _peak()))
        child.channel.close()

    def _stop_watching(self, child: Child) -> None:
        if child.pidfd is not None:
            self._forget(child.pidfd)
            os.close(child.pidfd)
            child.pidfd = None

    def _forget(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        del self._children[descriptor]


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _send(channel: socket.socket, data: bytes) -> None:
    try:
        channel.sendall(data)
    except OSError:
        return  # nobody waits for it any more


def _receive(control: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = control.recv(min(size, 1 << 16))
        if not part:
            sys.exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _be_job(request: dict[str, Any], output: int, parent: int, client: Any) -> NoReturn:
    """What a container's first process does, from where Python has started and the runner is imported."""
    code = 1
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        os.chdir(request["directory"])
        os.environ.clear()
        os.environ.update(request["environment"])
        time.tzset()
        tempfile.tempdir = None
        _take_streams(output)
        code = _run(client)
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                continue
        os._exit(code)


def _take_streams(output: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, number in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, number)
    # What this server holds is not the job's: its sockets would keep others waiting for their end.
    os.closerange(3, 1 << 16)


def _run(client: Any) -> int:
    from steprelay.runner.main import main, parse_address
    from steprelay.runner.s3 import S3Store

    return main(os.environ, S3Store(parse_address(os.environ["STEPRELAY_BRIEF"])[0], client))


def _import_runner(boot: str, bundle: str) -> Any:
    """As `boot` does in a container; a client whose ways of asking are read already."""
    names: dict[str, Any] = {"__name__": "steprelay_boot"}
    exec(compile(boot, "<boot>", "exec"), names)  # noqa: S102 - what every job's command runs
    folder = names["fetch"](bundle)
    sys.path.insert(0, folder)
    sys.path.append(f"{folder}/_vendor")
    from steprelay.runner.s3 import make_client

    client = make_client()
    bucket, _, key = bundle.removeprefix("s3://").partition("/")
    client.head_object(Bucket=bucket, Key=key)
    # Its processes are to have connections of their own.
    client.close()
    return client


if __name__ == "__main__":
    control = socket.socket(fileno=int(sys.argv[1]))
    client = _import_runner(sys.argv[2], sys.argv[3])
    gc.collect()
    gc.freeze()
    Server(control, client).serve()
