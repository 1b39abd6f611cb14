"""The scheduler: moves jobs through Batch's states and emits an event for each move.

Callers' threads submit, stop and read under `lock`; one thread of the engine's own does the rest.
"""

import logging
import threading
import uuid
from collections import deque
from collections.abc import Iterable, Mapping

from steprelay.local.batch import chaos
from steprelay.local.batch.arns import Arns, new_task_id
from steprelay.local.batch.attempts import AttemptRunner, Ended
from steprelay.local.batch.capacity import Capacity, Runnable
from steprelay.local.batch.config import LocalBatchConfig
from steprelay.local.batch.dependencies import (
    Dependencies,
    Needs,
    needs_of_child,
    needs_of_submission,
    spawned_key,
)
from steprelay.local.batch.errors import BatchError
from steprelay.local.batch.events import state_change_event
from steprelay.local.batch.launcher import CannotStart, Launcher
from steprelay.local.batch.model import NOT_YET_STARTED, Attempt, Dependency, Job, JobSpec, Status, Task
from steprelay.local.batch.outbox import Outbox
from steprelay.local.batch.outcome import (
    CHILD_FAILED,
    DEPENDENT_FAILED,
    HOST_TIMEOUT,
    Outcome,
    Stop,
    StopCause,
    could_not_start,
)
from steprelay.local.batch.store import JobStore

logger = logging.getLogger(__name__)


