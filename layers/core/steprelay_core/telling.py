"""What events and exit hooks are told of a failure: its first cause, with the end of what it printed."""

from dataclasses import replace
from functools import cache
from typing import Any

from steprelay_core.commands import Announce
from steprelay_core.decide.advance import describe_failure
from steprelay_core.logs import log_of
from steprelay_core.ports import Logs
from steprelay_core.spec import Flow
from steprelay_core.state.model import RunFailure, TaskKey, TaskSelection

# EventBridge takes events of 1 MB, and the targets of rules often less (SNS, SQS: 256 KiB).
LINES = 20
LINE_CHARACTERS = 500

Read = tuple[tuple[str, ...], str | None]


class Teller:
    """Reads the log of each failed attempt once. What cannot be read is left out: nothing here raises."""

    def __init__(self, flow: Flow, run: str, logs: Logs | None) -> None:
        self._flow, self._run, self._logs = flow, run, logs
        self._log = cache(self._read)

    def announcement(self, event: Announce) -> Announce:
        """An event that tells of a failed attempt, with its log; others as they are."""
        if not event.detail.get("task"):
            return event
        return replace(event, detail=self._with_log(event.detail))

    def cause(self, cause: RunFailure | None) -> dict[str, Any] | None:
        """The cause of a failed run as events have it, with its log."""
        if cause is None:
            return None
        told = describe_failure(cause)
        return self._with_log(told) if cause.task else told

    def _with_log(self, told: dict[str, Any]) -> dict[str, Any]:
        lines, link = self._log(str(told["task"]), int(told["attempt"]), told["log_stream"])
        return told | {"log_link": link, "log_lines": list(lines)}

    def _read(self, task: str, attempt: int, stream: str | None) -> Read:
        log = log_of(self._flow, self._run, _key(task), attempt, stream)
        if log is None or self._logs is None:
            return (), None
        return tuple(map(_cut, self._logs.last_lines(log, LINES))), self._logs.link(log)


def _key(task: str) -> TaskKey:
    named = TaskSelection.parse(task)
    *path, member = (0, *named.split)
    return TaskKey(named.step, tuple(path), member, named.laps or ())


def _cut(line: str) -> str:
    return line if len(line) <= LINE_CHARACTERS else f"{line[: LINE_CHARACTERS - 1]}…"
