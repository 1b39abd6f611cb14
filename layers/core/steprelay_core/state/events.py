"""What can happen to a run, as typed facts: the only inputs of `decide`, made by `inbound` from raw JSON."""

from dataclasses import dataclass, field
from typing import Any

from steprelay_core.state.model import GroupKey, Origin, Platform, TaskSelection, Terms, whole_job
from steprelay_core.state.placement import Head, Needs, QueueState

# The statuses in which AWS Batch leaves a job.
JOB_ENDED = frozenset({"SUCCEEDED", "FAILED"})


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A package was accepted or a deployed flow requested; `run` is derived from what asked for it."""

    run: str
    flow: str
    digest: str
    origin: Origin
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobChanged:
    """A Batch job state change of one of our jobs. `index` is set for a child of an array, `size` for a parent.

    `failed`: how many children of an array that has ended failed, where the rest of them succeeded. `attempts` counts
    the job's Batch-internal attempts that have ended or begun; times are seconds. `stopped`: somebody cancelled or
    terminated it. `queue`: its ARN.
    """

    run: str
    group: GroupKey
    submission: str
    job_id: str
    status: str
    reason: str = ""
    attempts: int = 0
    index: int | None = None
    size: int | None = None
    exit_code: int | None = None
    container_reason: str = ""
    log_stream: str | None = None
    started_at: float | None = None
    failed: int | None = None
    stopped: bool = False
    queue: str = ""

    @property
    def whole(self) -> str:
        """The id of the job as a whole, of which this may be a child."""
        return whole_job(self.job_id)

    @property
    def ended(self) -> bool:
        return self.status in JOB_ENDED


@dataclass(frozen=True, slots=True)
class ChildrenFailed:
    """Children of one array failed, and were told of together: at least one event, in the order they came."""

    children: tuple[JobChanged, ...]

    @property
    def run(self) -> str:
        return self.children[0].run

    @property
    def group(self) -> GroupKey:
        return self.children[0].group

    @property
    def submission(self) -> str:
        return self.children[0].submission


@dataclass(frozen=True, slots=True)
class JobMissing:
    """DescribeJobs does not know a job that a submission waits for; `index` as in `JobChanged`."""

    run: str
    group: GroupKey
    submission: str
    job_id: str
    index: int | None = None

    @property
    def whole(self) -> str:
        """As in `JobChanged`."""
        return whole_job(self.job_id)


@dataclass(frozen=True, slots=True)
class SubmissionLost:
    """A submission has no job, and nobody is on the way to make one."""

    run: str
    group: GroupKey
    submission: str


@dataclass(frozen=True, slots=True)
class LightEnded:
    """The light function is through with an attempt; its outcome is in the data bucket, or `lost` says why not."""

    run: str
    group: GroupKey
    member: int
    attempt: int
    lost: str | None = None


@dataclass(frozen=True, slots=True)
class LightSilent:
    """Nothing was heard for too long of a submission that was handed to the light function."""

    run: str
    group: GroupKey
    submission: str


@dataclass(frozen=True, slots=True)
class TimerDue:
    """The wait before an attempt is over; `member` is the first of those that wait."""

    run: str
    group: GroupKey
    attempt: int
    member: int


@dataclass(frozen=True, slots=True)
class JobSubmitted:
    """Batch took a submission; the engine tells itself what SubmitJob answered.

    `terms`: those it was taken on in the end, where a queue of the step's list would not have it. `platform`: that
    queue's, where it is known.
    """

    run: str
    group: GroupKey
    submission: str
    job_id: str
    job_name: str
    terms: Terms | None = None
    platform: Platform | None = None


@dataclass(frozen=True, slots=True)
class SubmitRefused:
    """Batch will never take this submission (a client error, not throttling)."""

    run: str
    group: GroupKey
    submission: str
    reason: str


@dataclass(frozen=True, slots=True)
class SubmitPutOff:
    """Batch takes no job now, or takes enough of others: the submission is to be tried again later.

    `due`: in the second that begins then, which is booked for it.
    """

    run: str
    group: GroupKey
    submission: str
    due: float | None = None


@dataclass(frozen=True, slots=True)
class SearchPutOff:
    """Jobs of a submission that are to be ended may still turn up; the fields are those of `TerminateUnrecorded`."""

    run: str
    group: GroupKey
    attempt: int
    member: int
    until: float
    reason: str


@dataclass(frozen=True, slots=True)
class StopUnfinished:
    """A run that was cancelled has tasks that nobody has stopped yet."""

    run: str


@dataclass(frozen=True, slots=True)
class WindowStalled:
    """Members are queued although nothing of their group is in flight."""

    run: str
    group: GroupKey


@dataclass(frozen=True, slots=True)
class OutboxDue:
    """Commands of a run that were put off can be tried again."""

    run: str


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Somebody asked for the run to stop. `request` is the same however often the message is delivered."""

    run: str
    reason: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True)
