"""A fallback attempt: what `@catch` does for a step whose last attempt failed without code of ours to see it.

No user code runs, so there is neither a child nor the package.
"""

import contextlib
import sys
import time
from collections.abc import Iterator

from steprelay.runner.brief import BriefError, LastFailure, Task, attempt_key
from steprelay.runner.checkpoint import place_of
from steprelay.runner.claim import DISPATCHER, decode_claim
from steprelay.runner.outcome import Attempt, Failure, Outcome, decode_outcome, write_outcome
from steprelay.runner.store import Missing, Store
from steprelay.runner.work import Context, catch
from steprelay.sdk.exceptions import ArtifactError, InvalidNext, StepFailed

# What another try would meet again: an input that is gone, or cannot be read. What S3 refuses now, it need not then.
_LASTING = (Missing, InvalidNext, ArtifactError, BriefError, ValueError, KeyError, TypeError, AttributeError)


def fall_back(task: Task, store: Store, started: float) -> str:
    """Let the flow go on from a claimed attempt; the status of its outcome. `started`: seconds since the epoch."""
    log: list[str] = []
    try:
        outcome = _caught(task, store, log)
    except _LASTING as error:
        log.append(f"steprelay: @catch cannot go on: {error}")
        outcome = Outcome("failed", failure=Failure("program", type(error).__name__, str(error)))
    _store_log(task, store, log)
    counts = write_outcome(store, task, Attempt(None, None, started), outcome, time.time())
    if counts.succeeded:
        with _no_matter("a checkpoint could not be deleted"):
            _discard_checkpoints(task, store)
    return counts.status


def _caught(task: Task, store: Store, log: list[str]) -> Outcome:
    """What the step leaves that never ran, with its failure in the artifact.

    Raises:
        BriefError: if the brief does not say of what the task failed.
        InvalidNext: if the step would have had to choose what follows.
    """
    brief, last = task.brief, task.last_failure
    if last is None or brief.catch is None:
        raise BriefError(f"the brief does not say what {task.name} failed of")
    error = error_of(last, _told(task, store, last))
    log.append(f"steprelay: attempt {last.attempt} of {task.name} failed ({last.class_}), and is not made again")
    if brief.catch.print_exception:
        log.append(error.trace.rstrip() or str(error))
    context = Context.of(task, store)
    failure = Failure(last.class_, error.type, error.text, error.trace, error.exit_code)
    outcome = catch(context, context.untouched(), failure, error)
    if outcome is None:
        raise BriefError(f"attempt {brief.attempt} of {task.name} is not its last")
    where = f", with the failure in {brief.catch.var!r}" if brief.catch.var else ""
    log.append(f"steprelay: @catch lets the flow go on{where}")
    return outcome


def error_of(last: LastFailure, told: Failure | None) -> StepFailed:
    """What stands in the artifact: in the words of the attempt's own outcome, where it left one."""
    where = (last.log_stream, last.log_link)
    if told is None:
        return StepFailed(last.class_, last.reason, "", last.class_, last.exit_code, *where)
    code = last.exit_code if told.exit_code is None else told.exit_code
    return StepFailed(told.type, told.message, told.traceback, last.class_, code, *where)


def _told(task: Task, store: Store, last: LastFailure) -> Failure | None:
    if not last.told:
        return None
    key = attempt_key(task.brief.run, task.brief.step, task.split, last.attempt, "outcome.json")
    # User code holds the role that writes it; what cannot be read says no more than the brief.
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
        return decode_outcome(store.get(key)).failure
    return None


def _store_log(task: Task, store: Store, log: list[str]) -> None:
    with _no_matter("the log could not be stored"):
        store.put(task.key("log.txt"), "".join(f"{line}\n" for line in log).encode("utf-8", "replace"))


def _discard_checkpoints(task: Task, store: Store) -> None:
    kept = store.list_keys(place_of(task))
    # Whom the relay has moved past leaves all to later attempts.
    if kept and decode_claim(store.get(task.key("claim.json"))).owner != DISPATCHER:
        store.delete(kept)


@contextlib.contextmanager
def _no_matter(what: str) -> Iterator[None]:
    """Say what went wrong; it must not keep the flow from going on."""
    try:
        yield
    except Exception as error:  # whatever the store raises
        print(f"steprelay: {what}: {error}", file=sys.stderr)  # noqa: T201
