"""Light steps: an attempt inside a warm function, in a forked child with a clean folder.

A fork of the warm function costs milliseconds, where a fresh interpreter that imports boto3 costs half a
second. The function speaks to its runtime over its own descriptors, so the child gets others.
"""

import contextlib
import io
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from steprelay.runner.attempt import explain_ending, make_attempt, record_failure
from steprelay.runner.brief import Task
from steprelay.runner.claim import Claim, claim
from steprelay.runner.fallback import fall_back
from steprelay.runner.outcome import Attempt, Failure, decode_outcome
from steprelay.runner.package import PackageCache, PackageError, link_package
from steprelay.runner.perform import Job
from steprelay.runner.store import Missing, Store
from steprelay.runner.supervise import Ending, Limits

# Kept back from the function's time: to record a timeout, upload the log and report.
RESERVE_SECONDS = 3.0
LOG_BYTES = 1024 * 1024
_OWNER = "light:"
DISPATCHER = "dispatcher"


class StillRunning(Exception):
    """Another delivery of the message may still be at work; this one should come again later."""


@dataclass(frozen=True, slots=True)
class LightResult:
    """An attempt that is through. `report`: whether the dispatcher is to be told; `lost`: why there is no outcome."""

    task: Task
    status: str | None
    report: bool = True
    lost: str | None = None

    @property
    def summary(self) -> dict[str, Any]:
        """For the function's log."""
        brief, ended = self.task.brief, {"status": self.status, "lost": self.lost, "reported": self.report}
        return {"run": brief.run, "task": self.task.name, "attempt": brief.attempt} | ended

    @property
    def message(self) -> dict[str, Any]:
        """The Light Step Ended message for the job-events queue."""
        brief = self.task.brief
        detail = {
            "run": brief.run,
            "step": brief.step,
            "path": list(brief.path),
            **({"laps": list(brief.laps)} if brief.laps else {}),
            "member": self.task.member,
            "attempt": brief.attempt,
            "lost": self.lost,
        }
        return {"source": "steprelay.light", "detail-type": "Light Step Ended", "detail": detail}


def run_light(
    task: Task,
    store: Store,
    deadline: float,
    memory_mib: int | None = None,
    *,
    cache: PackageCache | None = None,
    before: int = 0,
) -> LightResult:
    """Run the attempt of a task.

    `deadline`: seconds since the epoch by which the function must have answered; `memory_mib`: what it may use;
    `before`: how many tasks it has run of the same message.
    A task that comes again is answered from what the first delivery left.

    Raises:
        StillRunning: if an earlier delivery has claimed the attempt and its time is not over.
    """
    started = time.time()
    mine = Claim(None, None, f"{_OWNER}{uuid.uuid4()}", started, until=deadline)
    taken = claim(store, task, mine)
    if taken is not None:
        return answer_again(store, task, taken, now=started)
    if task.brief.fallback:
        return LightResult(task, fall_back(task, store, started))
    with _scratch() as scratch:
        attempt = _Attempt(task, store, scratch, started, before)
        status = attempt.run(deadline, memory_mib, cache or _warm_cache())
    return LightResult(task, status)


def answer_again(store: Store, task: Task, taken: Claim, now: float) -> LightResult:
    """What to report of an attempt that is claimed already.

    Raises:
        StillRunning: if whoever claimed it may still be at work.
    """
    if taken.owner == DISPATCHER:
        return LightResult(task, None, report=False)
    try:
        return LightResult(task, decode_outcome(store.get(task.key("outcome.json"))).status)
    except Missing:
        if taken.until is not None and now < taken.until:
            raise StillRunning(f"{task.name}, attempt {task.brief.attempt}, is claimed by {taken.owner}") from None
    return LightResult(task, None, lost="the function that ran the step ended before it could leave an outcome")


class _Attempt:
    def __init__(self, task: Task, store: Store, scratch: Path, started: float, before: int) -> None:
        self._store, self._scratch, self._started, self._before = store, scratch, started, before
        # Temporary files go where they are removed with all else: the function stays warm.
        temporary = scratch / "tmp"
        temporary.mkdir()
        self._task = replace(task, brief=replace(task.brief, tempdir=task.brief.tempdir or str(temporary)))
        self._seconds = 0.0
        self._memory_mib: int | None = None
        self._log: BinaryIO = io.BytesIO()

    def run(self, deadline: float, memory_mib: int | None, cache: PackageCache) -> str | None:
        """Make the attempt and upload its output; the status of its outcome."""
        self._memory_mib = memory_mib
        self._seconds = max(0.0, deadline - RESERVE_SECONDS - self._started)
        with (self._scratch / "log.txt").open("w+b") as log:
            self._log = log
            try:
                status = self._run_in(self._folder(cache))
            except (PackageError, Missing) as error:
                failure = self._told(Failure("program", type(error).__name__, str(error)))
                status = record_failure(self._job(self._scratch), failure).status
            self._upload()
        return status

    def _told(self, failure: Failure) -> Failure:
        """Say a failure where the person reads who waits for the step's output."""
        self._log.write(f"steprelay: {failure.message}\n".encode())
        return failure

    def _folder(self, cache: PackageCache) -> Path:
        work = self._scratch / "work"
        if self._task.brief.package is None:
            work.mkdir()
            return work
        package = cache.folder(self._store, self._task.brief.package)
        link_package(package, work)
        return package

    def _run_in(self, package: Path) -> str | None:
        left = self._started + self._seconds - time.time()
        limits = Limits(deadline=time.monotonic() + left, memory_mib=self._memory_mib)
        return make_attempt(
            self._job(package),
            limits,
            output=self._log.fileno(),
            explain=lambda ending: self._told(self._explain(ending)),
        ).status

    def _job(self, package: Path) -> Job:
        attempt = Attempt(None, None, self._started)
        return Job(self._task, attempt, self._store, package, folder=self._scratch / "work", scratch=self._scratch)

    def _explain(self, ending: Ending) -> Failure:
        step = self._task.brief.step
        if ending.stopped == "deadline" and self._task.brief.hook is not None:
            text = f"exit hook {step!r} did not end within the {self._seconds:.0f} s its function has"
            return Failure("timeout", "TimeoutException", text)
        if ending.stopped == "deadline":
            text = f"light step {step!r} did not end within the {self._seconds:.0f} s its function has"
            late = f" left after {self._before} tasks of this foreach; say with @timeout how long one may take, or"
            text += f"{late if self._before else ';'} add @batch"
            return Failure("timeout", "TimeoutException", text)
        if ending.stopped == "memory":
            text = (
                f"light step {step!r} took more than the {self._memory_mib} MiB its function has; add @batch(memory=…)"
            )
            return Failure("program", "MemoryError", text, exit_code=137)
        return explain_ending(self._job(self._scratch), ending)

    def _upload(self) -> None:
        log = self._log
        log.flush()
        size = log.seek(0, os.SEEK_END)
        if not size:
            return
        cut = max(0, size - LOG_BYTES)
        log.seek(cut)
        head = f"… {cut} bytes before this are not kept\n".encode() if cut else b""
        try:
            self._store.put(self._task.key("log.txt"), head + log.read())
        except Exception as error:  # a lost log must not make a finished step run again
            print(f"steprelay: the log could not be stored: {error}", file=sys.stderr)  # noqa: T201


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    folder = tempfile.mkdtemp(prefix="steprelay-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _warm_cache() -> PackageCache:
    return PackageCache.of_this_process(Path(tempfile.gettempdir()) / f"steprelay-light-{os.getuid()}")
