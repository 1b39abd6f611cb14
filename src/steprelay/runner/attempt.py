"""A claimed attempt, watched: the step runs in a child, and what the child could not say is said for it."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from steprelay.runner.outcome import Failure, Outcome, write_outcome
from steprelay.runner.perform import Job, perform, settle
from steprelay.runner.supervise import Ending, Limits, supervise
from steprelay.runner.watchdog import RECLAIMED_EXIT_CODE, duration
from steprelay.runner.work import Context
from steprelay.sdk.exceptions import TimeoutException


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended. `status`: of its outcome; None if it left none, and then the exit code tells why."""

    status: str | None
    exit_code: int


def make_attempt(
    job: Job,
    limits: Limits,
    *,
    output: int | None = None,
    forward_signals: bool = False,
    explain: Callable[[Ending], Failure | None],
) -> Ended:
    """Run the step in a child.

    `explain`: the failure to record for a child that left no outcome; None records nothing, because what
    happened is better told by the exit code.
    """
    ending = supervise(lambda progress: perform(job, progress), limits, output=output, forward_signals=forward_signals)
    if ending.outcome is not None:
        return Ended(ending.outcome, 0 if ending.outcome == "succeeded" else 1)
    failure = explain(ending)
    if failure is None:
        return Ended(None, 128 - ending.code if ending.code < 0 else ending.code)
    status = record_failure(job, failure).status
    return Ended(status, 0 if status == "succeeded" else 1)


def record_failure(job: Job, failure: Failure) -> Outcome:
    """Leave the outcome of a step that could not do it itself; `@catch` counts here as well."""
    context = Context.of(job.task, job.store)
    error = TimeoutException(failure.message) if failure.class_ == "timeout" else None
    outcome = settle(context, context.untouched(), failure, error)
    return write_outcome(job.store, job.task, job.attempt, outcome, time.time())


def explain_batch(job: Job, ending: Ending) -> Failure | None:
    """In a container: Batch itself tells reclaims and memory kills best, so those leave no outcome."""
    if ending.stopped == "reclaim" or ending.code in (RECLAIMED_EXIT_CODE, -signal.SIGTERM):
        return None
    if ending.stopped is None and ending.code == -signal.SIGKILL:
        return None
    return explain_ending(job, ending)


def explain_ending(job: Job, ending: Ending) -> Failure:
    """What to say of a child that ended without an outcome."""
    if ending.stopped == "timeout":
        limit = duration(job.task.brief.timeout_seconds or 0)
        text = f"step {job.task.brief.step!r} took longer than its @timeout of {limit} and did not end when told to"
        return Failure("timeout", "TimeoutException", text)
    if ending.code < 0:
        name = signal.Signals(-ending.code).name
        return Failure("program", name, f"the step's process was killed by {name}", exit_code=128 - ending.code)
    text = f"the step's process ended by itself with exit code {ending.code}, without an outcome"
    return Failure("program", "Exit", text, exit_code=ending.code)
