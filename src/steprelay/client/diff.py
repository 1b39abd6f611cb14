"""What changed between two looks at a run. Pure: logs and results are read by `steprelay.client.follow`."""

from collections.abc import Iterator

from steprelay.client.changes import AttemptFailed, Change, NextStep, StepProgress, TaskChanged
from steprelay.client.needs import asked_by
from steprelay.client.progress import TASK_BY_TASK, Jobs, TaskState, in_order, step_progress, task_states
from steprelay.client.stuck import stuck_jobs
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow, Step
from steprelay_core.state.model import FailedAttempt, Group, GroupKey, TaskKey


class Differ:
    """Remembers what was told of a run, so that each change is told once."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._steps: dict[str, StepProgress] = {}
        self._tasks: dict[TaskKey, tuple[int, str]] = {}
        self._told: dict[GroupKey, int] = {}
        self._versions: dict[GroupKey, int] = {}
        self._stuck: set[tuple[str, str, str, str]] = set()

    def changes(self, stored: Stored, jobs: Jobs, now: float) -> Iterator[tuple[TaskKey | None, Change]]:
        """What is new, in the order of the flow's steps; the task is given where the change ends an attempt."""
        for group in in_order(self._flow, stored):
            # What jobs tell changes without the stored group.
            if self._versions.get(group.key) == group.version and not (jobs and group.submissions):
                continue
            self._versions[group.key] = group.version
            yield from self._failures(group)
            if len(group.members) <= TASK_BY_TASK:
                yield from self._task_changes(group, jobs, now)
        yield from self._newly_stuck(stored)
        for progress in step_progress(self._flow, stored, jobs):
            if self._steps.get(progress.step) != progress and progress.tasks:
                self._steps[progress.step] = progress
                yield None, progress

    def _newly_stuck(self, stored: Stored) -> Iterator[tuple[None, Change]]:
        """What keeps a step's jobs from starting, once as long as it does."""
        found = {(one.step, one.queue, one.failure_class, one.reason): one for one in stuck_jobs(stored)}
        for what, one in found.items():
            if what not in self._stuck:
                yield None, one
        self._stuck = set(found)

    def _failures(self, group: Group) -> Iterator[tuple[TaskKey, Change]]:
        new = group.history[self._told.get(group.key, 0) :]
        self._told[group.key] = len(group.history)
        for failed in new:
            yield group.key.task(failed.member), attempt_failed(self._flow, group, failed)

    def _task_changes(self, group: Group, jobs: Jobs, now: float) -> Iterator[tuple[TaskKey | None, Change]]:
        for task, state in task_states(group, now, jobs).items():
            if self._tasks.get(task) == (state.attempt, state.state):
                continue
            self._tasks[task] = (state.attempt, state.state)
            if state.state == "retrying":
                continue  # the failed attempt's own line says so
            ended = state.state == "succeeded"
            yield (task if ended else None), _task_changed(task, state)


def _task_changed(task: TaskKey, state: TaskState) -> TaskChanged:
    return TaskChanged(str(task), task.step, state.attempt, state.state, state.since, state.seconds, state.caught)


def attempt_failed(flow: Flow, group: Group, failed: FailedAttempt) -> AttemptFailed:
    """A line of the history, with what followed it."""
    wait = next((wait for wait in group.waits if failed.member in wait.members), None)
    then: NextStep = "undecided"
    if failed.caught:
        then = "catch"
    elif wait is not None or _has_later_attempt(group, failed):
        then = "retry"
    elif failed.member in group.failed:
        then = "fail"
    step = flow.step(group.key.step)
    memory, queue = _what_changes(step, group, failed) if then == "retry" else (None, None)
    return AttemptFailed(
        task=str(group.key.task(failed.member)),
        step=group.key.step,
        attempt=failed.attempt,
        at=failed.at,
        failure_class=failed.failure.class_,
        reason=failed.failure.reason,
        exit_code=failed.failure.exit_code,
        then=then,
        retry_at=wait.due if wait is not None and wait.attempt == failed.attempt + 1 else None,
        memory=memory,
        queue=queue,
        budget=failed.budget,
    )


def _what_changes(step: Step, group: Group, failed: FailedAttempt) -> tuple[int | None, str | None]:
    """The memory (MiB) and the queue of the next attempt, where they are not those of this one."""
    this, following = (asked_by(step, group, failed.member, failed.attempt + more) for more in (0, 1))
    if this is None or following is None:
        return None, None
    return (
        following.memory if following.memory != this.memory else None,
        following.queue if following.queue != this.queue else None,
    )


def _has_later_attempt(group: Group, failed: FailedAttempt) -> bool:
    later = [submission.attempt for submission in group.submissions if failed.member in submission.open]
    later += [other.attempt for other in group.history if other.member == failed.member]
    later += [attempt for attempt, members in group.won.items() if failed.member in members]
    return any(attempt > failed.attempt for attempt in later)
