"""The warm process: has everything imported, and forks for each command (see `steprelay.cli.warm.client`).

Started by the local relay once it is ready: `python -m steprelay.cli.warm.server PROJECT`. One thread, since a fork
takes no other along.
"""

import importlib
import io
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from steprelay.cli.entry import Invocation
from steprelay.cli.project import STATE
from steprelay.cli.warm import protocol

# What commands import when they need it.
PRELOADED = (
    "cyclopts.help",
    "rich.live",
    "rich.table",
    "steprelay.cli.commands.deploy",
    "steprelay.cli.commands.graph",
    "steprelay.cli.commands.logs",
    "steprelay.cli.commands.plan",
    "steprelay.cli.commands.run",
    "steprelay.cli.commands.runs",
    "steprelay.cli.commands.show",
    "steprelay.cli.dispatch",
    "steprelay.cli.render.live",
    "steprelay.cli.render.plan",
    "steprelay.cli.render.runs",
    "steprelay.client.aws",
    "steprelay.client.follow",
    "steprelay.client.jobs",
    "steprelay.client.usage",
    "steprelay.compile",
    "steprelay.compile.platforms",
    "steprelay.config",
    "steprelay.local.relay",
    "steprelay.package",
    "steprelay.plan",
    "steprelay.runner.bootstrap",
    "steprelay_core.intake.parameters",
    "tomllib",
)

_BACKLOG = 16


Carry = Callable[[Invocation], int]


def main(project: str) -> None:
    """Serve until killed."""
    for module in PRELOADED:
        importlib.import_module(module)
    from steprelay.cli.dispatch import carry_out, rehearse
    from steprelay.cli.relays import warm_up
    from steprelay.local.record import RelayFolder
    from steprelay.local.sources import Sources

    info, sources = RelayFolder(Path(project)).read(), Sources.find()
    if info is None or info.fingerprint != sources.fingerprint():
        sys.exit(f"there is no relay of this very code in {project}")
    warm_up(info)
    rehearse()
    folders = (sources.package, sources.core, sources.root / "functions", sources.template)
    imported = state_of(folders)
    serve(Path(project), lambda: state_of(folders) == imported, lambda given: carry_out(given, running=info))


def state_of(places: Iterable[Path]) -> frozenset[tuple[str, int, int]]:
    """Files and folders with their sizes and times of change: a thirtieth of the time that reading them takes."""
    found = set()
    for place in places:
        for folder, _, names in os.walk(place) if place.is_dir() else [(str(place.parent), [], [place.name])]:
            if not folder.endswith("__pycache__"):
                paths = (os.path.join(folder, name) for name in names)  # noqa: PTH118 - a Path costs as much again
                found |= {(path, known.st_size, known.st_mtime_ns) for path in paths for known in [os.stat(path)]}  # noqa: PTH116
    return frozenset(found)


def serve(project: Path, is_current: Callable[[], bool], carry_out: Carry) -> None:
    """Fork for each command. `is_current` tells whether the code imported here is still that on disk."""
    # Children are never waited for: their clients learn the exit code.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with _listen(project / STATE) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                if _is_own_user(connection) and os.fork() == 0:
                    listener.close()
                    _child(connection, is_current, carry_out)


def _listen(folder: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        (folder / protocol.SOCKET).unlink(missing_ok=True)
        with protocol.socket_address(str(folder)) as address:
            listener.bind(address)
    finally:
        os.umask(mask)
    listener.listen(_BACKLOG)
    return listener


def _is_own_user(connection: socket.socket) -> bool:
    """Linux: who connected, from the kernel."""
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", peer)
    return bool(user == os.getuid())


def _child(connection: socket.socket, is_current: Callable[[], bool], carry_out: Carry) -> None:
    """Carry out one command, and never return."""
    code = 70
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        request, streams = protocol.receive_request(connection)
        if request["python"] != [sys.version, sys.prefix] or not is_current():
            connection.sendall(protocol.REFUSED)
            os._exit(0)
        connection.sendall(protocol.READY)
        if connection.recv(1) != protocol.GO:
            os._exit(0)
        _become(request, streams)
        threading.Thread(target=_obey, args=(connection,), daemon=True).start()
        code = carry_out(Invocation(tuple(request["tokens"]), request["file"], request["class_name"]))
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        protocol.send_exit(connection, code)
        # No clean-up of what the parent still uses.
        os._exit(0)


def _become(request: dict[str, Any], streams: list[int]) -> None:
    """Take the client's place: its streams, folder, environment and import path."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[:] = request["argv"]
    sys.path[:] = request["path"]
    importlib.invalidate_caches()
    sys.stdin = io.TextIOWrapper(io.FileIO(0), request["encoding"])
    sys.stdout = _text(1, request["encoding"])
    sys.stderr = _text(2, request["encoding"])
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _text(descriptor: int, encoding: str) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "replace", line_buffering=True)


def _obey(connection: socket.socket) -> None:
    """Pass on what the client is told by its terminal; without a client there is nobody to work for."""
    while order := connection.recv(1):
        if order == protocol.INTERRUPT:
            os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1])
