"""Batch "Job State Change" → `JobChanged`."""

from typing import Annotated

from pydantic import Field, ValidationError

from steprelay_core.inbound.envelope import Envelope, Ignored, Inbound, Unreadable, faults
from steprelay_core.state.events import JOB_ENDED, JobChanged
from steprelay_core.state.laps import read_laps
from steprelay_core.state.model import GroupKey

_STATUSES = JOB_ENDED | {"SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"}

# JSON's numbers have no end, but a time that becomes a float must have one.
Milliseconds = Annotated[int, Field(ge=0, lt=2**63)]


class _Container(Inbound):
    exit_code: int | None = Field(default=None, alias="exitCode")
    reason: str | None = None
    log_stream: str | None = Field(default=None, alias="logStreamName")


class _Attempt(Inbound):
    container: _Container | None = None
    reason: str | None = Field(default=None, alias="statusReason")
    started_at: Milliseconds | None = Field(default=None, alias="startedAt")


class _Array(Inbound):
    index: int | None = Field(default=None, ge=0)
    size: int | None = Field(default=None, ge=0)
    summary: dict[str, int] = Field(default_factory=dict, alias="statusSummary")

    @property
    def failed(self) -> int | None:
        """How many children failed; None unless all of them have ended, as AWS Batch has counted them."""
        succeeded, failed = self.summary.get("SUCCEEDED", 0), self.summary.get("FAILED", 0)
        return failed if self.size is not None and succeeded + failed == self.size else None


class _Ours(Inbound):
    """The job parameters that we submit with, copied by Batch into every event (docs/architecture.md)."""

    relay: str
    run: str = Field(min_length=1)
    step: str = Field(min_length=1)
    path: str = Field(pattern=r"^(_|\d+(\.\d+)*)$")
    laps: str = Field(default="", pattern=r"^(\d{1,6}(-\d{1,6})*)?$")
    submission: str = Field(min_length=1)

    @property
    def group(self) -> GroupKey:
        path = () if self.path == "_" else tuple(int(index) for index in self.path.split("."))
        return GroupKey(self.step, path, read_laps(self.laps))


class _Job(Inbound):
    job_id: str = Field(alias="jobId", min_length=1)
    status: str
    reason: str | None = Field(default=None, alias="statusReason")
    attempts: list[_Attempt] = Field(default_factory=list)
    container: _Container | None = None
    array: _Array = Field(default=_Array(), alias="arrayProperties")
    parameters: _Ours
    started_at: Milliseconds | None = Field(default=None, alias="startedAt")
    cancelled: bool | None = Field(default=None, alias="isCancelled")
    terminated: bool | None = Field(default=None, alias="isTerminated")
    queue: str = Field(default="", alias="jobQueue")


def read_job_change(envelope: Envelope, relay: str) -> JobChanged | Ignored:
    """The change of one of this relay's jobs: a single job, a multi-node one, the parent of an array, or a child of it.

    Raises:
        Unreadable: if the job is ours but the event cannot be understood.
    """
    parameters = envelope.detail.get("parameters")
    owner = parameters.get("relay") if isinstance(parameters, dict) else None
    if owner != relay:
        whose = f"belongs to relay {owner!r}" if owner else "was not submitted by a relay"
        return Ignored(f"job {envelope.detail.get('jobId')!r} {whose}")
    if "#" in str(envelope.detail.get("jobId")):
        # AWS Batch user guide, "Multi-node parallel jobs": `job#index` is a node; the job ends as its main node does.
        return Ignored(f"{envelope.detail['jobId']!r} is a node of a multi-node job; the job itself tells how it goes")
    try:
        job = _Job.model_validate(envelope.detail)
    except ValidationError as error:
        raise Unreadable(f"the Batch event is not complete: {faults(error)}") from None
    if job.status not in _STATUSES:
        return Ignored(f"job {job.job_id!r} has status {job.status!r}, which this relay does not know")
    return _changed(job)


def _changed(job: _Job) -> JobChanged:
    """How a job ended stands at the top of its event; only in its last attempt if no container came up, or if the job
    has several nodes and so no container of its own."""
    last = job.attempts[-1] if job.attempts and job.status in JOB_ENDED else _Attempt()
    outer, inner = job.container or _Container(), last.container or _Container()
    exit_code = outer.exit_code if outer.exit_code is not None else inner.exit_code
    started_at = job.started_at if job.started_at is not None else last.started_at
    return JobChanged(
        run=job.parameters.run,
        group=job.parameters.group,
        submission=job.parameters.submission,
        job_id=job.job_id,
        status=job.status,
        reason=job.reason or last.reason or "",
        attempts=len(job.attempts),
        index=job.array.index,
        size=job.array.size,
        failed=job.array.failed,
        exit_code=exit_code,
        container_reason=outer.reason or inner.reason or "",
        log_stream=outer.log_stream or inner.log_stream,
        # Batch tells milliseconds.
        started_at=None if started_at is None else started_at / 1000,
        stopped=bool(job.cancelled or job.terminated),
        queue=job.queue,
    )
