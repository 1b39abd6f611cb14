"""Naming tasks the way people see them: `train`, `process.3`, `inner.3.1`, `train@2`."""

from steprelay_core.state.model import TaskKey, TaskSelection
from steprelay_core.state.ranges import Ranges


def parse_task(text: str) -> TaskKey:
    """The task that `str(TaskKey)` wrote.

    Raises:
        ValueError: if what follows the step is not numbers joined by dots, and laps.
    """
    return TaskSelection.parse(text).task


def is_meant(task: TaskKey, tasks: TaskSelection | None) -> bool:
    """Whether a task is one of those that somebody named; None: of all."""
    return tasks is None or bool(len(tasks.of(task.group, Ranges.of(task.member))))
