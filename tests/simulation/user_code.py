"""What user code does in each attempt of each task: fixed by the seed, whatever the order of things."""

from random import Random
from typing import Any

from steprelay.runner.brief import Task

# How a container may be kept from starting: reasons in the words of AWS, each of a class that is final or not.
NO_IMAGE = "CannotPullContainerError: manifest unknown"
SLOW_REGISTRY = "CannotPullContainerError: i/o timeout"
NO_DISK = "CannotStartContainerError: no such file or directory"
SLOW_SECRETS = "ResourceInitializationError: unable to pull secrets: request timed out"
BROKEN_HOST = "CannotCreateContainerError: Error response from daemon: no space left on device"
NOT_TOLD = "CannotInspectContainerError: Could not transition to inspecting; timed out after waiting 30s"

FINAL_REASONS = frozenset({NO_IMAGE, NO_DISK})
# What some tasks meet again and again.
LASTING = (SLOW_REGISTRY, SLOW_SECRETS, BROKEN_HOST, NOT_TOLD)

# How many items a foreach has; the many are rare, and more than some windows hold in several portions.
ITEMS = (*(0, 1, 2, 3, 4, 6) * 10, 20)

ENDINGS = ("failure", "failure", "swallowed", "killed", "silent success", "out of memory", "hangs")


# More than one save takes groups (`decide.draft.GROUPS_AT_ONCE`).
MANY_ITEMS = 80


class Plan:
    """`wide`: whether the outermost foreach has many items; `failing`: how many of the attempts fail by themselves,
    from 0 to 1; `submits_per_second`: what the relay is deployed with."""

    def __init__(self, seed: int, failing: float, *, wide: bool = False) -> None:
        self._wide = wide
        self.submits_per_second = Random(f"pace of {seed}").choice((0, 1, 1, 3))
        self._seed = seed
        self._failing = failing

    def ending(self, task: Task) -> str:
        """`success`, or one of ENDINGS; `hangs` only where a timeout ends it."""
        if self._random("hungry", task).random() < self._failing / 20:
            return "out of memory"
        random = self._random("ending", task, task.brief.attempt)
        if random.random() > self._failing:
            return "success"
        ending = random.choice(ENDINGS)
        return "failure" if ending == "hangs" and task.brief.timeout_seconds is None else ending

    def way(self, task: Task) -> int | None:
        """The position of the way on that the step takes."""
        ways = task.brief.ways
        return self._random("way", task).randrange(len(ways)) if ways else None

    def items(self, task: Task) -> int:
        """How many items a foreach of this task has."""
        if self._wide and not task.brief.path:
            return MANY_ITEMS
        return self._random("items", task).choice((1,) if self._wide else ITEMS)

    def seconds(self, task: Task) -> float:
        if self._wide:
            return 3000.0 if len(task.brief.path) > 1 else 0.1
        return self._random("seconds", task, task.brief.attempt).choice((0.1, 0.1, 1.0, 1.0, 20.0, 20.0, 90.0, 3000.0))

    def keeps_from_starting(self, parameters: dict[str, Any], index: int | None) -> str | None:
        """Why the container of a job never starts, if so; `parameters` are those of the job."""
        whose = [parameters[name] for name in ("run", "step", "path", "laps") if name in parameters]
        cursed = Random(f"{self._seed}:cursed:{whose}:{index}")
        if parameters["submission"] != "exit" and cursed.random() < self._failing / 20:
            return cursed.choice(LASTING)
        what = [parameters[name] for name in ("run", "step", "path", "laps", "submission") if name in parameters]
        random = Random(f"{self._seed}:start:{what}:{index}")
        if random.random() > self._failing / 5:
            return None
        return random.choice((NO_IMAGE, SLOW_REGISTRY, SLOW_REGISTRY, NO_DISK, SLOW_SECRETS, BROKEN_HOST, NOT_TOLD))

    def _random(self, what: str, task: Task, attempt: int = 0) -> Random:
        return Random(f"{self._seed}:{what}:{task.brief.run}:{task.name}:{task.member}:{attempt}")
