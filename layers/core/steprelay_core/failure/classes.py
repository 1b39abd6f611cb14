"""The failure classes: what each means, and what follows from it.

The relay's decisions, `steprelay explain`, the advice under a failed run and docs/failures.md all read this table.
"""

from dataclasses import dataclass
from typing import Literal

Fault = Literal["machine", "step", "configuration", "person", "nobody", "relay"]
Retry = Literal["batch", "step", "never", "cause", "nothing"]

FAULTS: dict[Fault, str] = {
    "machine": "the machine's, or that of the services around it",
    "step": "the step's own",
    "configuration": "of what was asked for, or of how the account is set up",
    "person": "a person's, who wanted it so",
    "nobody": "nobody's",
    "relay": "steprelay's own",
}

# Who makes another attempt, unless the step says otherwise.
RETRIES: dict[Retry, str] = {
    "batch": "AWS Batch itself, up to 5 attempts in one job; then the step's `@retry`",
    "step": "the step's `@retry`",
    "never": "it would fail the same way",
    "cause": "it follows what failed first",
    "nothing": "there is nothing to retry",
}


@dataclass(frozen=True, slots=True)
class FailureClass:
    """A kind of failure. The texts are for people, in Markdown's words.

    `follows` says what the relay does, `change` what helps, `settings` what has a say in it.
    """

    id: str
    means: str
    fault: Fault
    retry: Retry
    follows: str
    change: str
    settings: tuple[str, ...] = ()

    @property
    def retried(self) -> bool:
        """Whether another attempt is worth making, as far as the step allows one."""
        return self.retry in ("batch", "step")


_NEXT_QUEUE = "the step's next attempt goes to the next queue of its list, if it names several"

_TABLE = (
    FailureClass(
        "cancelled",
        "somebody stopped the job",
        "person",
        "never",
        "no further attempt: whoever stopped it wanted it to stop",
        "nothing, if that was meant; `steprelay runs resume` lets a run go on",
    ),
    FailureClass(
        "queue_timeout",
        "the job waited too long for a place in its queue",
        "machine",
        "step",
        _NEXT_QUEUE,
        "check the queue's limits and compute environments, or name a second queue",
        ("`@timeout(queue_minutes=…)`", "`@batch(queue=[…])`", "`@retry`", "`jobStateTimeLimitActions` of the queue"),
    ),
    FailureClass(
        "timeout",
        "the attempt ran longer than it may",
        "step",
        "step",
        "another attempt with the same time, which begins anew; AWS Batch never repeats a timeout by itself",
        "give the step more time with `@timeout`, or make it faster",
        ("`@timeout`", "`@retry`", "`@catch`"),
    ),
    FailureClass(
        "spot",
        "spot capacity was taken back, or the instance ended under the job",
        "machine",
        "batch",
        f"AWS Batch starts the job again on another machine; when it gives up, {_NEXT_QUEUE}",
        "name a queue with on-demand instances as well, or give the step more attempts with `@retry`",
        ("`@batch(queue=[…])`", "`@retry`"),
    ),
    FailureClass(
        "oom",
        "the container took more memory than it has",
        "step",
        "step",
        "the next attempt gets twice the memory, up to `max_memory`",
        "give the step more memory: `@batch(memory=…)`",
        ("`@batch(memory=…, max_memory=…)`", "`@retry`"),
    ),
    FailureClass(
        "oom_suspected",
        "the container was killed (exit code 137) and nobody says why, which is mostly for want of memory",
        "step",
        "step",
        "the next attempt gets twice the memory, up to `max_memory`, but only once",
        "give the step more memory: `@batch(memory=…)`; its log may say what else killed it",
        ("`@batch(memory=…, max_memory=…)`", "`@retry`"),
    ),
    FailureClass(
        "image_permanent",
        "the image is not there, may not be pulled, or is made for other machines",
        "configuration",
        "never",
        "the task fails at once: every attempt would find the same image",
        "check the name of the image, and that the job's execution role may pull it",
        ("`@batch(image=…, execution_role=…, architecture=…)`",),
    ),
    FailureClass(
        "image_transient",
        "the image could not be pulled this time",
        "machine",
        "step",
        "another attempt, after the wait that `@retry` asks for",
        "run it again; if it comes often, use a registry that is nearer, as Amazon ECR",
        ("`@retry(minutes_between_retries=…)`", "`@batch(image=…)`"),
    ),
    FailureClass(
        "host",
        "the machine or its container runtime failed",
        "machine",
        "batch",
        f"AWS Batch starts the job again where the runtime or the network timed out; otherwise {_NEXT_QUEUE}",
        "run it again: the machine failed, not the step",
        ("`@retry`", "`@batch(queue=[…])`", "`@batch(ephemeral_storage=…)` where its disk was full"),
    ),
    FailureClass(
        "unknown_outcome",
        "the container ran, but how it ended got lost",
        "machine",
        "step",
        "the outcome that the step's runner left counts; without one, another attempt",
        "look into the job's log, which may say why",
        ("`@retry`",),
    ),
    FailureClass(
        "resource_init",
        "network, secrets, logs or volumes of the job were not ready in time",
        "machine",
        "step",
        "another attempt, after the wait that `@retry` asks for",
        "check the job's network, secrets and roles, then run it again",
        ("`@retry(minutes_between_retries=…)`",),
    ),
    FailureClass(
        "config",
        "what the job asks for cannot be had, is not allowed, or cannot be started or mounted",
        "configuration",
        "never",
        "the task fails at once: every attempt would fail the same way",
        "change what the step asks for, as the reason says",
        ("`@batch(…)`", "roles and secrets", "the queue's compute environments"),
    ),
    FailureClass(
        "capacity",
        "there is no machine for the job now",
        "machine",
        "step",
        f"the job waits for one; if it fails of it, {_NEXT_QUEUE}",
        "name a second queue, ask for less, or allow the compute environment more instance types",
        ("`@batch(queue=[…])`", "`@retry`", "`jobStateTimeLimitActions` of the queue"),
    ),
    FailureClass(
        "dependency",
        "a job that this one waited for has failed",
        "nobody",
        "cause",
        "what failed first decides",
        "look at the job it depends on",
    ),
    FailureClass(
        "aggregate",
        "children of an array job have failed",
        "nobody",
        "cause",
        "each failed child is judged by itself, and gets its own next attempt",
        "look at the children that failed",
    ),
    FailureClass(
        "program",
        "the step's own code failed",
        "step",
        "step",
        "another attempt, as `@retry` says",
        "mend the step; `@retry(times=3)` helps where it fails by chance, `@catch` where the flow can go on",
        ("`@retry`", "`@catch`"),
    ),
    FailureClass(
        "unknown",
        "AWS gave a reason that is not known here, or none",
        "nobody",
        "step",
        "another attempt, as `@retry` says; the reason is kept as it is",
        "read the reason, and the job's log",
        ("`@retry`",),
    ),
    FailureClass(
        "internal",
        "the relay itself could not go on",
        "relay",
        "never",
        "the run fails",
        "this is a bug of steprelay; please report it",
    ),
    FailureClass(
        "none",
        "the job has not failed",
        "nobody",
        "nothing",
        "nothing has to be done",
        "nothing",
    ),
)

CLASSES: dict[str, FailureClass] = {one.id: one for one in _TABLE}
