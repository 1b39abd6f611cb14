"""What the local Batch leaves with its keeper so that another one can go on: definitions, submissions, jobs' states."""

from dataclasses import asdict
from typing import Any, Protocol

from steprelay.local.batch.model import Attempt, Job, Status, Task

Document = dict[str, Any]

DEFINITIONS = "batch-definition"
SUBMISSIONS = "batch-submission"
STATES = "batch-job"


class Keeper(Protocol):
    """Keeps JSON values by kind and key, each from the moment that `put` returns."""

    def put(self, kind: str, key: str, value: Any) -> None: ...
    def drop(self, kind: str, key: str) -> None: ...
    def all(self, kind: str) -> dict[str, Any]: ...


class Forgetful:
    """Keeps nothing."""

    def put(self, kind: str, key: str, value: Any) -> None: ...
    def drop(self, kind: str, key: str) -> None: ...
    def all(self, kind: str) -> dict[str, Any]:  # noqa: ARG002 - a Keeper's
        return {}


class JobRecords:
    """Jobs and definitions as the keeper has them. A node's state is its job's."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def submitted(self, job: Job, request: Document) -> None:
        exact = {**request, "jobQueue": job.spec.queue_name, "jobDefinition": job.spec.definition_arn}
        known = {"request": exact, "created_at": job.created_at, "sequence": job.sequence}
        self._keeper.put(SUBMISSIONS, job.id, known)

    def submissions(self) -> dict[str, Document]:
        """By job id, in the order they came in."""
        found = self._keeper.all(SUBMISSIONS)
        return dict(sorted(found.items(), key=lambda item: item[1]["sequence"]))

    def changed(self, job: Job) -> None:
        if job.node is None:
            self._keeper.put(STATES, job.id, _encoded(job))

    def states(self) -> dict[str, Document]:
        """By job id; a job that never moved has none."""
        return self._keeper.all(STATES)

    def forgotten(self, job: Job) -> None:
        self._keeper.drop(STATES, job.id)
        self._keeper.drop(SUBMISSIONS, job.id)

    def defined(self, definition: Document) -> None:
        key = f"{definition['jobDefinitionName']}:{definition['revision']:09}"
        self._keeper.put(DEFINITIONS, key, definition)

    def definitions(self) -> list[Document]:
        """Each family's revisions in their order."""
        return list(self._keeper.all(DEFINITIONS).values())


def _encoded(job: Job) -> Document:
    return {
        "status": job.status.value,
        "status_reason": job.status_reason,
        "started_at": job.started_at,
        "stopped_at": job.stopped_at,
        "attempts": [asdict(attempt) for attempt in job.attempts],
        "task": job.task and asdict(job.task),
        "cancelled": job.cancelled,
        "terminated": job.terminated,
        "stop_reason": job.stop_reason,
    }


def restore_state(job: Job, state: Document) -> None:
    """Give a new record the state that the job was in."""
    job.status, job.status_reason = Status(state["status"]), state["status_reason"]
    job.started_at, job.stopped_at = state["started_at"], state["stopped_at"]
    job.attempts = [Attempt(**{**attempt, "task": Task(**attempt["task"])}) for attempt in state["attempts"]]
    job.task = Task(**state["task"]) if state["task"] else None
    job.cancelled, job.terminated, job.stop_reason = state["cancelled"], state["terminated"], state["stop_reason"]
