"""One attempt from begin to end, in the process that was forked for it."""

import logging
import os
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from steprelay.runner.brief import Brief, Task
from steprelay.runner.checkpoint import TaskCheckpoint
from steprelay.runner.command_step import CommandFailed, CommandStep
from steprelay.runner.hook_step import HookStep
from steprelay.runner.nodes import ONLY_NODE, Node
from steprelay.runner.outcome import Attempt, Failure, Outcome, write_outcome
from steprelay.runner.progress import Progress
from steprelay.runner.python_step import PythonStep
from steprelay.runner.store import Store
from steprelay.runner.supervise import Limits
from steprelay.runner.tempdir import use_tempdir
from steprelay.runner.traces import user_traceback
from steprelay.runner.usage import PROCESS_METER, Meter
from steprelay.runner.watchdog import RECLAIMED_EXIT_CODE, Reclaims, TimeLimit
from steprelay.runner.work import Context, Remains, catch, succeed
from steprelay.sdk.exceptions import Reclaimed

EXIT_CODES = {"succeeded": 0, "failed": 1}


@dataclass(frozen=True)
class Job:
    """A claimed attempt. `package`: where the package is unpacked; `folder`: where the step works; `scratch`: ours.

    `node`: which node of the job this is; `meter`: what it reads its peak of memory from.
    """

    task: Task
    attempt: Attempt
    store: Store
    package: Path
    folder: Path
    scratch: Path
    node: Node = ONLY_NODE
    meter: Meter = PROCESS_METER

    @property
    def context(self) -> Context:
        return Context.of(self.task, self.store, self.scratch)

    def checkpoint(self, progress: Progress | None = None) -> TaskCheckpoint:
        """What `current.checkpoint` is; without `progress` that of a process which has ended."""
        told = {} if progress is None else {"tell": progress.checkpoint}
        return TaskCheckpoint(self.store, self.task, self.attempt, self.scratch, saves=self.node.is_main, **told)


@dataclass(frozen=True)
class Surroundings:
    """What the process of an attempt works with."""

    progress: Progress
    limit: TimeLimit
    checkpoint: TaskCheckpoint


class Step(Protocol):
    """A Python step or a command."""

    def run(self, limit: TimeLimit) -> None: ...
    def remains(self) -> Remains: ...


def perform(job: Job, progress: Progress, limits: Limits) -> int:
    """Run the step, leave its outcome if this is the main node, and return the exit code of the container."""
    reclaims = Reclaims(progress, limits.reclaim_grace)
    reclaims.listen()
    limit = TimeLimit(job.task.brief.step, job.task.brief.timeout_seconds, progress, limits.import_seconds)
    around = Surroundings(progress, limit, job.checkpoint(progress))
    try:
        job.store.after_fork()
        prepare_process(job)
        outcome = attempt_step(job, around) if job.node.is_main else accompany(job, around)
        if not outcome.succeeded:
            around.checkpoint.keep()
        reclaims.ignore()
    except Reclaimed:
        return leave(job, around.checkpoint)
    if job.meter.exceeds_limit():
        die_of_memory(job)
    if not job.node.is_main:
        return EXIT_CODES[outcome.status]
    outcome = replace(outcome, peak_memory_mib=job.meter.of_this_process())
    counts = write_outcome(job.store, job.task, job.attempt, outcome, time.time())
    progress.outcome(counts.status)
    if counts.succeeded:
        around.checkpoint.discard()
    return EXIT_CODES[counts.status]


