"""A batch of SQS messages whose events are decided together, by run; each message is answered for itself."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from steprelay.relay.records import DeadLetters, answer
from steprelay.relay.telemetry import about, log_handled_together, log_ignored, log_one_of
from steprelay_core.handled import Handled
from steprelay_core.inbound import Ignored
from steprelay_core.state.events import JobChanged, JobWaits, LightEnded

Change = JobChanged | JobWaits | LightEnded
Answer = Handled | Exception


def answer_together(
    event: dict[str, Any],
    read: Callable[[str], Change | Ignored],
    handle_all: Callable[[Sequence[Change]], list[Answer]],
    dead_letters: DeadLetters | None,
) -> dict[str, Any]:
    """SQS's partial batch response to a Lambda event.

    `read` and `handle_all` as `inbound.read_job_event` and `Engine.handle_all`: of several runs, one after the other.
    """
    found = {record["messageId"]: _read(record["body"], read) for record in event["Records"]}
    told = {message: change for message, change in found.items() if isinstance(change, Change)}
    handled = _handle(told, handle_all)

    def tell(_body: str, message_id: str) -> None:
        change = found[message_id]
        if isinstance(change, Exception):
            raise change
        if isinstance(change, Ignored):
            return log_ignored(change)
        about(change)
        became = handled[message_id]
        if isinstance(became, Exception):
            raise became
        return log_one_of(became, len(told))

    return answer(event, tell, dead_letters)


def _read(body: str, read: Callable[[str], Change | Ignored]) -> Change | Ignored | Exception:
    try:
        return read(body)
    except Exception as error:  # the answer to this message, and to no other
        return error


def _handle(changes: dict[str, Change], handle_all: Callable[[Sequence[Change]], list[Answer]]) -> dict[str, Answer]:
    """What became of each message, by its id."""
    by_run: dict[str, list[str]] = defaultdict(list)
    for message_id, change in changes.items():
        by_run[change.run].append(message_id)
    handled: dict[str, Answer] = {}
    for run, ids in by_run.items():
        answers = handle_all([changes[message_id] for message_id in ids])
        log_handled_together(run, [answer for answer in answers if isinstance(answer, Handled)])
        handled |= zip(ids, answers, strict=True)
    return handled
