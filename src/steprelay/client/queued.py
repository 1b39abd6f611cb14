"""Which jobs of a run wait for a machine, where their step says how long they may. Pure."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from steprelay.client.progress import Jobs, child_of, in_order
from steprelay_core.decide.waiting import WAITING
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.model import Group, Submission


@dataclass(frozen=True, slots=True)
class Queued:
    """Tasks whose job waits since `since` (seconds since the epoch, of an array the first that does), and may do so for
    `limit` seconds, until `until`.

    `task` is the step where there are several `tasks`; `queue` is None where the step names none.
    """

    task: str
    step: str
    tasks: int
    attempt: int
    queue: str | None
    since: float
    limit: int
    until: float


def queued_jobs(flow: Flow, stored: Stored, jobs: Jobs) -> list[Queued]:
    """In the order of the flow's steps; `jobs` tells which children of arrays still wait."""
    if stored.run.status.terminal:
        return []
    return [queued for group in in_order(flow, stored) for queued in _of_group(flow, group, jobs)]


def queued_json(queued: list[Queued]) -> list[dict[str, Any]]:
    return [asdict(one) for one in queued]


def _of_group(flow: Flow, group: Group, jobs: Jobs) -> Iterator[Queued]:
    step = flow.step(group.key.step)
    limit, batch = step.queue_timeout_seconds, step.batch
    if limit is None or batch is None:
        return
    for submission in group.submissions:
        tasks, since = _waiting(submission, jobs), submission.queued_at
        if tasks and since is not None:
            many = len(submission.members) > 1
            yield Queued(
                task=group.key.step if many else str(group.key.task(submission.open.at(0))),
                step=group.key.step,
                tasks=tasks,
                attempt=submission.attempt,
                queue=batch.queue_at(submission.terms.queue),
                since=since,
                limit=limit,
                until=since + limit,
            )


def _waiting(submission: Submission, jobs: Jobs) -> int:
    """How many of a submission's tasks have no machine; of an array that nobody has asked about, all that are open."""
    if submission.job_id is None or submission.status not in WAITING:
        return 0
    array = jobs.get(submission.job_id)
    if array is not None and array.children:
        return sum(number for status, number in array.children.items() if status in WAITING)
    if len(submission.members) == 1:
        return 1
    told = [jobs.get(child_of(submission.job_id, submission, member)) for member in submission.open]
    return sum(job is None or job.status in WAITING for job in told)
