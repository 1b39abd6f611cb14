"""The exit hooks of a run, as its stored state tells of them. Pure."""

from collections.abc import Iterator

from steprelay.client.changes import HookChanged
from steprelay_core.ports import Stored
from steprelay_core.state.model import HookRun, TaskKey


class HookDiffer:
    """Remembers what was told of a run's hooks, so that each change is told once."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, int], HookRun] = {}

    def changes(self, stored: Stored) -> Iterator[tuple[HookRun, HookChanged]]:
        """What is new, and of which hook."""
        for hook in stored.run.hooks:
            before = self._told.get((hook.name, hook.generation))
            if before is None or (before.status, before.attempt) != (hook.status, hook.attempt):
                self._told[hook.name, hook.generation] = hook
                yield hook, hook_changed(hook)


def hook_changed(hook: HookRun) -> HookChanged:
    """Where a hook is now."""
    ended, failure = hook.ended_at, hook.failure
    return HookChanged(
        hook=hook.name,
        state="running" if ended is None else "failed" if failure is not None else "succeeded",
        attempt=len(hook.attempts),
        generation=hook.generation,
        at=hook.started_at if ended is None else ended,
        seconds=None if ended is None else round(ended - hook.started_at, 3),
        failure_class=failure.class_ if failure is not None else None,
        reason=failure.reason if failure is not None else None,
    )


def hook_tasks(stored: Stored) -> list[TaskKey]:
    """What the logs of hooks lie under, each once."""
    return list(dict.fromkeys(hook.task for hook in stored.run.hooks))


def hook_attempts(stored: Stored, task: TaskKey) -> list[int]:
    """The attempts of a hook that have begun, after whichever end of the run."""
    return sorted(attempt for hook in stored.run.hooks if hook.task == task for attempt in hook.attempts)
