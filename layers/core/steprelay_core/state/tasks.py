"""How tasks and groups of them are named.

A task is one execution of a step: `(step, path, member, laps)`. `path` holds the index in each enclosing foreach
but the innermost, starting with the root's 0, and `member` the index in the innermost one. A step outside any
foreach has path `()` and member 0; the tasks of a foreach directly under it have path `(0,)`. `laps` tells the
executions apart of a step that the flow went back to (`state.laps`).
"""

import re
from dataclasses import dataclass
from typing import Any

from steprelay_core.state.laps import Laps, read_laps, written
from steprelay_core.state.ranges import Ranges


@dataclass(frozen=True, slots=True, order=True)
class GroupKey:
    """The tasks of one step under one parent, in one lap."""

    step: str
    path: tuple[int, ...] = ()
    laps: Laps = ()

    def task(self, member: int) -> "TaskKey":
        return TaskKey(self.step, self.path, member, self.laps)

    def as_json(self) -> dict[str, Any]:
        """`step`, `path` and, where there are any, `laps`: as briefs and messages name it."""
        laps = {"laps": list(self.laps)} if self.laps else {}
        return {"step": self.step, "path": list(self.path), **laps}


@dataclass(frozen=True, slots=True, order=True)
class TaskKey:
    """One execution of a step in a run."""

    step: str
    path: tuple[int, ...]
    member: int
    laps: Laps = ()

    @property
    def group(self) -> GroupKey:
        return GroupKey(self.step, self.path, self.laps)

    @property
    def split(self) -> str:
        """The whole split path as text, root first: `0` outside any foreach, `0.3` for the fourth split.

        Laps stand before it, `2-0.3`, so that the splits of one group begin alike.
        """
        return "-".join([*map(str, self.laps), ".".join(str(index) for index in (*self.path, self.member))])

    def __str__(self) -> str:
        """What people see: `train`, or `train.3` and `train.3.0` inside foreach steps; `train.3@2` in a later lap."""
        inner = (*self.path, self.member)[1:]
        return ".".join([self.step, *(str(index) for index in inner)]) + _lap(self.laps or None)


_TASKS = re.compile(r"([^.@]+)((?:\.\d{1,9})*)(?:@(\d{1,9}(?:-\d{1,9})*))?", re.ASCII)


def _lap(laps: Laps | None) -> str:
    return "" if laps is None else f"@{written(laps) or 0}"


@dataclass(frozen=True, slots=True)
class TaskSelection:
    """Tasks as people name them: all of a step, or those whose split, without the root's 0, begins with `split`.

    `laps`: of these laps only; None for all.
    """

    step: str
    split: tuple[int, ...] = ()
    laps: Laps | None = None

    @classmethod
    def parse(cls, text: str) -> "TaskSelection":
        """What `str` wrote: `process`, `process.3`, `inner.3.1`, `train@2`, `process.3@0-2`.

        Raises:
            ValueError: if what follows the step is not numbers joined by dots, and laps.
        """
        match = _TASKS.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{text!r} is not STEP or STEP.SPLIT, as in process or process.3, nor that with @LAP, as in train@2"
            )
        step, split, laps = match.groups()
        return cls(step, tuple(map(int, split.split(".")[1:])), None if laps is None else read_laps(laps))

    def of(self, key: GroupKey, members: Ranges) -> Ranges:
        """Those of a group's members that are meant."""
        outer, split = key.path[1:], self.split
        if self.step != key.step or self.laps not in (None, key.laps) or (split and not key.path):
            return Ranges()
        if len(split) <= len(outer):
            return members if outer[: len(split)] == split else Ranges()
        return members & Ranges.of(split[-1]) if split[:-1] == outer else Ranges()

    @property
    def task(self) -> TaskKey:
        """The one task of exactly this name, as `str(TaskKey)` writes it."""
        *path, member = (0, *self.split)
        return TaskKey(self.step, tuple(path), member, self.laps or ())

    def __str__(self) -> str:
        return ".".join([self.step, *(str(index) for index in self.split)]) + _lap(self.laps)
