"""Where things lie in the data bucket (docs/architecture.md, "Objects")."""

from steprelay_core.state.model import GroupKey, TaskKey


def package(digest: str) -> str:
    return f"packages/{digest}.tar.gz"


def spec(digest: str) -> str:
    return f"packages/{digest}.json"


def rejection(upload: str) -> str:
    """Why an upload was rejected; `upload` is the 12 hex of its bucket, key and version (`intake.identity`)."""
    return f"rejected/{upload}.json"


def dotted(path: tuple[int, ...]) -> str:
    """A path as text: `0.3`, or `_` when empty, since keys and job parameters cannot hold an empty part."""
    return ".".join(str(index) for index in path) or "_"


def place(group: GroupKey) -> str:
    """The path of a group as text, behind its laps: `0.3`, `2-0.3`, `2-_`."""
    return "-".join([*map(str, group.laps), dotted(group.path)])


def brief(run: str, group: GroupKey, submission: str) -> str:
    return f"runs/{run}/{group.step}/{place(group)}/brief-{submission}.json"


def claim(run: str, task: TaskKey, attempt: int) -> str:
    return f"{_attempt(run, task, attempt)}/claim.json"


def outcome(run: str, task: TaskKey, attempt: int) -> str:
    return f"{_attempt(run, task, attempt)}/outcome.json"


def failed_mark(run: str, task: TaskKey, attempt: int) -> str:
    """Written by the runner in a job before an outcome that is no success."""
    return f"{_attempt(run, task, attempt)}/failed"


def light_log(run: str, task: TaskKey, attempt: int) -> str:
    """What a light attempt printed; its function writes it when the attempt has ended."""
    return f"{_attempt(run, task, attempt)}/log.txt"


def caught_mark(run: str, task: TaskKey, attempt: int) -> str:
    """Written by the runner in a job before an outcome that is a success only by `@catch`."""
    return f"{_attempt(run, task, attempt)}/caught"


def tasks(run: str, group: GroupKey) -> str:
    """What the keys of all tasks of a foreach under one parent begin with, and few others."""
    return f"runs/{run}/{group.step}/{dotted(group.path)}."


def _attempt(run: str, task: TaskKey, attempt: int) -> str:
    return f"runs/{run}/{task.step}/{task.split}/{attempt}"
