"""A small process beside the relay that outlives it: when the relay is gone, however it went, so is all it started.

Linux could tell children of their parent's death, but it takes the end of the thread that started them for it, and it
would not tell grandchildren.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from steprelay.local.processes import kill_marked


def start(token: str, temporary: Path) -> None:
    """Start the guardian of this process. It knows that this process is gone when their pipe closes."""
    read, write = os.pipe()
    command = [sys.executable, "-m", __name__, token, str(temporary)]
    # A session of its own, so that no signal meant for the relay reaches it. The pipe stays open to the very end.
    subprocess.Popen(command, stdin=read, stdout=subprocess.DEVNULL, start_new_session=True)
    os.close(read)
    os.set_inheritable(write, False)


def main(token: str, temporary: str) -> None:
    """Wait for the end of the relay, then end what carries its token and remove its temporary files."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while sys.stdin.buffer.read(1):
        pass
    kill_marked(token)
    shutil.rmtree(temporary, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
