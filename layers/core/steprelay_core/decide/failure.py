"""How a failed Batch job reads: the class first, the policy after.

The order of the rules is that of how specific they are; the texts are those of AWS Batch and the ECS agent.
"""

import re
from dataclasses import dataclass

from steprelay_core.state.events import JobChanged
from steprelay_core.state.model import Failure

# Put in front of every reason we give TerminateJob, so that its echo in statusReason is recognised.
CANCEL_PREFIX = "steprelay: cancelled"

# How the runner ends a job whose attempt it found taken, or must not begin, without running the step.
LEFT_EXIT_CODE = 75

# Classes that no further attempt can mend.
FINAL = frozenset({"cancelled", "image_permanent", "config", "internal"})


@dataclass(frozen=True, slots=True)
class Rule:
    """A class, and the pattern that `statusReason` and the container's reason are searched for."""

    class_: str
    pattern: re.Pattern[str]


def _rule(class_: str, pattern: str) -> Rule:
    return Rule(class_, re.compile(pattern, re.IGNORECASE))


RULES = (
    _rule("cancelled", rf"^{CANCEL_PREFIX}"),
    _rule("queue_timeout", r"^Canceled by JobStateTimeLimit action"),
    _rule("timeout", r"Job attempt duration exceeded timeout"),
    _rule("spot", r"Host EC2 \(instance [^)]*\) (terminated|stopped)|Your Spot Task was interrupted"),
    _rule("oom", r"OutOfMemoryError: Container killed due to memory usage"),
    _rule(
        "image_permanent",
        r"CannotPullContainerError.*(manifest unknown|unauthorized|no basic auth|not found|no match.*platform)",
    ),
    _rule("image_transient", r"CannotPullContainerError"),
    _rule("unknown_outcome", r"CannotInspectContainerError"),
    _rule("resource_init", r"ResourceInitializationError.*(time|kill)"),
    _rule("config", r"ResourceInitializationError|Container Overrides length|^MISCONFIGURATION|JobQueue deleted"),
    _rule("config", r"AccessDenied|CannotStartContainerError|invalid mount|no such file or directory"),
    _rule(
        "host",
        r"DockerTimeoutError|CannotCreateContainerError|Timeout waiting for network interface|ContainerVanished"
        r"|^Task failed to start|^Batch no longer knows the job",
    ),
    _rule("dependency", r"^Dependent Job failed"),
    _rule("aggregate", r"^Array Child Job failed"),
)


def classify(job: JobChanged) -> Failure:
    """The failure that a FAILED job tells of."""
    text = "; ".join(part for part in (job.container_reason, job.reason) if part)
    for rule in RULES:
        if any(rule.pattern.search(part) for part in (job.container_reason, job.reason)):
            return Failure(rule.class_, text, job.exit_code, job.log_stream)
    if job.exit_code == 137 and not job.container_reason:
        return Failure("oom_suspected", text or "killed by SIGKILL", job.exit_code, job.log_stream)
    if job.exit_code is not None:
        return Failure("program", f"exit code {job.exit_code}", job.exit_code, job.log_stream)
    return Failure("unknown", text or "AWS Batch gave no reason", None, job.log_stream)


def is_final(failure: Failure) -> bool:
    """Whether another attempt would fail the same way."""
    return failure.class_ in FINAL
