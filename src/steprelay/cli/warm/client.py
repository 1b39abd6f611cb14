"""Handing a command to the warm process of this project's local relay.

Importing what a command needs takes longer than the command: half a second for cyclopts, pydantic, boto3. A relay that
is up keeps a process with all that imported, which forks for each command and works on the command's own terminal,
folder and environment (Mercurial's `chg` does the same). Nothing depends on it: without it, commands only take longer.
"""

import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

from steprelay.cli.project import STATE, project_folder
from steprelay.cli.warm import protocol

if TYPE_CHECKING:
    from steprelay.cli.entry import Invocation

# Set to 0 to do everything in the command's own process.
SWITCH = "STEPRELAY_WARM"

# The child would import the flow's file again. What took this long (CPU seconds) is better not done twice.
FLOW_IMPORTS_LIMIT = 0.4

# A process that does not answer within this time (seconds) is not waited for.
PATIENCE = 2.0

RELAY_GONE = 4


def try_warm(invocation: "Invocation") -> int | None:
    """The exit code, or None where the command has to be carried out here."""
    if not _worth_trying(invocation):
        return None
    cwd = os.getcwd()  # noqa: PTH109
    folder = os.path.join(project_folder(cwd), STATE)  # noqa: PTH118
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with connection:
            if not _handed_over(connection, folder, _request(invocation, cwd)):
                return None
            return _wait(connection)
    except OSError:
        return None


def _worth_trying(invocation: "Invocation") -> bool:
    if os.environ.get(SWITCH) == "0" or sys.gettrace() is not None:
        return False
    # `local` starts and stops the very relay that the warm process belongs to.
    return invocation.tokens[:1] != ("local",) and time.process_time() < FLOW_IMPORTS_LIMIT


def _request(invocation: "Invocation", cwd: str) -> dict[str, Any]:
    return {
        "tokens": invocation.tokens,
        "file": invocation.file,
        "class_name": invocation.class_name,
        "cwd": cwd,
        "environment": dict(os.environ),
        "argv": sys.argv,
        "path": sys.path,
        "encoding": sys.stdout.encoding,
        # Another interpreter may see other packages, and other rules.
        "python": [sys.version, sys.prefix],
    }


def _handed_over(connection: socket.socket, folder: str, request: dict[str, Any]) -> bool:
    """Whether the child is ready; until it is told to go, it has done nothing."""
    connection.settimeout(PATIENCE)
    with protocol.socket_address(folder) as address:
        connection.connect(address)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    protocol.send_request(connection, request)
    if connection.recv(1) != protocol.READY:
        return False
    connection.settimeout(None)
    connection.sendall(protocol.GO)
    return True


def _wait(connection: socket.socket) -> int:
    while True:
        try:
            answer = connection.recv(2)
        except KeyboardInterrupt:
            connection.sendall(protocol.INTERRUPT)
            continue
        except ConnectionResetError:
            answer = b""
        if answer[:1] == protocol.EXIT:
            return answer[1]
        sys.stderr.write("error: the local relay was stopped while this command ran\n")
        sys.stderr.write(
            "next: its runs go on when it is up again: `steprelay runs list`, `steprelay runs show RUN -f`\n"
        )
        return RELAY_GONE
