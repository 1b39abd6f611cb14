"""What a run left: the artifacts of its last step, and the log of what failed."""

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace

from steprelay.client.changes import Artifact, Cause
from steprelay.client.needs import asked_by
from steprelay.client.nodes import main_node_of
from steprelay.client.output import OutputReader
from steprelay.client.plain_data import show_plain
from steprelay.client.relay import RelayClient
from steprelay.client.tasks import parse_task
from steprelay_core.logs import log_of
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.model import RunFailure, TaskKey

# Artifacts whose value is shown at most, and the size (bytes) up to which one is read for it.
SHOWN_VALUES = 20
SHOWN_SIZE = 4096

LOG_TAIL = 10


def final_artifacts(client: RelayClient, flow: Flow, stored: Stored) -> tuple[Artifact, ...]:
    """The artifacts of the run's last step by name, small plain ones with their value."""
    found = _last_attempt(flow, stored)
    outcome = client.outcome(stored.run.id, *found) if found else None
    told = sorted((outcome or {}).get("artifacts", {}).items())
    return tuple(_artifacts(client, stored.run.flow, told))


def _artifacts(client: RelayClient, flow: str, told: list[tuple[str, dict[str, object]]]) -> Iterator[Artifact]:
    for place, (name, known) in enumerate(told):
        size = int(str(known["size"]))
        small = size <= SHOWN_SIZE and place < SHOWN_VALUES
        pickled = _pickle(client, flow, known) if small else None
        value = show_plain(pickled) if pickled is not None else None
        yield Artifact(name, str(known["type"]), size, value)


def _pickle(client: RelayClient, flow: str, known: dict[str, object]) -> bytes | None:
    """Small artifacts are in the outcome itself."""
    inline = known.get("inline")
    return b64decode(inline) if isinstance(inline, str) else client.artifact(flow, str(known["sha256"]))


def _last_attempt(flow: Flow, stored: Stored) -> tuple[TaskKey, int] | None:
    for key, group in stored.groups.items():
        winner = group.winner(0)
        if not key.path and not flow.step(key.step).next and winner is not None:
            return key.task(0), winner
    return None


def cause_of(
    client: RelayClient, flow: Flow, stored: Stored, output: OutputReader, seen: tuple[str, ...] | None
) -> Cause | None:
    """Why the run failed; the last lines of that attempt (of its main node) are read unless they were `seen`."""
    failure = stored.run.failure
    if failure is None:
        return None
    if not failure.task:
        return _cause(failure, "")
    task = parse_task(failure.task)
    step = task.step
    if seen is None:
        lines = output.rest(stored, task, failure.attempt, [main_node_of(flow, step)])
        seen = tuple(line.text for line in lines)
    group, memory = stored.groups.get(task.group), flow.step(step).memory
    asked = asked_by(flow.step(step), group, task.member, failure.attempt) if group else None
    cause = replace(_cause(failure, step, seen[-LOG_TAIL:]), log_link=_link(client, flow, stored, output, failure))
    if memory is None or asked is None:
        return cause
    return replace(cause, memory=asked.memory, max_memory=memory.limit if memory.limit > memory.start else None)


def _link(client: RelayClient, flow: Flow, stored: Stored, output: OutputReader, failure: RunFailure) -> str | None:
    """The page of the log of a failed attempt; where it writes AWS Batch is asked, if no event has told."""
    task, stream = parse_task(failure.task), failure.failure.log_stream
    if stream is None and flow.step(task.step).batch is not None:
        stream = output.stream(stored, task, failure.attempt)
    log = log_of(flow, stored.run.id, task, failure.attempt, stream)
    return client.log_link(log) if log is not None else None


def _cause(failure: RunFailure, step: str, tail: tuple[str, ...] = ()) -> Cause:
    told = failure.failure
    return Cause(
        failure.task, step, failure.attempt, told.class_, told.reason, told.exit_code, tail, budget=failure.budget
    )
