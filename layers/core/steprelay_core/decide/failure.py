"""How a failed Batch job reads: the class first, the policy after."""

from steprelay_core.failure import CANCEL_PREFIX, QUEUE_TIMEOUT_PREFIX, Reading, Symptoms, Told, read_symptoms
from steprelay_core.state.events import JobChanged
from steprelay_core.state.model import Failure

__all__ = ["CANCEL_PREFIX", "LEFT_EXIT_CODE", "QUEUE_TIMEOUT_PREFIX", "classify"]

# How the runner ends a job whose attempt it found taken, or must not begin, without running the step.
LEFT_EXIT_CODE = 75


def classify(job: JobChanged) -> Failure:
    """The failure that a FAILED job tells of."""
    reading = read_symptoms(_symptoms(job))
    return Failure(reading.class_, _reason(job, reading), job.exit_code, job.log_stream)


def _symptoms(job: JobChanged) -> Symptoms:
    return Symptoms(
        "FAILED",
        Told("statusReason", job.reason),
        Told("container.reason", job.container_reason),
        job.exit_code,
        stopped="isTerminated" if job.stopped else None,
        parent=job.size is not None,
    )


def _reason(job: JobChanged, reading: Reading) -> str:
    """What people read: all that AWS said, but for the one sentence that says nothing."""
    text = "; ".join(part for part in (job.container_reason, job.reason) if part)
    if reading.class_ == "program":
        return f"exit code {job.exit_code}"
    if reading.class_ == "oom_suspected":
        return text or "killed by SIGKILL"
    return text or "AWS Batch gave no reason"
