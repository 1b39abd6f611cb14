"""A claimed attempt, watched: the step runs in a child, and what the child could not say is said for it."""

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from steprelay.runner.outcome import Failure, Outcome, write_outcome
from steprelay.runner.perform import EXIT_CODES, Job, perform, settle
from steprelay.runner.supervise import Ending, Limits, supervise
from steprelay.runner.watchdog import RECLAIMED_EXIT_CODE, duration
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
    ending = supervise(
        lambda progress: perform(job, progress, limits), limits, output=output, forward_signals=forward_signals
    )
    if ending.outcome is not None:
        return Ended(ending.outcome, 0 if ending.outcome == "succeeded" else 1)
    failure = explain(ending)
    ended = Ended(None, _exit_code(ending))
    if failure is not None:
        status = record_failure(job, failure, job.meter.of_ended_process(ending.used)).status
        ended = Ended(status, 0 if status == "succeeded" else 1)
    # After the outcome, which matters more in the little time that may be left.
    if ending.checkpoint and ended.status != "succeeded":
        job.checkpoint().keep_for_ended_process()
    return ended


def _exit_code(ending: Ending) -> int:
    # A step that was deaf to SIGTERM ends by SIGKILL, and that alone would look like one which took too much memory.
    if was_reclaimed(ending):
        return RECLAIMED_EXIT_CODE
    return 128 - ending.code if ending.code < 0 else ending.code


def run_beside_main_node(job: Job, limits: Limits) -> int:
    """Run the step on another node of its job, where nothing is recorded; the exit code, 0 or 1.

    143 where the node is stopped, as AWS Batch does once the main node is through.
    """
    ending = supervise(lambda progress: perform(job, progress, limits), limits, forward_signals=True)
    if ending.code in EXIT_CODES.values():
        return ending.code
    if was_reclaimed(ending):
        return RECLAIMED_EXIT_CODE
    print(f"steprelay: {explain_ending(job, ending).message}", file=sys.stderr)  # noqa: T201
    return EXIT_CODES["failed"]


def record_failure(job: Job, failure: Failure, peak_memory_mib: int | None = None) -> Outcome:
    """Leave the outcome of a step that could not do it itself; `@catch` counts here as well."""
    context = job.context
    error = TimeoutException(failure.message) if failure.class_ == "timeout" else None
    outcome = replace(settle(context, context.untouched(), failure, error), peak_memory_mib=peak_memory_mib)
    return write_outcome(job.store, job.task, job.attempt, outcome, time.time())


def was_reclaimed(ending: Ending) -> bool:
    """Whether the child ended because the container is being taken away."""
    return ending.stopped == "reclaim" or ending.code in (RECLAIMED_EXIT_CODE, -signal.SIGTERM)


def explain_batch(job: Job, ending: Ending) -> Failure | None:
    """In a container: Batch itself tells reclaims and memory kills best, so those leave no outcome."""
    if was_reclaimed(ending):
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
