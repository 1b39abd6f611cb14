"""What events and exit hooks are told of a failure: its first cause, with the end of what it printed."""

from dataclasses import replace
from functools import cache
from typing import Any

from steprelay_core.commands import Announce
from steprelay_core.decide.advance import describe_failure
from steprelay_core.logs import log_of
from steprelay_core.ports import Ports
from steprelay_core.spec import Flow
from steprelay_core.state.model import RunFailure, TaskKey, TaskSelection

# The events that tell of a first cause.
FAILURES = ("Step Failed", "Run Failed")

# EventBridge takes events of 1 MB, and the targets of rules often less (SNS, SQS: 256 KiB).
LINES = 20
LINE_CHARACTERS = 500

# Where it writes, its last lines, and the page that has all of them.
Read = tuple[str | None, tuple[str, ...], str | None]


class Teller:
    """Reads the log of each failed attempt once. What cannot be read is left out: nothing here raises."""

    def __init__(self, flow: Flow, run: str, ports: Ports) -> None:
        self._flow, self._run, self._ports = flow, run, ports
        self._log = cache(self._read)

    def announcement(self, event: Announce) -> Announce:
        """An event that tells of a failure, with its log; others as they are."""
        return replace(event, detail=self._with_log(event.detail)) if event.detail_type in FAILURES else event

    def cause(self, cause: RunFailure | None) -> dict[str, Any] | None:
        """The cause of a failed run as events have it, with its log."""
        return None if cause is None else self._with_log(describe_failure(cause))

    def _with_log(self, told: dict[str, Any]) -> dict[str, Any]:
        if not told["task"]:
            return told | {"log_link": None, "log_lines": []}
        stream, lines, link = self._log(str(told["task"]), int(told["attempt"]), told["log_stream"])
        return told | {"log_stream": stream, "log_link": link, "log_lines": list(lines)}

    def _read(self, task: str, attempt: int, stream: str | None) -> Read:
        key, logs = TaskSelection.parse(task).task, self._ports.logs
        if logs is None:
            return stream, (), None
        step = self._flow.spec.steps.get(key.step)
        if stream is None and step is not None and step.batch is not None:
            stream = self._find_stream(key, attempt)
        log = log_of(self._flow, self._run, key, attempt, stream)
        if log is None:
            return stream, (), None
        return stream, tuple(map(_cut, logs.last_lines(log, LINES))), logs.link(log)

    def _find_stream(self, task: TaskKey, attempt: int) -> str | None:
        """Of an array that failed as a whole no event has told where its children log; whoever ran this one has left
        its id in the claim."""
        try:
            claim = self._ports.objects.claims(self._run, [(task, attempt)])[task, attempt]
            job_id = claim.job_id if claim is not None else None
            found = self._ports.jobs.describe([job_id]) if job_id is not None else []
        except Exception:  # whatever keeps it from being found, the failure is to be told
            return None
        return next((job.get("container", {}).get("logStreamName") for job in found), None)


def _cut(line: str) -> str:
    return line if len(line) <= LINE_CHARACTERS else f"{line[: LINE_CHARACTERS - 1]}…"
