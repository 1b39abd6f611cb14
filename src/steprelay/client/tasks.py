"""Naming tasks the way people see them: `train`, `process.3`, `inner.3.1`."""

from steprelay_core.state.model import TaskKey


def parse_task(text: str) -> TaskKey:
    """The task that `str(TaskKey)` wrote.

    Raises:
        ValueError: if what follows the step is not numbers joined by dots.
    """
    step, *splits = text.split(".")
    indices = [int(part) for part in splits]
    if any(index < 0 for index in indices):
        raise ValueError(text)
    *path, member = (0, *indices)
    return TaskKey(step, tuple(path), member)
