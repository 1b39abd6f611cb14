"""Changes of a run as lines of text: the same words in a pipe and above the live table."""

from steprelay.cli.render.words import clock_time, duration
from steprelay.client.changes import (
    AttemptFailed,
    HookChanged,
    JobStuck,
    OutputLine,
    RunSeen,
    StepProgress,
    TaskChanged,
    Waiting,
)
from steprelay.client.progress import TASK_BY_TASK

ORIGINS = {
    "upload": "an upload",
    "request": "a request",
    "schedule": "a schedule",
    "event": "an event",
    "resume": "a resume",
}


def waiting_line(change: Waiting) -> str:
    return (
        f"the relay has not taken up the package for {duration(change.seconds)}; "
        "if that goes on, look at the log of PackageUploadedFunction and at the queue behind it"
    )


def seen_line(change: RunSeen) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in change.parameters.items())
    return f"{clock_time(change.at)}  run {change.run} started" + (f" with {given}" if given else "")


def task_line(change: TaskChanged) -> str:
    attempt = f", attempt {change.attempt}" if change.attempt > 1 else ""
    took = f" in {duration(change.seconds)}" if change.seconds is not None else ""
    caught = " by @catch" if change.caught else ""
    return f"{clock_time(change.at)}  {change.task} {change.state}{caught}{took}{attempt}"


def output_line(change: OutputLine) -> str:
    return f"          {printed_by(change)} | {change.text}"


def printed_by(change: OutputLine) -> str:
    """`train`, or `train node 1` where it runs on several."""
    return change.task if change.node is None else f"{change.task} node {change.node}"


def failed_line(change: AttemptFailed) -> str:
    """`process.3 attempt 1 failed: program, exit code 1: ValueError: no luck — retrying in 2 min (retry 1 of 3)`."""
    code = f", exit code {change.exit_code}" if change.exit_code is not None else ""
    text = f"{change.task} attempt {change.attempt} failed: {change.failure_class}{code}"
    if change.reason:
        text += f": {change.reason.splitlines()[0]}"
    followed = follow_up(change)
    return f"{clock_time(change.at)}  {text}" + (f" — {followed}" if followed else "")


def stuck_lines(change: JobStuck) -> list[str]:
    """`process.3 waits in queue big since 09:12:00: no instance type of queue big has 64 vCPU; …`, and what to do."""
    since = clock_time(change.since)
    said = f"{clock_time(change.at)}  {stuck_tasks(change)} in queue {change.queue} since {since}: {change.reason}"
    return [said, f"          {change.failure_class}: {change.change}"]


def stuck_tasks(change: JobStuck) -> str:
    """`process.3 waits`, `process (8 tasks) waits`."""
    return f"{change.task} waits" if change.tasks == 1 else f"{change.task} ({change.tasks:,} tasks) waits"


def hook_line(change: HookChanged) -> str:
    """`exit hook notify failed in 2 s: program: ValueError: no luck`."""
    attempt = f", attempt {change.attempt}" if change.attempt > 1 else ""
    took = f" in {duration(change.seconds)}" if change.seconds is not None else ""
    why = f": {change.failure_class}: {(change.reason or '').partition(chr(10))[0]}" if change.failure_class else ""
    return f"{clock_time(change.at)}  exit hook {change.hook} {change.state}{took}{attempt}{why}"


def follow_up(change: AttemptFailed) -> str:
    """`retrying in 2 min with 8192 MiB (free: oom 1 of 10)`; nothing while it is not decided."""
    if change.then == "retry":
        wait = (change.retry_at or 0) - change.at
        soon = f" in {duration(wait)}" if wait >= 1 else ""
        memory = f" with {change.memory} MiB" if change.memory is not None else ""
        queue = f" on queue {change.queue.rpartition('/')[2]}" if change.queue is not None else ""
        return f"retrying{soon}{memory}{queue}{_by(change.budget)}"
    if change.then == "fail" and change.budget and not change.budget.startswith("none"):
        return "stopped before its next attempt"
    ending = {"fail": "giving up", "catch": "going on by @catch"}.get(change.then, "")
    return ending and f"{ending}{_by(change.budget.removeprefix('none: '))}"


def _by(budget: str) -> str:
    return f" ({budget})" if budget else ""


def counts(change: StepProgress) -> str:
    failed = f", {change.failed:,} failed" if change.failed else ""
    caught = f", {change.caught:,} by @catch" if change.caught else ""
    queued = f", {change.queued:,} queued" if change.queued else ""
    return f"{change.done:,}/{change.tasks:,}{failed}{caught}{queued}"


def is_told_by_counts(change: StepProgress) -> bool:
    """Small groups are told task by task."""
    return change.tasks > TASK_BY_TASK