class Engine:
    """Jobs from submission to their end. `lock` guards every record that is reachable from `jobs`."""

    def __init__(self, config: LocalBatchConfig, launcher: Launcher, outbox: Outbox) -> None:
        self.lock = threading.RLock()
        self.jobs = JobStore()
        self._config = config
        self._arns = Arns(config.region, config.account)
        self._outbox = outbox
        self._runner = AttemptRunner(config, launcher, outbox)
        self._capacity = Capacity(config.vcpus, config.memory_mib)
        self._runnable = Runnable()
        self._dependencies = Dependencies()
        self._submitted: deque[Job] = deque()
        self._settled: deque[Job] = deque()
        self._stops: deque[tuple[str, Stop]] = deque()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="local-batch-engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Kill every job and end the thread; no event tells of it, as none would when a machine goes."""
        with self.lock:
            self._wake()
            self._stopping = True
        if self._thread.ident is None:
            self._runner.close()
        else:
            self._thread.join()

    # What callers do.

    def submit(self, spec: JobSpec, tags: Mapping[str, str], dependencies: Iterable[Dependency]) -> Job:
        """A new job, SUBMITTED; the engine's thread takes it from there. Raises BatchError when stopped."""
        with self.lock:
            if self._stopping:
                raise BatchError("the local Batch has been stopped")
            job_id = str(uuid.uuid4())
            job = Job(
                id=job_id,
                arn=self._arns.batch("job", job_id),
                spec=spec,
                sequence=self.jobs.next_sequence(),
                created_at=self._now(),
                tags=dict(tags),
                dependencies=tuple(dependencies),
            )
            self.jobs.add(job)
            self._submitted.append(job)
            self._wake()
        return job

    def cancel(self, job: Job, reason: str) -> None:
        """CancelJob: jobs not yet STARTING fail with `reason`; the others go on."""
        with self.lock:
            for each in (job, *(job.children or ())):
                if each.status in NOT_YET_STARTED:
                    each.cancelled, each.stop_reason = True, reason
                    self._cancel_if_due(each)
            self._wake()

    def terminate(self, job: Job, reason: str) -> None:
        """TerminateJob: as cancel, and STARTING or RUNNING jobs are stopped."""
        with self.lock:
            for each in (job, *(job.children or ())):
                if each.ended:
                    continue
                each.terminated, each.stop_reason = True, reason
                self._cancel_if_due(each)
                if each.status in (Status.STARTING, Status.RUNNING):
                    self._stops.append((each.id, Stop(StopCause.TERMINATED, reason)))
            self._wake()

    def _wake(self) -> None:
        # Under the lock: once stopping, the runner's descriptors may be closed, and their numbers reused.
        if not self._stopping:
            self._runner.wake()

    def _cancel_if_due(self, job: Job) -> None:
        # A PENDING job is cancelled once what it depends on has ended (CancelJob's documentation),
        # an array's parent once its children have: both happen where those ends are noticed.
        if job.status is Status.RUNNABLE:
            self._move(job, Status.FAILED, job.stop_reason)

    # The engine's thread.

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._turn()
        except Exception:
            logger.exception("the local Batch's engine failed; its jobs are stopped")
        finally:
            with self.lock:
                self._stopping = True
            self._runner.close()

    def _turn(self) -> None:
        ended = self._runner.wait()
        with self.lock:
            for end in ended:
                self._attempt_ended(end)
            self.jobs.forget_before(self._now() - int(self._config.retention_seconds * 1000))
        while not self._stopping and self._start_next():
            pass
        # After the starts: a job terminated while it was STARTING can be stopped only now.
        with self.lock:
            while self._stops:
                self._runner.stop(*self._stops.popleft())

    def _advance(self) -> None:
        """Take submissions and ends as far as they lead; each may bring about more of either."""
        while self._submitted or self._settled:
            while self._submitted:
                job = self._submitted.popleft()
                self._release_or_wait(job, needs_of_submission(job))
            self._settle()

    def _now(self) -> int:
        return int(self._config.clock() * 1000)

    def _move(self, job: Job, status: Status, reason: str | None = None) -> None:
        if job.parent is not None:
            job.parent.summary[job.status] -= 1
            job.parent.summary[status] = job.parent.summary.get(status, 0) + 1
        job.status, job.status_reason = status, reason
        if job.ended:
            job.stopped_at = self._now()
            self._settled.append(job)
        self._emit(job)

    def _emit(self, job: Job) -> None:
        now, config = self._config.clock(), self._config
        event = state_change_event(job, str(uuid.uuid4()), now, config.region, config.account)
        delays = chaos.deliveries(config.chaos, job.spec.name, job.index, len(job.attempts), job.status.value)
        for delay in delays:
            self._outbox.event(event, delay)

    # Dependencies and arrays.

    def _release_or_wait(self, job: Job, needs: Needs) -> None:
        if needs.failed:
            self._fail_dependent(job)
        elif not needs.open:
            self._release(job)
        else:
            if job.status is Status.SUBMITTED:
                self._move(job, Status.PENDING)
            self._dependencies.wait(job, needs.open)

    def _fail_dependent(self, job: Job) -> None:
        self._move(job, Status.FAILED, job.stop_reason or DEPENDENT_FAILED)

    def _release(self, job: Job) -> None:
        """All that the job waited for has succeeded."""
        if job.cancelled or job.terminated:
            self._move(job, Status.FAILED, job.stop_reason)
        elif job.is_array:
            self._spawn(job)
        else:
            self._move(job, Status.RUNNABLE)
            self._runnable.push(job)

    def _spawn(self, parent: Job) -> None:
        size = parent.spec.array_size or 0
        parent.children = [self._child(parent, index) for index in range(size)]
        parent.summary[Status.PENDING] = size
        if parent.status is Status.SUBMITTED:
            self._move(parent, Status.PENDING)
        for index, child in enumerate(parent.children):
            self._release_or_wait(child, needs_of_child(parent.dependencies, parent.children, index))
        for decided in self._dependencies.settle(spawned_key(parent), succeeded=True):
            # The dependent spawns in a turn of its own: a chain of arrays must not nest calls.
            self._submitted.append(decided.job)

    def _child(self, parent: Job, index: int) -> Job:
        child = Job(
            id=f"{parent.id}:{index}",
            arn=f"{parent.arn}:{index}",
            spec=parent.spec,
            sequence=self.jobs.next_sequence(),
            created_at=self._now(),
            tags=parent.tags,
            status=Status.PENDING,
            parent=parent,
            index=index,
        )
        self.jobs.add(child)
        return child

    def _settle(self) -> None:
        """Follow every end to those who waited for it; a loop, as chains may be 10,000 long."""
        while self._settled:
            job = self._settled.popleft()
            succeeded = job.status is Status.SUCCEEDED
            decided = self._dependencies.settle(job.id, succeeded=succeeded)
            if job.is_array and job.children is None:
                decided += self._dependencies.settle(spawned_key(job), succeeded=False)
            for each in decided:
                if each.succeeded:
                    self._release(each.job)
                else:
                    self._fail_dependent(each.job)
            if job.parent is None:
                self.jobs.ended(job)
            elif job.parent.children_ended and not job.parent.ended:  # several may end in one turn
                self._finish_array(job.parent)

    def _finish_array(self, parent: Job) -> None:
        if parent.summary.get(Status.FAILED, 0):
            self._move(parent, Status.FAILED, parent.stop_reason or CHILD_FAILED)
        else:
            self._move(parent, Status.SUCCEEDED)

    # Attempts.

    def _start_next(self) -> bool:
        """Start the job at the head of the line, if there is one and it fits."""
        with self.lock:
            self._advance()
            job = self._runnable.pop_if_fits(self._capacity)
            if job is None:
                return False
            task = self._assign(job)
        # Without the lock: starting a process takes milliseconds, and callers need not wait for it.
        outcome = self._refused(job) or self._launch(job, task)
        with self.lock:
            if outcome is not None:
                self._attempt_ended(Ended(job, task, outcome))
            else:
                job.started_at = self._now()
                self._move(job, Status.RUNNING)
        return True

    def _assign(self, job: Job) -> Task:
        """Give the job its capacity and an ECS task: STARTING."""
        self._capacity.take(job)
        cluster = f"{job.spec.compute_environment}_Batch"
        task_id = new_task_id()
        instance = None if job.spec.fargate else self._arns.ecs("container-instance", f"{cluster}/local")
        task = Task(
            id=task_id,
            arn=self._arns.ecs("task", f"{cluster}/{task_id}"),
            log_stream=f"{job.spec.log_prefix}/default/{task_id}",
            container_instance_arn=instance,
        )
        job.task = task
        self._move(job, Status.STARTING)
        return task

    def _refused(self, job: Job) -> Outcome | None:
        # What ECS would refuse, Batch accepts and fails here; no retry can change it.
        return Outcome(False, job.spec.refusal, may_retry=False) if job.spec.refusal else None

    def _launch(self, job: Job, task: Task) -> Outcome | None:
        """Start the attempt; the outcome if that fails at once."""
        strike = chaos.strike(self._config.chaos, job.spec.name, job.index, len(job.attempts) + 1)
        if strike is not None and strike.fault is chaos.Fault.HOST:
            return could_not_start(HOST_TIMEOUT)
        if self._capacity.oversized(job):
            self._tell_oversized(job, task)
        try:
            self._runner.start(job, task, strike)
        except CannotStart as error:
            return could_not_start(str(error))
        except OSError as error:  # out of descriptors, processes or disk: the host's trouble, not the job's
            return could_not_start(f"CannotCreateContainerError: {error}")
        return None

    def _tell_oversized(self, job: Job, task: Task) -> None:
        text = (
            f"[local Batch] the job asks for {job.spec.vcpus:g} vCPU and {job.spec.memory_mib} MiB; this machine"
            f" offers {self._config.vcpus:g} vCPU and {self._config.memory_mib} MiB, so it runs alone"
        )
        self._outbox.lines(job.spec.log_group, task.log_stream, [(self._now(), text)])

    def _attempt_ended(self, ended: Ended) -> None:
        job, outcome = ended.job, ended.outcome
        self._capacity.release(job)
        attempt = Attempt(
            task=ended.task,
            started_at=job.started_at,
            stopped_at=self._now(),
            exit_code=outcome.exit_code,
            reason=outcome.reason,
            status_reason=outcome.status_reason,
        )
        job.attempts.append(attempt)
        job.task = None
        if outcome.succeeded:
            self._move(job, Status.SUCCEEDED, outcome.status_reason)
        elif self._retries(job, outcome):
            job.started_at = None
            self._move(job, Status.RUNNABLE)
            self._runnable.push(job)
        else:
            self._move(job, Status.FAILED, job.stop_reason if job.terminated else outcome.status_reason)

    def _retries(self, job: Job, outcome: Outcome) -> bool:
        if not outcome.may_retry or job.terminated:
            return False
        return job.spec.retry.retries(len(job.attempts), outcome.status_reason, outcome.reason, outcome.exit_code)
