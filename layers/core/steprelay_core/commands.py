"""Effects that a decision asks for: plain values, saved with the state before any of them is carried out.

They wait in the outbox until applied, so each must be harmless when applied twice.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from steprelay_core.state.model import GroupKey


@dataclass(frozen=True, slots=True)
class SubmitJob:
    """Hand a submission's members to AWS Batch, as one job or as one array.

    `look`: there may be such a job already, so look for it first. `due`: the second that is booked for it, by when it
    begins (since the epoch).
    """

    kind: Literal["submit_job"] = field(default="submit_job", init=False)
    group: GroupKey
    submission: str
    look: bool = False
    due: float | None = None


@dataclass(frozen=True, slots=True)
class InvokeLight:
    """Hand a submission's members to the light function: all that are open, or those in these spans."""

    kind: Literal["invoke_light"] = field(default="invoke_light", init=False)
    group: GroupKey
    submission: str
    members: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Come back at `due` (seconds since the epoch) to start this attempt."""

    kind: Literal["start_timer"] = field(default="start_timer", init=False)
    group: GroupKey
    attempt: int
    member: int
    due: float


@dataclass(frozen=True, slots=True)
class StartRunTimer:
    """Come back at `due` (seconds since the epoch) to end the run, if it is then still of this generation."""

    kind: Literal["start_run_timer"] = field(default="start_run_timer", init=False)
    generation: int
    due: float


@dataclass(frozen=True, slots=True)
class TerminateJob:
    """End a Batch job that no longer matters; `reason` is echoed in its statusReason."""

    kind: Literal["terminate_job"] = field(default="terminate_job", init=False)
    job_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class TerminateUnrecorded:
    """End the jobs of a submission whose ids are not known, found by their name; `member`: its first.

    ListJobs is late and a SubmitJob may be under way, so it is looked until `until` (seconds since the epoch).
    """

    kind: Literal["terminate_unrecorded"] = field(default="terminate_unrecorded", init=False)
    group: GroupKey
    attempt: int
    member: int
    until: float
    reason: str


@dataclass(frozen=True, slots=True)
class FenceAttempt:
    """Take the claims of an attempt that the dispatcher moves past, so no late container can pass them.

    The one effect that comes before the save: between the two nobody may begin what the state calls over.
    """

    kind: Literal["fence_attempt"] = field(default="fence_attempt", init=False)
    group: GroupKey
    attempt: int
    members: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Announce:
    """Publish an event on the relay's bus; `id` is stable over redelivery."""

    kind: Literal["announce"] = field(default="announce", init=False)
    id: str
    detail_type: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class InvokeHook:
    """Hand an attempt of an exit hook of a run that has ended to the light function."""

    kind: Literal["invoke_hook"] = field(default="invoke_hook", init=False)
    name: str
    attempt: int


@dataclass(frozen=True, slots=True)
class StartQueueTimer:
    """Come back at `due` (seconds since the epoch) to see whether jobs of a submission still wait for a machine.

    `after`: as in `CancelWaiting`.
    """

    kind: Literal["start_queue_timer"] = field(default="start_queue_timer", init=False)
    group: GroupKey
    submission: str
    due: float
    after: int | None = None


@dataclass(frozen=True, slots=True)
class CancelWaiting:
    """Ask Batch which jobs of a submission wait for a machine, and cancel those that have for too long.

    `after`: of an array, the index up to which its children were looked at before.
    """

    kind: Literal["cancel_waiting"] = field(default="cancel_waiting", init=False)
    group: GroupKey
    submission: str
    after: int | None = None


Command = (
    SubmitJob
    | InvokeLight
    | StartTimer
    | StartRunTimer
    | TerminateJob
    | TerminateUnrecorded
    | FenceAttempt
    | Announce
    | InvokeHook
    | StartQueueTimer
    | CancelWaiting
)