def leave(job: Job, checkpoint: TaskCheckpoint) -> int:
    """End a step whose container is taken away, in the time that is left; its exit code."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # The other nodes are stopped whenever the main one is through, which is nothing to tell.
    if job.node.is_main:
        print(f"steprelay: {job.task.name} is interrupted: the container is taken away", file=sys.stderr)  # noqa: T201
        checkpoint.keep()
    return RECLAIMED_EXIT_CODE


def die_of_memory(job: Job) -> None:
    """End as a kernel would have ended it: without an outcome."""
    print(f"steprelay: {job.task.name} took more than the {job.meter.limit_mib} MiB that its job has", file=sys.stderr)  # noqa: T201
    sys.stdout.flush()
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def prepare_process(job: Job) -> None:
    """Working folder, environment and logging as the step shall find them."""
    brief = job.task.brief
    os.chdir(job.folder)
    os.environ.update(brief.environment)
    os.environ.update(job.node.variables)
    # A Lambda function's handlers write where the step's output does not belong.
    logging.root.handlers.clear()


def attempt_step(job: Job, around: Surroundings) -> Outcome:
    """Run the step under its time limit; its outcome, whatever it did. Raises Reclaimed."""
    context = job.context
    step = make_step(job, context, around)
    try:
        run_to_end(job.task.brief, step, around.limit)
        return succeed(context, step.remains())
    except Reclaimed:
        raise
    except BaseException as error:  # SystemExit and the like: whatever ends a step early is its failure
        failure = failure_of(error, "timeout" if around.limit.reached else "program", job.package)
        return settle(context, step.remains(), failure, error)


def accompany(job: Job, around: Surroundings) -> Outcome:
    """Run the step on another node than the main one: nothing is stored, whatever it did. Raises Reclaimed."""
    try:
        run_to_end(job.task.brief, make_step(job, job.context, around), around.limit)
    except Reclaimed:
        raise
    except BaseException as error:
        failure = failure_of(error, "timeout" if around.limit.reached else "program", job.package)
        print_failure(job.task.brief, failure)
        return Outcome("failed", failure=failure)
    return Outcome("succeeded")


def make_step(job: Job, context: Context, around: Surroundings) -> Step:
    """The step that the brief asks for."""
    if job.task.brief.command:
        return CommandStep(context, job.folder, job.scratch, around.progress, around.checkpoint)
    if job.task.brief.hook is not None:
        return HookStep(context, job.package, job.task.brief.hook, around.checkpoint)
    return PythonStep(context, job.package, job.node.parallel, around.checkpoint)


def run_to_end(brief: Brief, step: Step, limit: TimeLimit) -> None:
    """Run it under its time limit, in its temporary folder; `sys.exit(0)` ends a step as a plain return does."""
    if brief.tempdir is not None:
        use_tempdir(brief.step, brief.tempdir)
    try:
        step.run(limit)
    except SystemExit as leaving:
        limit.check()
        if leaving.code not in (None, 0):
            raise


def failure_of(error: BaseException, class_: str, package: Path | None) -> Failure:
    """The failure that an exception is."""
    code = None
    if isinstance(error, CommandFailed):
        code = error.exit_code
    elif isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else 1
    message = f"sys.exit({error.code!r})" if isinstance(error, SystemExit) else _text(error)
    return Failure(class_, type(error).__qualname__, message, user_traceback(error, package), code)


def settle(context: Context, remains: Remains, failure: Failure, error: BaseException | None) -> Outcome:
    """The outcome of a failure: failed, or a success where `@catch` takes it."""
    print_failure(context.task.brief, failure)
    try:
        caught = catch(context, remains, failure, error)
    except Exception as second:
        print(f"steprelay: {second}", file=sys.stderr)  # noqa: T201
        failure = Failure(
            failure.class_, failure.type, f"{failure.message} ({second})", failure.traceback, failure.exit_code
        )
        return Outcome("failed", failure=failure)
    if caught is None:
        return Outcome("failed", failure=failure)
    print(f"steprelay: {context.task.name} failed in its last attempt, and @catch lets the flow go on", file=sys.stderr)  # noqa: T201
    return replace(caught, failure=failure)


def print_failure(brief: Brief, failure: Failure) -> None:
    """For the step's log, unless `@catch` asks for silence."""
    is_last = brief.is_last(failure.class_, failure.exit_code)
    if not (brief.catch and is_last and not brief.catch.print_exception):
        print(failure.traceback.rstrip() or failure.message, file=sys.stderr)  # noqa: T201


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return f"<{type(error).__name__}, whose str raises>"
