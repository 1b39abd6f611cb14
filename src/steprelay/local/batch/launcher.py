"""Starting what a job runs. The one place that decides what an image means here: nothing.

`ProcessLauncher` runs the command on this host, whatever image the definition names. A launcher that
runs containers, or that forks from a warm server, is another `Launcher`; the engine sees no difference.
"""

import functools
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from steprelay.local.batch.limits import Ulimit, impose

OpenPidfd = Callable[[int], int]
SYSTEM_PIDFD: OpenPidfd | None = getattr(os, "pidfd_open", None)
# The same field counts bytes on a Mac and KiB elsewhere.
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start: the command with its arguments, its whole environment, its directory, its image, its limits."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    image: str
    limits: tuple[Ulimit, ...] = ()


class CannotStart(Exception):
    """The command can't be started; the text is the container's reason in Batch's words."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended. `returncode`: negative for the signal that ended it.

    `peak`: the most memory (bytes) that it, or one process that it waited for, held at a time; None where unknown.
    """

    returncode: int
    peak: int | None = None


class Process(Protocol):
    """A started job. `pid` leads a session of its own.

    `output`: a non-blocking descriptor with stdout and stderr. `exited`: a descriptor that turns readable
    when the process has ended.
    """

    @property
    def pid(self) -> int: ...
    @property
    def output(self) -> int: ...
    @property
    def exited(self) -> int: ...

    def reap(self) -> Exit:
        """How it ended."""

    def close(self) -> None:
        """Give the descriptors back."""


class Launcher(Protocol):
    """Starts jobs."""

    def launch(self, launch: Launch) -> Process:
        """Start it and return at once. Raises CannotStart (the job's fault), OSError (the machine's)."""

    def close(self) -> None:
        """Give back what the launcher holds; called once, after the last job ended."""


class ProcessLauncher:
    """Runs a job's command as a process on this host.

    `open_pidfd`: Linux's way to wait for a process through a descriptor; None where there is none.
    """

    def __init__(self, open_pidfd: OpenPidfd | None = SYSTEM_PIDFD) -> None:
        self._open_pidfd = open_pidfd

    def launch(self, launch: Launch) -> Process:
        if not launch.command:
            raise CannotStart("CannotStartContainerError: the job has no command, and an image's own is not read here")
        read, write = os.pipe()
        try:
            process = subprocess.Popen(
                launch.command,
                cwd=launch.directory,
                env=launch.environment,
                stdin=subprocess.DEVNULL,
                stdout=write,
                stderr=write,
                start_new_session=True,
                # For the few jobs that have limits: with it, Python forks instead of the faster vfork.
                preexec_fn=functools.partial(impose, launch.limits) if launch.limits else None,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            os.close(read)
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise CannotStart(f'CannotStartContainerError: exec: "{launch.command[0]}": {why}') from error
        finally:
            os.close(write)
        os.set_blocking(read, False)
        try:
            return _HostProcess(process, read, self._pidfd(process.pid))
        except OSError:
            process.kill()
            process.wait()
            os.close(read)
            raise

    def _pidfd(self, pid: int) -> int | None:
        if self._open_pidfd is not None:
            try:
                return self._open_pidfd(pid)
            except OSError:  # some sandboxes have no such system call
                self._open_pidfd = None
        return None

    def close(self) -> None:
        """Holds nothing."""


class _HostProcess:
    def __init__(self, process: subprocess.Popen[bytes], output: int, pidfd: int | None) -> None:
        self.pid = process.pid
        self.output = output
        self._process = process
        self._exit: Exit | None = None
        # Linux: a process that is started counts its parent's peak as its own, until it is larger.
        self._inherited = _own_peak()
        self._waiter: threading.Thread | None = None
        self.exited = self._wait_in_a_thread() if pidfd is None else pidfd

    def reap(self) -> Exit:
        if self._waiter is not None:
            self._waiter.join()
        return self._exit or self._wait()

    def close(self) -> None:
        os.close(self.output)
        os.close(self.exited)

    def _wait(self) -> Exit:
        _, status, used = os.wait4(self.pid, 0)
        # Told to the object as well, which would wait for the process too.
        self._process.returncode = os.waitstatus_to_exitcode(status)
        peak = used.ru_maxrss * _MAXRSS_UNIT
        self._exit = Exit(self._process.returncode, peak if peak > self._inherited else None)
        return self._exit

    def _wait_in_a_thread(self) -> int:
        """A pipe whose other end closes when the process ends, which turns this one readable."""
        read, write = os.pipe()

        def wait() -> None:
            self._wait()
            os.close(write)

        self._waiter = threading.Thread(target=wait, name=f"local-batch-wait-{self.pid}", daemon=True)
        self._waiter.start()
        return read


def _own_peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT
