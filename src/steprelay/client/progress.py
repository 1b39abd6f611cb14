"""How far a run is, read from its stored state: per step for tables, per task for lines. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from steprelay.client.changes import StepProgress
from steprelay.client.relay import JobSeen
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.model import FailedAttempt, Group, RunStatus, Submission, TaskKey
from steprelay_core.state.ranges import Ranges

# Larger groups are told by their counts: ten thousand lines help nobody.
TASK_BY_TASK = 20


@dataclass(frozen=True, slots=True)
class TaskState:
    """Where a task is: `since` in seconds since the epoch, `seconds` how long its last attempt took."""

    attempt: int
    state: str
    since: float
    seconds: float | None = None
    retry_at: float | None = None
    caught: bool = False


Jobs = Mapping[str, JobSeen]

# AWS Batch's states from the one that says most to the one that says least, as they are shown.
_ALIVE = ("running", "starting", "runnable", "pending", "submitted")


def step_progress(flow: Flow, stored: Stored, jobs: Jobs | None = None) -> list[StepProgress]:
    """Every step of the flow in the order written, also those that have not begun.

    `jobs` tells of arrays what the relay learns only when they end.
    """
    by_step: dict[str, list[Group]] = {name: [] for name in flow.spec.steps}
    for group in stored.groups.values():
        by_step.setdefault(group.key.step, []).append(group)
    return [_progress(step, groups, stored.run.status, jobs or {}) for step, groups in by_step.items()]


def _progress(step: str, groups: list[Group], status: RunStatus, jobs: Jobs) -> StepProgress:
    ends = [group.ended_at for group in groups]
    waits = [wait.due for group in groups for wait in group.waits]
    return StepProgress(
        step=step,
        state=_step_state(groups, status, jobs),
        done=sum(len(group.succeeded) + _ahead(group, jobs) for group in groups),
        failed=sum(len(group.failed) for group in groups),
        tasks=sum(len(group.members) for group in groups),
        attempt=max((_latest_attempt(group) for group in groups), default=0),
        started_at=min((group.started_at for group in groups if group.started_at is not None), default=None),
        ended_at=None if None in ends else max((end for end in ends if end is not None), default=None),
        retry_at=min(waits, default=None),
        queued=sum(len(group.queued) for group in groups),
        caught=sum(len(group.caught) for group in groups),
    )


def _ahead(group: Group, jobs: Jobs) -> int:
    """Tasks whose job has succeeded before the relay has heard of it."""
    return sum(_succeeded(group, submission, jobs) for submission in group.submissions)


def _succeeded(group: Group, submission: Submission, jobs: Jobs) -> int:
    array = jobs.get(submission.job_id or "")
    if array is not None:
        recorded = len(submission.members & group.succeeded)
        told = array.children.get("SUCCEEDED", 0)
        return min(max(0, told - recorded), len(submission.open))
    return sum(_member_state(submission, member, jobs) == "succeeded" for member in _told_apart(submission, jobs))


def _told_apart(submission: Submission, jobs: Jobs) -> Ranges:
    """The members whose own jobs may be known: none of an array too large to ask for each."""
    small = bool(jobs) and submission.job_id is not None and len(submission.members) <= TASK_BY_TASK
    return submission.open if small else Ranges()


def _step_state(groups: list[Group], status: RunStatus, jobs: Jobs) -> str:
    """The state that says most: something running beats something queued beats a wait."""
    states = {state for group in groups for submission in group.submissions for state in _states(submission, jobs)}
    if status.terminal and (states or any(group.waits for group in groups)):
        return status.value.lower()
    for state in _ALIVE:
        if state in states:
            return state
    if any(group.waits for group in groups):
        return "retrying"
    if any(len(group.failed) for group in groups):
        return "failed"
    return "succeeded" if states or any(len(group.succeeded) for group in groups) else "waiting"


def _states(submission: Submission, jobs: Jobs) -> set[str]:
    array = jobs.get(submission.job_id or "")
    if array is not None:
        return {status.lower() for status, number in array.children.items() if number} & set(_ALIVE)
    own = {_member_state(submission, member, jobs) for member in _told_apart(submission, jobs)}
    return own or {submission_state(submission)}


def submission_state(submission: Submission) -> str:
    """AWS Batch's own words; a light step has no queue to speak of."""
    return "running" if submission.light else submission.status.lower()


def _member_state(submission: Submission, member: int, jobs: Jobs) -> str:
    """The state of the member's own job, where it is known."""
    if submission.job_id is None or submission.light:
        return submission_state(submission)
    job = jobs.get(child_of(submission.job_id, submission, member))
    return job.status.lower() if job is not None else submission_state(submission)


def child_of(job_id: str, submission: Submission, member: int) -> str:
    """The Batch job of a member: itself, or `parent:index` for the child of an array."""
    if len(submission.members) == 1:
        return job_id
    return f"{job_id}:{submission.members.position(member)}"


def _latest_attempt(group: Group) -> int:
    attempts = [submission.attempt for submission in group.submissions]
    attempts += [wait.attempt for wait in group.waits]
    attempts += list(group.won)
    attempts += [failed.attempt for failed in group.history]
    return max(attempts, default=0)


def task_states(group: Group, now: float, jobs: Jobs | None = None) -> dict[TaskKey, TaskState]:
    """Each task of a group. What has ended is only told once the relay knows how."""
    states: dict[TaskKey, TaskState] = {}
    for member in group.failed:
        last = last_failure(group, member)
        states[group.key.task(member)] = TaskState(last.attempt if last else 1, "failed", last.at if last else now)
    for attempt, members in group.won.items():
        for member in members:
            caught = member in group.caught
            ended = TaskState(attempt, "succeeded", _won_at(group, now), _took(group), caught=caught)
            states[group.key.task(member)] = ended
    for wait in group.waits:
        for member in wait.members:
            states[group.key.task(member)] = TaskState(wait.attempt, "retrying", now, retry_at=wait.due)
    for submission in group.submissions:
        since = submission.started_at or submission.submitted_at
        for member in submission.open:
            state = _member_state(submission, member, jobs or {})
            state = state if state in _ALIVE else "running"
            states[group.key.task(member)] = TaskState(submission.attempt, state, since)
    return states


def _won_at(group: Group, now: float) -> float:
    return group.ended_at if group.ended_at is not None else now


def _took(group: Group) -> float | None:
    """How long a group of one took; within a larger one the stored state does not tell."""
    if len(group.members) != 1 or group.ended_at is None or group.started_at is None:
        return None
    return group.ended_at - group.started_at


def last_failure(group: Group, member: int) -> FailedAttempt | None:
    return next((failed for failed in reversed(group.history) if failed.member == member), None)


def in_order(flow: Flow, stored: Stored) -> Iterator[Group]:
    """The groups in the order of the flow's steps, then by path and lap."""
    position = {name: place for place, name in enumerate(flow.spec.steps)}
    return iter(sorted(stored.groups.values(), key=lambda group: (position.get(group.key.step, 0), group.key)))
