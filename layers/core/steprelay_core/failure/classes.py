"""The failure classes: what each means, and what follows from it.

The relay's decisions, `steprelay explain`, the advice under a failed run and docs/failures.md all read this table.
"""

from dataclasses import dataclass
from typing import Literal

Fault = Literal["machine", "step", "configuration", "person", "nobody", "relay"]
Retry = Literal["batch", "relay", "memory", "queue", "step", "never", "cause", "nothing"]

FAULTS: dict[Fault, str] = {
    "machine": "the machine's, or that of the services around it",
    "step": "the step's own",
    "configuration": "of what was asked for, or of how the account is set up",
    "person": "a person's, who wanted it so",
    "nobody": "nobody's",
    "relay": "steprelay's own",
}

# Who makes another attempt, unless the step says otherwise. `{free}` is the class's own budget.
_RETRIES: dict[Retry, str] = {
    "batch": "AWS Batch itself, up to 5 attempts in one job; then {free}, then the step's `@retry`",
    "relay": "{free}, then the step's `@retry`",
    "memory": "{free}, as long as the memory grows; then the step's `@retry`",
    "queue": "the relay, on each further queue of the step's list; on the last one only `@retry(on=…)` that names it",
    "step": "the step's `@retry`",
    "never": "it would fail the same way",
    "cause": "it follows what failed first",
    "nothing": "there is nothing to retry",
}

# The pause (seconds) before the first free attempt of a class that backs off, and the longest; each twice the last.
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 600.0


@dataclass(frozen=True, slots=True)
class FailureClass:
    """A kind of failure. The texts are for people, in Markdown's words.

    `follows` says what the relay does, `change` what helps, `settings` what has a say in it. `free`: so many further
    attempts of a task cost none of the step's `@retry`; `backs_off`: each of these waits a while, and longer each time.
    """

    id: str
    means: str
    fault: Fault
    retry: Retry
    follows: str
    change: str
    settings: tuple[str, ...] = ()
    free: int = 0
    backs_off: bool = False

    @property
    def retried(self) -> bool:
        """Whether another attempt is worth making, as far as the step allows one."""
        return self.retry not in ("never", "cause", "nothing")

    @property
    def retried_by(self) -> str:
        """Who makes another attempt, or why nobody does."""
        attempts = "one further attempt" if self.free == 1 else f"up to {self.free} further attempts"
        free = f"the relay, {attempts} at no cost to `@retry`"
        if self.backs_off:
            free += f", after {FIRST_PAUSE:g} s, {2 * FIRST_PAUSE:g} s and so on"
        return _RETRIES[self.retry].format(free=free)

    def pause(self, spent: int) -> float:
        """Seconds to wait before the next free attempt, when so many of the budget are spent."""
        return min(FIRST_PAUSE * 2.0**spent, LONGEST_PAUSE) if self.backs_off else 0.0


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
        "queue",
        "the task goes on in the next queue of its list; on the last one, it fails",
        "check the queue's limits and compute environments, or name a second queue",
        (
            "`@timeout(queue_minutes=…)`",
            "`@batch(queue=[…])`",
            "`@retry(on=…)`",
            "`jobStateTimeLimitActions` of the queue",
        ),
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
        "name a queue with on-demand instances as well, or save checkpoints, so that less is lost",
        ("`@batch(queue=[…])`", "`@retry`"),
        free=10,
    ),
    FailureClass(
        "oom",
        "the container took more memory than it has",
        "step",
        "memory",
        "the next attempt gets `memory_factor` times the memory (2 unless given), up to `max_memory`",
        "give the step more memory: `@batch(memory=…)`",
        ("`@batch(memory=…, max_memory=…)`", "`@retry(memory_factor=…)`"),
        free=10,
    ),
    FailureClass(
        "oom_suspected",
        "the container was killed (exit code 137) and nobody says why, which is mostly for want of memory",
        "step",
        "memory",
        "the next attempt gets `memory_factor` times the memory (2 unless given), up to `max_memory`, but only once",
        "give the step more memory: `@batch(memory=…)`; its log may say what else killed it",
        ("`@batch(memory=…, max_memory=…)`", "`@retry(memory_factor=…)`"),
        free=1,
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
        "relay",
        "another attempt, after a pause that grows each time",
        "run it again; if it comes often, use a registry that is nearer, as Amazon ECR",
        ("`@batch(image=…)`", "`@retry`"),
        free=5,
        backs_off=True,
    ),
    FailureClass(
        "host",
        "the machine or its container runtime failed",
        "machine",
        "batch",
        f"AWS Batch starts the job again where the runtime or the network timed out; otherwise {_NEXT_QUEUE}",
        "run it again: the machine failed, not the step",
        ("`@retry`", "`@batch(queue=[…])`", "`@batch(ephemeral_storage=…)` where its disk was full"),
        free=5,
    ),
    FailureClass(
        "unknown_outcome",
        "the container ran, but how it ended got lost",
        "machine",
        "relay",
        "the outcome that the step's runner left counts; without one, another attempt",
        "look into the job's log, which may say why",
        ("`@retry`",),
        free=2,
    ),
    FailureClass(
        "resource_init",
        "network, secrets, logs or volumes of the job were not ready in time",
        "machine",
        "relay",
        "another attempt, after a pause that grows each time",
        "check the job's network, secrets and roles, then run it again",
        ("`@retry`",),
        free=5,
        backs_off=True,
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
        "queue",
        "the job waits for one; if that ends it, the task goes on in the next queue, and fails on the last one",
        "name a second queue, ask for less, or allow the compute environment more instance types",
        ("`@batch(queue=[…])`", "`@retry(on=…)`", "`jobStateTimeLimitActions` of the queue"),
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
        ("`@retry`", "`@retry(on=…, exit_codes_no_retry=…)`", "`@catch`"),
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

# What `@retry(on=…)` can name.
RETRYABLE = tuple(one.id for one in _TABLE if one.retried)
