"""Running attempts: start, read output, notice the end, stop, limit time and memory.

Owned by the engine's thread; only `wake` may be called from another.
"""

import json
import logging
import os
import selectors
import shutil
import signal
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from steprelay.local.batch.chaos import Fault, Strike
from steprelay.local.batch.config import LocalBatchConfig
from steprelay.local.batch.launcher import Exit, Launch, Launcher, Process
from steprelay.local.batch.lines import LineSplitter
from steprelay.local.batch.model import Job, Task, described
from steprelay.local.batch.outbox import Outbox
from steprelay.local.batch.outcome import Outcome, Stop, StopCause, judge
from steprelay.local.batch.processes import BYTES_PER_MIB, Sessions, exceed, held, send

# To the job: where the folders are that stand for its tmpfs mounts, as JSON (path in a container → folder).
MOUNTS = "STEPRELAY_LOCAL_MOUNTS"
# To nodes, the main one too, which Batch leaves to find its own address: the machine's other ones are not for this.
LOCAL_ADDRESS = "STEPRELAY_LOCAL_ADDRESS"
MAIN_NODE_ADDRESS = "127.0.0.1"
# To our runner: the job's memory (MiB). Here a step could take more and end well before anybody looks but itself.
MEMORY = "STEPRELAY_LOCAL_MEMORY"
CHUNK = 64 * 1024
CONGESTED_PAUSE_SECONDS = 0.05

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that is over."""

    job: Job
    task: Task
    outcome: Outcome


@dataclass(slots=True, eq=False)
class _Active:
    job: Job
    task: Task
    process: Process
    directories: tuple[Path, ...]
    timeout_at: float | None
    strike: Strike | None
    strike_at: float | None
    lines: LineSplitter = field(default_factory=LineSplitter)
    output_open: bool = True
    stop: Stop | None = None
    kill_at: float | None = None
    # Of files (bytes): the most that one of its processes was seen to map.
    mapped: int = 0

    def deadlines(self) -> list[float]:
        return [at for at in (self.timeout_at, self.strike_at, self.kill_at) if at is not None]

    def cause_of(self, end: Exit) -> Stop | None:
        """Why it was stopped, or has to count as stopped: memory that was taken and given back between two looks."""
        limit = self.job.spec.memory_mib * BYTES_PER_MIB
        exceeded = end.peak is not None and end.peak - self.mapped > limit
        return self.stop or (Stop(StopCause.OUT_OF_MEMORY) if exceeded else None)


class AttemptRunner:
    """All attempts that run now, watched through one selector."""

    def __init__(self, config: LocalBatchConfig, launcher: Launcher, outbox: Outbox) -> None:
        self._config = config
        self._launcher = launcher
        self._outbox = outbox
        self._active: dict[str, _Active] = {}
        self._sessions = Sessions()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._paused = False
        self._sample_at = 0.0
        self._janitor = ThreadPoolExecutor(1, "local-batch-janitor")

    def wake(self) -> None:
        """Make `wait` return soon. From any thread."""
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            return  # full: it is awake already

    def start(self, job: Job, task: Task, strike: Strike | None) -> None:
        """Start the attempt `task` of `job`. Raises CannotStart, OSError."""
        directory = self._config.workdir / "jobs" / task.id
        around = job.spec.surroundings
        # Beside the job's own folder, not in it: that one is empty when the job starts.
        mounts = {path: directory.with_name(f"{task.id}-{at}") for at, path in enumerate(around.tmpfs)}
        directories = (directory, *mounts.values())
        for each in directories:
            each.mkdir(parents=True)
        environment = self._environment(job, mounts)
        try:
            process = self._launcher.launch(
                Launch(job.spec.command, environment, directory, job.spec.image, around.ulimits)
            )
        except BaseException:
            for each in directories:
                each.rmdir()
            raise
        now = time.monotonic()
        limit = job.spec.timeout_seconds
        active = _Active(
            job=job,
            task=task,
            process=process,
            directories=directories,
            timeout_at=None if limit is None else now + limit * self._config.time_scale,
            strike=strike,
            strike_at=None if strike is None else now + strike.after_seconds,
        )
        if not self._active:
            self._sample_at = now + self._config.memory_sample_seconds
        self._active[job.id] = active
        self._sessions.add(process.pid, job.id)
        self._selector.register(process.exited, selectors.EVENT_READ, active)
        if not self._paused:
            self._selector.register(process.output, selectors.EVENT_READ, active)

    def stop(self, job_id: str, stop: Stop) -> None:
        """SIGTERM now, SIGKILL after the grace; the first cause given is the one that counts.

        Like a container runtime: SIGTERM goes to the first process only, SIGKILL to all.
        """
        active = self._active.get(job_id)
        if active is None or active.stop is not None:
            return
        active.stop = stop
        active.kill_at = time.monotonic() + self._config.stop_grace_seconds
        active.timeout_at = active.strike_at = None
        send([active.process.pid], signal.SIGTERM)

    def wait(self, seconds: float | None = None) -> list[Ended]:
        """Serve the running attempts until one ends, one needs attention, `wake` is called, or time is up."""
        ended: list[Ended] = []
        for key, _ in self._selector.select(_sooner(seconds, self._seconds_to_next(time.monotonic()))):
            active: _Active | None = key.data
            if active is None:
                os.read(self._wake_read, CHUNK)
            elif active.job.id not in self._active:
                continue  # finished by an earlier key of this very round
            elif key.fd == active.process.exited:
                ended.append(self._finish(active))
            else:
                self._read(active)
        self._pause_or_resume()
        now = time.monotonic()
        self._apply_deadlines(now)
        self._limit_memory(now)
        return ended

    def close(self) -> None:
        """Kill every job and leave nothing of them behind."""
        for active in list(self._active.values()):
            self._sessions.kill(active.job.id)
            # A launcher's process may survive its session's members only until this very call.
            send([active.process.pid], signal.SIGKILL)
            self._finish(active)
        self._launcher.close()
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        self._janitor.shutdown()

    def _environment(self, job: Job, mounts: Mapping[str, Path]) -> Mapping[str, str]:
        spec, known = job.spec, self._config.secrets
        whole = job if job.node is None or job.parent is None else job.parent
        batch = {
            "AWS_BATCH_JOB_ID": job.id,
            "AWS_BATCH_JOB_ATTEMPT": str(len(whole.attempts) + 1),
            "AWS_BATCH_CE_NAME": spec.compute_environment,
            "AWS_BATCH_JQ_NAME": spec.queue_name,
            MEMORY: str(spec.memory_mib),
        }
        if job.index is not None:
            batch["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.index)
        if job.node is not None:
            batch |= _node_variables(job, whole)
        if mounts:
            batch[MOUNTS] = json.dumps({path: str(folder) for path, folder in mounts.items()})
        secrets = {name: known[name] for name in spec.surroundings.secrets}
        return {**self._config.environment, **secrets, **spec.environment, **batch}

    def _seconds_to_next(self, now: float) -> float | None:
        deadlines = [at for active in self._active.values() for at in active.deadlines()]
        if self._active:
            deadlines.append(self._sample_at)
        if self._paused:
            deadlines.append(now + CONGESTED_PAUSE_SECONDS)
        return max(0.0, min(deadlines) - now) if deadlines else None

    def _read(self, active: _Active) -> bool:
        """Take one chunk of output; False when there is no more for now."""
        try:
            data = os.read(active.process.output, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._close_output(active)
            return False
        self._send_lines(active, active.lines.feed(data))
        return True

    def _send_lines(self, active: _Active, texts: list[str]) -> None:
        at = int(self._config.clock() * 1000)
        lines = [(at, text) for text in texts]
        self._outbox.lines(active.job.spec.log_group, active.task.log_stream, lines)

    def _close_output(self, active: _Active) -> None:
        active.output_open = False
        if not self._paused:
            self._selector.unregister(active.process.output)

    def _finish(self, active: _Active) -> Ended:
        process = active.process
        self._selector.unregister(process.exited)
        # A container's end is the end of all its processes; before reaping, so that no id is reused yet.
        self._sessions.kill(active.job.id)
        while active.output_open and self._read(active):
            pass
        if active.output_open:
            self._close_output(active)
        self._send_lines(active, active.lines.finish())
        end = process.reap()
        process.close()
        self._sessions.remove(active.job.id)
        del self._active[active.job.id]
        for directory in active.directories:
            self._remove(directory)
        return Ended(active.job, active.task, judge(end.returncode, active.cause_of(end)))

    def _remove(self, directory: Path) -> None:
        try:
            directory.rmdir()
        except OSError:
            # A large tree takes long to remove, and nothing else should wait for that.
            self._janitor.submit(shutil.rmtree, directory, ignore_errors=True)

    def _pause_or_resume(self) -> None:
        """Leave output in the pipes while the log sink can't keep up, so that memory stays bounded."""
        if self._paused == self._outbox.congested:
            return
        self._paused = not self._paused
        for active in self._active.values():
            if not active.output_open:
                continue
            if self._paused:
                self._selector.unregister(active.process.output)
            else:
                self._selector.register(active.process.output, selectors.EVENT_READ, active)

    def _apply_deadlines(self, now: float) -> None:
        for active in list(self._active.values()):
            if active.kill_at is not None and active.kill_at <= now:
                active.kill_at = None
                self._sessions.kill(active.job.id)
            elif active.timeout_at is not None and active.timeout_at <= now:
                self.stop(active.job.id, Stop(StopCause.TIMEOUT))
            elif active.strike_at is not None and active.strike_at <= now:
                active.strike_at = None
                self._strike(active)

    def _strike(self, active: _Active) -> None:
        if active.strike is None:
            return
        logger.info("by chance: %s of %s", active.strike.fault, described(active.job))
        if active.strike.fault is Fault.OOM:
            self._kill_for_memory(active)
        else:
            self.stop(active.job.id, Stop(StopCause.SPOT, f"i-{uuid.uuid4().hex[:17]}"))

    def _limit_memory(self, now: float) -> None:
        if not self._active or now < self._sample_at:
            return
        self._sample_at = now + self._config.memory_sample_seconds
        for job_id, pids in self._sessions.members().items():
            active = self._active[job_id]
            sizes = {pid: held(pid) for pid in pids}
            active.mapped = max(active.mapped, *(size.files for size in sizes.values()))
            if exceed(sizes, active.job.spec.memory_mib):
                self._kill_for_memory(active)

    def _kill_for_memory(self, active: _Active) -> None:
        active.stop = active.stop or Stop(StopCause.OUT_OF_MEMORY)
        active.timeout_at = active.kill_at = None
        self._sessions.kill(active.job.id)


def _node_variables(node: Job, job: Job) -> dict[str, str]:
    variables = {
        "AWS_BATCH_JOB_NODE_INDEX": str(node.node),
        "AWS_BATCH_JOB_NUM_NODES": str(len(job.nodes)),
        "AWS_BATCH_JOB_MAIN_NODE_INDEX": str(job.spec.main_node),
        LOCAL_ADDRESS: MAIN_NODE_ADDRESS,
    }
    if not node.is_main_node:
        variables["AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"] = MAIN_NODE_ADDRESS
    return variables


def _sooner(*seconds: float | None) -> float | None:
    return min((each for each in seconds if each is not None), default=None)
