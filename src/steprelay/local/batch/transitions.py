"""A job's move to another state, and the event that tells of it."""

import logging
import uuid
from collections import deque
from collections.abc import Sequence
from typing import Any

from steprelay.local.batch import chaos
from steprelay.local.batch.config import LocalBatchConfig
from steprelay.local.batch.events import queue_blocked_event, state_change_event
from steprelay.local.batch.keeping import JobRecords
from steprelay.local.batch.model import Job, Status, described
from steprelay.local.batch.outbox import Outbox

logger = logging.getLogger(__name__)


class Transitions:
    """Moves jobs. Callers hold the engine's lock; `settled` are the ends that nobody has followed yet."""

    def __init__(self, config: LocalBatchConfig, outbox: Outbox, records: JobRecords) -> None:
        self._config = config
        self._records = records
        self._outbox = outbox
        self.settled: deque[Job] = deque()

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return int(self._config.clock() * 1000)

    def move(self, job: Job, status: Status, reason: str | None = None) -> None:
        """A single job, an array or a child of one, a multi-node parallel job as a whole; all of these have events."""
        if job.parent is not None:
            job.parent.summary[job.status] -= 1
            job.parent.summary[status] = job.parent.summary.get(status, 0) + 1
        job.status, job.status_reason = status, reason
        if job.ended:
            job.stopped_at = self.now()
            self.settled.append(job)
        for node in job.nodes:
            # A node that runs, or that has ended with the job, has a state of its own.
            if node.task is None and not (job.ended and node.ended):
                self.move_node(node, status, reason)
        self._records.changed(job)
        self.tell(job)

    def move_node(self, node: Job, status: Status, reason: str | None = None) -> None:
        """A node of a multi-node parallel job: the job's events tell of the job only."""
        node.status, node.status_reason = status, reason
        node.stopped_at = self.now() if node.ended else None

    def block(self, job: Job, reason: str) -> None:
        """The job is at the head of its queue and cannot start."""
        job.status_reason = reason
        self._records.changed(job)
        now, config = self._config.clock(), self._config
        event = queue_blocked_event(job, str(uuid.uuid4()), now, config.region, config.account)
        self._deliver(event, job, "BLOCKED")

    def tell(self, job: Job) -> None:
        """Emit the event of the job's present state."""
        now, config = self._config.clock(), self._config
        event = state_change_event(job, str(uuid.uuid4()), now, config.region, config.account)
        self._deliver(event, job, job.status.value)

    def _deliver(self, event: dict[str, Any], job: Job, what: str) -> None:
        """Emit an event that tells `what` of the job, as chance has it."""
        who = chaos.who(job.spec.name, job.spec.parameters)
        delays = chaos.deliveries(self._config.chaos, who, job.index, len(job.attempts), what)
        fates = _fates(delays)
        if fates:
            logger.info("by chance: %s is %s, of %s", what, " and ".join(fates), described(job))
        for delay in delays:
            self._outbox.event(event, delay)


def _fates(delays: Sequence[float]) -> list[str]:
    """What chance does to an event whose copies come after so many seconds."""
    if not delays:
        return ["lost"]
    return [fate for fate, met in (("doubled", len(delays) > 1), ("late", any(delays))) if met]
