"""A message of the light queue: one task, or several of a wide foreach that are run one after the other.

Each has its own claim and outcome, so that nothing runs twice however often the message comes. Those for which the
function has too little time left are sent anew.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from steprelay.runner.brief import Brief, Task, decode_brief, read_brief
from steprelay.runner.light import RESERVE_SECONDS, LightResult, StillRunning, run_light
from steprelay.runner.package import PackageCache
from steprelay.runner.store import Store

Report = Callable[[Sequence[dict[str, Any]]], None]

# Ends are reported together, but the first of them does not wait longer for the others (seconds).
REPORT_AFTER = 5.0

# A task without a limit of its own is begun where there is left half of the function's time, and so many times what the
# longest before it took.
_TIMES_THE_LONGEST = 10


def tasks_of(message: dict[str, Any], store: Store) -> list[Task]:
    """What a message of the light queue asks for; the brief is in the message itself, or where the message says.

    Raises:
        Missing: if there is no such brief.
        BriefError: if the brief cannot be used.
    """
    brief = message["brief"]
    decoded: Brief = read_brief(store.get(brief)) if isinstance(brief, str) else decode_brief(brief)
    members = message["members"] if "members" in message else [message["member"]]
    return [Task(decoded, member) for member in members]


def has_time(limit: float | None, left: float, whole: float, longest: float) -> bool:
    """Whether a function may begin another task; all in seconds.

    `limit`: the step's own; `left` and `whole`: what is and what was there for tasks; `longest`: of those before.
    """
    if limit is not None:
        return left >= limit
    return left >= max(whole / 2, _TIMES_THE_LONGEST * longest)


class _Reports:
    """Ends that the dispatcher is still to be told of."""

    def __init__(self, report: Report, clock: Callable[[], float]) -> None:
        self._report, self._clock = report, clock
        self._untold: list[dict[str, Any]] = []
        self._oldest = 0.0

    def add(self, result: LightResult) -> None:
        if result.report:
            self._oldest = self._oldest if self._untold else self._clock()
            self._untold.append(result.message)

    def tell(self, waited: float = 0.0) -> None:
        """Tell them, if the first has waited so long (seconds)."""
        if self._untold and self._clock() - self._oldest >= waited:
            self._report(self._untold)
            self._untold = []


@dataclass(frozen=True)
class LightFunction:
    """One invocation. `deadline`: when it must have answered (seconds since the epoch); `memory_mib`: what it may use.

    `report` tells the dispatcher of ends; `again` puts a message on the light queue.
    """

    store: Store
    deadline: float
    report: Report
    again: Callable[[dict[str, Any]], None]
    memory_mib: int | None = None
    cache: PackageCache | None = None
    run: Callable[..., LightResult] = run_light
    clock: Callable[[], float] = time.time

    def handle(self, message: dict[str, Any]) -> list[LightResult]:
        """Run the tasks of a message, report their ends, and send anew those there is no time for.

        Raises:
            StillRunning: if another delivery may be at work on one of them; all others are through, or sent anew.
            Missing: if there is no such brief.
            BriefError: if the brief cannot be used.
        """
        tasks, reports = tasks_of(message, self.store), _Reports(self.report, self.clock)
        whole, longest = self._left(), 0.0
        ended: list[LightResult] = []
        busy: StillRunning | None = None
        for position, task in enumerate(tasks):
            began = self.clock()
            if position and not has_time(task.brief.timeout_seconds, self._left(), whole, longest):
                self.again({"brief": message["brief"], "members": [each.member for each in tasks[position:]]})
                break
            # The next will take as long as those before.
            reports.tell(waited=REPORT_AFTER - longest)
            try:
                result = self.run(task, self.store, self.deadline, self.memory_mib, cache=self.cache, before=position)
            except StillRunning as error:
                busy = error
                continue
            ended.append(result)
            reports.add(result)
            longest = max(longest, self.clock() - began)
        reports.tell()
        if busy is not None:
            raise busy
        return ended

    def _left(self) -> float:
        return self.deadline - RESERVE_SECONDS - self.clock()
