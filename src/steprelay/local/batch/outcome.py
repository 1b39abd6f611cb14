"""How an attempt's end reads in Batch: a pure table from what happened to the words AWS uses."""

from dataclasses import dataclass
from enum import StrEnum

EXITED = "Essential container in task exited"
TIMED_OUT = "Job attempt duration exceeded timeout"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
FAILED_TO_START = "Task failed to start"
DEPENDENT_FAILED = "Dependent Job failed"
CHILD_FAILED = "Array Child Job failed"
MAIN_NODE_ENDED = "Stopped, as the main node has ended"
OVERRIDES_TOO_LONG = "Container Overrides length must be at most 8192"
HOST_TIMEOUT = "DockerTimeoutError: Could not transition to created; timed out after waiting 4m0s"
# Of a relay that was killed with its jobs; the words are those of a reclaimed instance.
HOST_GONE = "Host EC2 (instance i-00000000000000000) terminated."
KILLED = 137
REASON_LIMIT = 255


class StopCause(StrEnum):
    """Why the engine itself ended an attempt."""

    TERMINATED = "terminated"
    TIMEOUT = "timeout"
    SPOT = "spot"
    OUT_OF_MEMORY = "oom"
    MAIN_NODE_ENDED = "main node ended"


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop under way; `text` is TerminateJob's reason, or the name of the reclaimed instance."""

    cause: StopCause
    text: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`exit_code` as a container's (128 + signal), `reason` the container's, `status_reason` the attempt's."""

    succeeded: bool
    status_reason: str
    exit_code: int | None = None
    reason: str | None = None
    may_retry: bool = True


def container_exit_code(returncode: int) -> int:
    """A process's return code (negative: the signal that ended it) as a container reports it."""
    return 128 - returncode if returncode < 0 else returncode


def judge(returncode: int, stop: Stop | None) -> Outcome:
    """The outcome of an attempt whose process ended with `returncode` after `stop`, if any."""
    code = container_exit_code(returncode)
    if stop is None:
        return Outcome(succeeded=code == 0, status_reason=EXITED, exit_code=code)
    match stop.cause:
        case StopCause.TERMINATED:
            return Outcome(False, stop.text, code, may_retry=False)
        case StopCause.TIMEOUT:
            return Outcome(False, TIMED_OUT, code, may_retry=False)
        case StopCause.MAIN_NODE_ENDED:
            # Its exit code decides (user guide, "Job lifecycle for MNP jobs"), and decides nothing for the job.
            return Outcome(code == 0, MAIN_NODE_ENDED, code)
        case StopCause.OUT_OF_MEMORY:
            return Outcome(False, EXITED, KILLED, OUT_OF_MEMORY)
        case StopCause.SPOT if code == 0:
            # As in AWS: a program that traps SIGTERM and exits 0 turns a reclaim into a success.
            return Outcome(True, EXITED, code)
        case StopCause.SPOT:
            return Outcome(False, f"Host EC2 (instance {stop.text}) terminated.", code)


def could_not_start(reason: str) -> Outcome:
    """A container that never ran: no exit code, the cause in the container's reason."""
    return Outcome(False, FAILED_TO_START, reason=reason[:REASON_LIMIT])
