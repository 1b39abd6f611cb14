"""A job from RUNNABLE to its end: its place in the line, its attempts, Batch's own retries.

All of it is done under the engine's lock, but for `launch`.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable

from steprelay.local.batch import chaos
from steprelay.local.batch.arns import Arns, new_task_id
from steprelay.local.batch.attempts import AttemptRunner, Ended
from steprelay.local.batch.capacity import Capacity, Runnable
from steprelay.local.batch.config import LocalBatchConfig
from steprelay.local.batch.launcher import CannotStart
from steprelay.local.batch.model import Attempt, Job, Status, Task, described
from steprelay.local.batch.outbox import Outbox
from steprelay.local.batch.outcome import HOST_GONE, HOST_TIMEOUT, Outcome, Stop, StopCause, could_not_start
from steprelay.local.batch.placement import Environments, Holds
from steprelay.local.batch.transitions import Transitions

SPARED = (
    "local Batch: by chance this attempt was to be killed for its memory; it is spared, since nothing would follow:"
    " the step has neither max_memory nor @retry (left)"
)


logger = logging.getLogger(__name__)


class Execution:
    """Which job starts next, and what its attempts make of it. Owned by the engine's thread."""

    def __init__(
        self,
        config: LocalBatchConfig,
        arns: Arns,
        runner: AttemptRunner,
        outbox: Outbox,
        transitions: Transitions,
        environments: Environments,
        limit_of: Callable[[str], float | None],
    ) -> None:
        self._config = config
        self._arns = arns
        self._runner = runner
        self._outbox = outbox
        self._transitions = transitions
        self._capacity = Capacity(config.vcpus, config.memory_mib, limit_of)
        self._runnable = Runnable()
        self._stops: deque[tuple[str, Stop]] = deque()
        self._holds = Holds(environments, self._runnable.push, transitions.block, config.blocked_after_seconds)

    def queue(self, job: Job) -> None:
        """RUNNABLE, at the end of the line."""
        self._transitions.move(job, Status.RUNNABLE)
        self._line_up(job)

    def _line_up(self, job: Job) -> None:
        if not self._holds.take(job):
            self._runnable.push(job)

    def look_at_held(self) -> float | None:
        """Let jobs go whose queue can start them by now; in how many seconds to look again, if ever."""
        return self._holds.look(time.monotonic())

    def line(self, queue_arn: str) -> list[Job]:
        """The RUNNABLE jobs of a queue, the one at its head first."""
        return [*self._holds.line(queue_arn), *self._runnable.line(queue_arn)]

    def stop(self, job: Job, stop: Stop) -> None:
        """Stop the job's attempt, or a node's; when `carry_out_stops` is called."""
        self._stops.append((job.id, stop))

    def carry_out_stops(self) -> None:
        while self._stops:
            self._runner.stop(*self._stops.popleft())

    def assign_next(self) -> Job | None:
        """The job at the head of the line, if there is one and it fits: STARTING, with capacity and ECS tasks."""
        job = self._runnable.pop_if_fits(self._capacity)
        if job is None:
            return None
        self._capacity.take(job)
        for member in job.members:
            member.task = self._task(member)
            if member.node is not None:
                self._transitions.move_node(member, Status.STARTING)
        self._transitions.move(job, Status.STARTING)
        return job

    def _task(self, job: Job) -> Task:
        cluster = f"{job.spec.compute_environment}_Batch"
        task_id = new_task_id()
        return Task(
            id=task_id,
            arn=self._arns.ecs("task", f"{cluster}/{task_id}"),
            log_stream=f"{job.spec.log_prefix}/default/{task_id}",
            container_instance_arn=None
            if job.spec.fargate
            else self._arns.ecs("container-instance", f"{cluster}/local"),
        )

    # Starting.

    def launch(self, job: Job) -> list[Ended]:
        """Start the job's process, or one for each node; those that failed at once. Without the lock, as it takes
        milliseconds. Nodes wait for the main one to run, so where that fails none is started.
        """
        failed: list[Ended] = []
        for member in job.members:
            if member.task is None:
                continue
            outcome = self._refused(job) or self._launch(member, member.task, job)
            if outcome is not None:
                failed.append(Ended(member, member.task, outcome))
                if member is job.members[0]:
                    break
        return failed

    def launched(self, job: Job, failed: Iterable[Ended]) -> None:
        """Take note of what `launch` did: RUNNING, or the end of an attempt that never ran."""
        ends = {end.job: end for end in failed}
        if job.members[0] in ends:
            for node in job.members[1:]:
                node.task = None
        else:
            self._is_running(job, [member for member in job.members if member not in ends])
        for end in ends.values():
            self.ended(end)

    def _is_running(self, job: Job, members: Iterable[Job]) -> None:
        now = self._transitions.now()
        for member in members:
            member.started_at = now
            if member.node is not None:
                self._transitions.move_node(member, Status.RUNNING)
        job.started_at = now
        self._transitions.move(job, Status.RUNNING)

    def _refused(self, job: Job) -> Outcome | None:
        # What ECS would refuse, Batch accepts and fails here; no retry can change it.
        return Outcome(False, job.spec.refusal, may_retry=False) if job.spec.refusal else None

    def _launch(self, member: Job, task: Task, job: Job) -> Outcome | None:
        """Start the attempt of the job or of its node `member`; the outcome if that fails at once."""
        strike = self._chance(member, job)
        if strike is not None and strike.fault is chaos.Fault.HOST:
            logger.info("by chance: %s of %s", strike.fault, described(job))
            return could_not_start(HOST_TIMEOUT)
        spared = strike is not None and self._is_spared(member, strike)
        self._tell(member, task, job, spared)
        strike = None if spared else strike
        try:
            self._runner.start(member, task, strike)
        except CannotStart as error:
            return could_not_start(str(error))
        except OSError as error:  # out of descriptors, processes or disk: the host's trouble, not the job's
            return could_not_start(f"CannotCreateContainerError: {error}")
        return None

    def _chance(self, member: Job, job: Job) -> chaos.Strike | None:
        index = member.index if member.node is None else member.node
        who = chaos.who(job.spec.name, job.spec.parameters)
        return chaos.strike(self._config.chaos, who, index, len(job.attempts) + 1)

    def _is_spared(self, member: Job, strike: chaos.Strike) -> bool:
        """Whether the fault would end the task for good, as a person's own step would on AWS: no way to show how it
        survives. Of machines that go away, every step has others."""
        if strike.fault is not chaos.Fault.OOM or self._config.chaos.fatal:
            return False
        return not self._config.survives_memory_kill(member.spec.parameters)

    def _tell(self, member: Job, task: Task, job: Job, spared: bool) -> None:
        """Say in the job's log what it does not get here; of an array's children, the first says it for all."""
        texts = [SPARED] if spared else []
        if self._capacity.oversized(job) and member is job.members[0]:
            texts.append(
                f"local Batch: the job asks for {job.spec.vcpus:g} vCPU and {job.spec.memory_mib} MiB; this machine"
                f" offers {self._config.vcpus:g} vCPU and {self._config.memory_mib} MiB, so it runs alone"
            )
        if member.spec.surroundings.note is not None and not member.index:
            texts.append(member.spec.surroundings.note)
        now = self._transitions.now()
        self._outbox.lines(member.spec.log_group, task.log_stream, [(now, text) for text in texts])

    # Ends.

    def ended(self, end: Ended) -> None:
        """An attempt is over, or a node's part of one."""
        job, outcome = end.job, end.outcome
        attempt = Attempt(
            task=end.task,
            started_at=job.started_at,
            stopped_at=self._transitions.now(),
            exit_code=outcome.exit_code,
            reason=outcome.reason,
            status_reason=outcome.status_reason,
        )
        job.attempts.append(attempt)
        job.task = None
        if job.parent is not None and job.node is not None:
            self._node_ended(job, job.parent, outcome)
            return
        self._capacity.release(job)
        self._conclude(job, outcome)
        if job.status is Status.RUNNABLE:
            self._line_up(job)

    def _node_ended(self, node: Job, job: Job, outcome: Outcome) -> None:
        self._transitions.move_node(
            node, Status.SUCCEEDED if outcome.succeeded else Status.FAILED, outcome.status_reason
        )
        if node.is_main_node:
            job.attempts.append(node.attempts[-1])
            for other in job.nodes:
                if other.task is not None:
                    self._runner.stop(other.id, Stop(StopCause.MAIN_NODE_ENDED))
            self._conclude(job, outcome)
        if any(other.task is not None for other in job.nodes):
            return
        # Only now, so that a retry finds no process of the attempt before.
        self._capacity.release(job)
        if job.status is Status.RUNNABLE:
            for other in job.nodes:
                self._transitions.move_node(other, Status.RUNNABLE)
            self._line_up(job)

    def lost(self, job: Job) -> None:
        """The machine went away under the job's attempt, and took it along."""
        if job.task is not None:
            now = self._transitions.now()
            job.attempts.append(Attempt(job.task, job.started_at, now, None, None, HOST_GONE))
        job.task = None
        self._conclude(job, Outcome(False, HOST_GONE))
        if job.status is Status.RUNNABLE:
            self._line_up(job)

    def waits(self, job: Job) -> None:
        """RUNNABLE already, when its machine came back: at the end of the line."""
        self._line_up(job)

    def _conclude(self, job: Job, outcome: Outcome) -> None:
        """What the attempt makes of the job: its end, or RUNNABLE again."""
        if outcome.succeeded:
            self._transitions.move(job, Status.SUCCEEDED, outcome.status_reason)
        elif self._retries(job, outcome):
            job.started_at = None
            self._transitions.move(job, Status.RUNNABLE)
        else:
            reason = job.stop_reason if job.terminated else outcome.status_reason
            self._transitions.move(job, Status.FAILED, reason)

    def _retries(self, job: Job, outcome: Outcome) -> bool:
        if not outcome.may_retry or job.terminated:
            return False
        return job.spec.retry.retries(len(job.attempts), outcome.status_reason, outcome.reason, outcome.exit_code)
