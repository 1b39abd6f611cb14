"""Batch "Job Queue Blocked", and what DescribeJobs says of a job → `JobWaits`."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from steprelay_core.inbound.envelope import Envelope, Ignored, Inbound, Unreadable, faults
from steprelay_core.inbound.job import read_job_change
from steprelay_core.state.events import JobChanged, JobWaits
from steprelay_core.state.placement import Needs

# Of an array, children in these states keep it from being stuck: some of it is at work.
_AT_WORK = ("STARTING", "RUNNING")


# Milliseconds since the epoch; 0 where nobody says.
_Moment = Annotated[float, Field(strict=False, ge=0, lt=2**63, allow_inf_nan=False)]


class _Requirement(Inbound):
    type: str
    value: str


def _readable(value: object) -> object:
    """AWS tells amounts as text; what is none is as if it were not there."""
    return value if isinstance(value, list) else []


class _Container(Inbound):
    requirements: Annotated[list[_Requirement], BeforeValidator(_readable)] = Field(
        default_factory=list, alias="resourceRequirements"
    )

    @property
    def needs(self) -> Needs:
        amounts = {one.type: _number(one.value) for one in self.requirements}
        vcpus = amounts.get("VCPU", 0.0)
        return Needs(vcpus, int(amounts.get("MEMORY", 0)), int(amounts.get("GPU", 0)), vcpus)


class _NodeRange(Inbound):
    target: str = Field(default="", alias="targetNodes")
    container: _Container = _Container()


class _Nodes(Inbound):
    number: int = Field(default=1, alias="numNodes")
    ranges: list[_NodeRange] = Field(default_factory=list, alias="nodeRangeProperties")


class _Attempt(Inbound):
    stopped_at: _Moment = Field(default=0, alias="stoppedAt")


class _Waiting(Inbound):
    """Of a JobDetail, what tells how long it has waited, and for what."""

    created_at: _Moment = Field(default=0, alias="createdAt")
    attempts: list[_Attempt] = Field(default_factory=list)
    container: _Container | None = None
    nodes: _Nodes | None = Field(default=None, alias="nodeProperties")

    @property
    def since(self) -> float:
        """From when on it has waited: since it was made, or since Batch put it back after an attempt; in seconds."""
        return max([self.created_at, *(attempt.stopped_at for attempt in self.attempts)]) / 1000

    @property
    def needs(self) -> Needs:
        if self.nodes is None:
            return self.container.needs if self.container is not None else Needs()
        each = [one.container.needs for one in self.nodes.ranges]
        largest = max((needs.vcpus for needs in each), default=0.0)
        return Needs(
            largest,
            max((needs.memory for needs in each), default=0),
            max((needs.gpus for needs in each), default=0),
            # At least: where nodes differ, the smallest of them is what all are taken for.
            min((needs.vcpus for needs in each), default=0.0) * self.nodes.number,
        )


def read_queue_blocked(envelope: Envelope, relay: str) -> JobWaits | Ignored:
    """One of this relay's jobs is at the head of its queue and does not start.

    Raises:
        Unreadable: if the job is ours but the event cannot be understood.
    """
    detail = {"status": "RUNNABLE", **envelope.detail}
    change = read_job_change(envelope.model_copy(update={"detail": detail}), relay)
    if isinstance(change, Ignored):
        return change
    return _waits(change, detail, waits=True, blocked=True)


def read_waiting(change: JobChanged, detail: Mapping[str, Any]) -> JobWaits | None:
    """Whether a job waits for a machine, as DescribeJobs has just told; None where that is no question: it has ended,
    or waits for other jobs.

    Raises:
        Unreadable: if the description is not one of a job.
    """
    if change.size is not None:
        summary = _summary(detail)
        at_work = any(summary.get(status) for status in _AT_WORK)
        return _waits(change, detail, waits=bool(summary.get("RUNNABLE")) and not at_work)
    if change.status in ("RUNNABLE", *_AT_WORK):
        return _waits(change, detail, waits=change.status == "RUNNABLE")
    return None


def needs_of(detail: Mapping[str, Any]) -> Needs:
    """What a job asks for, whosever it is; nothing, where that cannot be read."""
    try:
        return _Waiting.model_validate(detail).needs
    except ValidationError:
        return Needs()


def _waits(change: JobChanged, detail: Mapping[str, Any], *, waits: bool, blocked: bool = False) -> JobWaits:
    try:
        read = _Waiting.model_validate(detail)
    except ValidationError as error:
        raise Unreadable(f"the Batch event is not complete: {faults(error)}") from None
    return JobWaits(
        run=change.run,
        group=change.group,
        submission=change.submission,
        job_id=change.job_id,
        queue=change.queue,
        since=read.since,
        needs=read.needs,
        waits=waits,
        reason=change.reason if waits else "",
        index=change.index,
        blocked=blocked,
    )


def _summary(detail: Mapping[str, Any]) -> Mapping[str, Any]:
    array = detail.get("arrayProperties")
    summary = array.get("statusSummary") if isinstance(array, Mapping) else None
    return summary if isinstance(summary, Mapping) else {}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
