"""The scheduler: moves jobs through Batch's states and emits an event for each move.

Callers' threads submit, stop and read under `lock`; one thread of the engine's own does the rest.
"""

import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from steprelay.local.batch.arns import Arns
from steprelay.local.batch.attempts import AttemptRunner
from steprelay.local.batch.config import LocalBatchConfig
from steprelay.local.batch.dependencies import (
    Dependencies,
    Needs,
    needs_of_child,
    needs_of_submission,
    spawned_key,
)
from steprelay.local.batch.errors import BatchError
from steprelay.local.batch.execution import Execution
from steprelay.local.batch.keeping import JobRecords
from steprelay.local.batch.launcher import Launcher
from steprelay.local.batch.model import NOT_YET_STARTED, Dependency, Job, JobSpec, Status
from steprelay.local.batch.outbox import Outbox
from steprelay.local.batch.outcome import CHILD_FAILED, DEPENDENT_FAILED, Stop, StopCause
from steprelay.local.batch.placement import Environments
from steprelay.local.batch.store import JobStore
from steprelay.local.batch.transitions import Transitions

logger = logging.getLogger(__name__)


class Engine:
    """Jobs from submission to their end. `lock` guards every record that is reachable from `jobs`.

    `limit_of`: as in `Capacity`.
    """

    def __init__(
        self,
        config: LocalBatchConfig,
        launcher: Launcher,
        outbox: Outbox,
        records: JobRecords,
        environments: Environments = lambda _queue: (),
        limit_of: Callable[[str], float | None] = lambda _environment: None,
    ) -> None:
        self.lock = threading.RLock()
        self.jobs = JobStore()
        self._config = config
        self._records = records
        self._arns = Arns(config.region, config.account)
        self._runner = AttemptRunner(config, launcher, outbox)
        self._transitions = Transitions(config, outbox, records)
        self._execution = Execution(config, self._arns, self._runner, outbox, self._transitions, environments, limit_of)
        self._dependencies = Dependencies()
        self._submitted: deque[Job] = deque()
        self._stopping = False
        self._look_in: float | None = None
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

    def submit(
        self, spec: JobSpec, tags: Mapping[str, str], dependencies: Iterable[Dependency], request: Mapping[str, Any]
    ) -> Job:
        """A new job, SUBMITTED; the engine's thread takes it from there. Raises BatchError when stopped."""
        with self.lock:
            if self._stopping:
                raise BatchError("the local Batch has been stopped")
            job = self.enter(str(uuid.uuid4()), spec, tags, dependencies, self._transitions.now())
            self._records.submitted(job, dict(request))
            self._submitted.append(job)
            self._wake()
        return job

    def enter(
        self, job_id: str, spec: JobSpec, tags: Mapping[str, str], dependencies: Iterable[Dependency], created_at: int
    ) -> Job:
        """A record of a job, SUBMITTED, that nobody works on yet. Under the lock."""
        job = Job(
            id=job_id,
            arn=self._arns.batch("job", job_id),
            spec=spec,
            sequence=self.jobs.next_sequence(),
            created_at=created_at,
            tags=dict(tags),
            dependencies=tuple(dependencies),
        )
        self.jobs.add(job)
        job.nodes = tuple(self._node(job, index, spec) for index, spec in enumerate(spec.nodes))
        return job

    def _node(self, parent: Job, index: int, spec: JobSpec) -> Job:
        node = Job(
            id=f"{parent.id}#{index}",
            arn=f"{parent.arn}#{index}",
            spec=spec,
            sequence=self.jobs.next_sequence(),
            created_at=parent.created_at,
            tags=parent.tags,
            parent=parent,
            node=index,
        )
        self.jobs.add(node)
        return node

    def resume(self, jobs: Iterable[Job], untold: Iterable[Job]) -> None:
        """Go on with jobs that were entered in the state they were in, and tell of the ends of the `untold`."""
        with self.lock:
            for job in jobs:
                for each in (job, *(job.children or ())):
                    self._resume(each)
                if job.children_ended and not job.ended:
                    self._finish_array(job)
            for job in untold:
                self._transitions.tell(job)
            self._wake()

    def _resume(self, job: Job) -> None:
        if job.ended:
            if job.parent is None:
                self.jobs.ended(job)
        elif job.status in (Status.STARTING, Status.RUNNING):
            self._execution.lost(job)
        elif job.status is Status.RUNNABLE:
            self._execution.waits(job)
        elif job.parent is not None:
            self._release_or_wait(
                job, needs_of_child(job.parent.dependencies, job.parent.children or [], job.index or 0)
            )
        elif job.children is None:
            self._submitted.append(job)

    def cancel(self, job: Job, reason: str) -> None:
        """CancelJob: jobs not yet STARTING fail with `reason`; the others go on."""
        with self.lock:
            for each in job.family:
                if each.status in NOT_YET_STARTED:
                    each.cancelled, each.stop_reason = True, reason
                    self._records.changed(each)
                    self._cancel_if_due(each)
            self._wake()

    def terminate(self, job: Job, reason: str) -> None:
        """TerminateJob: as cancel, and STARTING or RUNNING jobs are stopped."""
        with self.lock:
            for each in job.family:
                if each.ended:
                    continue
                each.terminated, each.stop_reason = True, reason
                self._records.changed(each)
                self._cancel_if_due(each)
                if each.status in (Status.STARTING, Status.RUNNING):
                    self._execution.stop(each, Stop(StopCause.TERMINATED, reason))
            self._wake()

    def look_again(self) -> None:
        """A queue or a compute environment was changed: jobs may start now that could not."""
        with self.lock:
            self._wake()

    def line(self, queue_arn: str) -> list[Job]:
        """The RUNNABLE jobs of a queue, the one at its head first. Under the lock."""
        return self._execution.line(queue_arn)

    def _wake(self) -> None:
        # Under the lock: once stopping, the runner's descriptors may be closed, and their numbers reused.
        if not self._stopping:
            self._runner.wake()

    def _cancel_if_due(self, job: Job) -> None:
        # A PENDING job is cancelled once what it depends on has ended (CancelJob's documentation),
        # an array's parent once its children have: both happen where those ends are noticed.
        # A node goes with its job.
        if job.status is Status.RUNNABLE and job.node is None:
            self._transitions.move(job, Status.FAILED, job.stop_reason)

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
        ended = self._runner.wait(self._look_in)
        with self.lock:
            for end in ended:
                self._execution.ended(end)
            for job in self.jobs.forget_before(self._transitions.now() - int(self._config.retention_seconds * 1000)):
                self._records.forgotten(job)
        self._look_at_held()
        while not self._stopping and self._start_next():
            pass
        self._look_at_held()
        # After the starts: a job terminated while it was STARTING can be stopped only now.
        with self.lock:
            self._execution.carry_out_stops()

    def _look_at_held(self) -> None:
        with self.lock:
            self._look_in = self._execution.look_at_held()

    def _start_next(self) -> bool:
        """Start the job at the head of the line, if there is one and it fits."""
        with self.lock:
            self._advance()
            job = self._execution.assign_next()
        if job is None:
            return False
        failed = self._execution.launch(job)
        with self.lock:
            self._execution.launched(job, failed)
        return True

    def _advance(self) -> None:
        """Take submissions and ends as far as they lead; each may bring about more of either."""
        while self._submitted or self._transitions.settled:
            while self._submitted:
                job = self._submitted.popleft()
                self._release_or_wait(job, needs_of_submission(job))
            self._settle()

    # Dependencies and arrays.

    def _release_or_wait(self, job: Job, needs: Needs) -> None:
        if needs.failed:
            self._fail_dependent(job)
        elif not needs.open:
            self._release(job)
        else:
            if job.status is Status.SUBMITTED:
                self._transitions.move(job, Status.PENDING)
            self._dependencies.wait(job, needs.open)

    def _fail_dependent(self, job: Job) -> None:
        self._transitions.move(job, Status.FAILED, job.stop_reason or DEPENDENT_FAILED)

    def _release(self, job: Job) -> None:
        """All that the job waited for has succeeded."""
        if job.cancelled or job.terminated:
            self._transitions.move(job, Status.FAILED, job.stop_reason)
        elif job.is_array:
            self._spawn(job)
        else:
            self._execution.queue(job)

    def _spawn(self, parent: Job) -> None:
        size = parent.spec.array_size or 0
        parent.children = [self.enter_child(parent, index) for index in range(size)]
        parent.summary[Status.PENDING] = size
        if parent.status is Status.SUBMITTED:
            self._transitions.move(parent, Status.PENDING)
        for index, child in enumerate(parent.children):
            self._release_or_wait(child, needs_of_child(parent.dependencies, parent.children, index))
        for decided in self._dependencies.settle(spawned_key(parent), succeeded=True):
            # The dependent spawns in a turn of its own: a chain of arrays must not nest calls.
            self._submitted.append(decided.job)

    def enter_child(self, parent: Job, index: int) -> Job:
        child = Job(
            id=f"{parent.id}:{index}",
            arn=f"{parent.arn}:{index}",
            spec=parent.spec,
            sequence=self.jobs.next_sequence(),
            created_at=self._transitions.now(),
            tags=parent.tags,
            status=Status.PENDING,
            parent=parent,
            index=index,
        )
        self.jobs.add(child)
        return child

    def _settle(self) -> None:
        """Follow every end to those who waited for it; a loop, as chains may be 10,000 long."""
        while self._transitions.settled:
            job = self._transitions.settled.popleft()
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
            self._transitions.move(parent, Status.FAILED, parent.stop_reason or CHILD_FAILED)
        else:
            self._transitions.move(parent, Status.SUCCEEDED)