class ResumeRequested:
    """Somebody asked for a run that has ended to go on from its failed tasks. `request` as in `CancelRequested`."""

    run: str
    request: str


@dataclass(frozen=True, slots=True)
class RetryRequested:
    """Somebody asked for another attempt of these tasks now. `request` as in `CancelRequested`."""

    run: str
    tasks: TaskSelection
    request: str


@dataclass(frozen=True, slots=True)
class RunTimerDue:
    """The time limit of a run, as it was set going for the `generation`-th time, is over."""

    run: str
    generation: int


@dataclass(frozen=True, slots=True)
class HookSilent:
    """Nothing was heard for too long of an attempt of an exit hook."""

    run: str
    name: str
    attempt: int


@dataclass(frozen=True, slots=True)
class QueueTimerDue:
    """The jobs of a submission may have waited for a machine for as long as their step allows.

    `due`: for when the timer was started; `after`: of an array, the index up to which children were looked at before.
    """

    run: str
    group: GroupKey
    submission: str
    due: float
    after: int | None = None


@dataclass(frozen=True, slots=True)
class WaitingSeen:
    """It was looked which jobs of a submission wait, and those were cancelled that had waited too long.

    `since`: since when the one waits that is over next, None where none does; `due`: when to look again, None for not
    at all; `after`: the index of the last child looked at, where others are left to be looked at at once.
    """

    run: str
    group: GroupKey
    submission: str
    job_id: str
    since: float | None
    due: float | None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class JobWaits:
    """A look at a job that has been submitted: whether it waits for a machine, and what there is to say of that.

    `index` as in `JobChanged`. `queue`: name or ARN; `since` when the job was made, or went back to RUNNABLE (seconds).
    `reason`: AWS Batch's own. `blocked`: Batch tells that the job blocks its queue, and nobody has looked. `state` and
    `head`: the queue and the job at its head, where somebody has looked them up.
    """

    run: str
    group: GroupKey
    submission: str
    job_id: str
    queue: str
    since: float
    needs: Needs
    waits: bool = True
    reason: str = ""
    index: int | None = None
    blocked: bool = False
    state: QueueState | None = None
    head: Head | None = None

    @property
    def whole(self) -> str:
        """As in `JobChanged`."""
        return whole_job(self.job_id)


Event = (
    RunStarted
    | JobChanged
    | ChildrenFailed
    | JobMissing
    | SubmissionLost
    | LightEnded
    | LightSilent
    | TimerDue
    | RunTimerDue
    | JobSubmitted
    | SubmitRefused
    | SubmitPutOff
    | SearchPutOff
    | OutboxDue
    | StopUnfinished
    | WindowStalled
    | CancelRequested
    | ResumeRequested
    | RetryRequested
    | JobWaits
    | HookSilent
    | QueueTimerDue
    | WaitingSeen
)
