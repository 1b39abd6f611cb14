"""AWS Batch's job queues as the engine asks about them: `Queues` on the simulated Batch."""

from steprelay_core.state.placement import Environment, Head, Needs, QueueState
from tests.simulation.batch import Batch
from tests.simulation.record import Record
from tests.simulation.scheduler import Scheduler


class SimulatedJobQueues:
    """One compute environment, which somebody may have disabled; what is asked about the head may be old."""

    def __init__(self, scheduler: Scheduler, record: Record, batch: Batch) -> None:
        self._s, self._record, self._batch = scheduler, record, batch

    def state(self, queue: str) -> QueueState | None:
        return self._s.call(f"describe queue {queue}", lambda: self._state(queue))

    def _state(self, queue: str) -> QueueState:
        closed = self._s.dice.strike("blocked", f"compute environment of {queue}")
        if closed:
            self._record.closed.add(queue)
        return QueueState(queue, environments=(Environment("ce", state="DISABLED" if closed else "ENABLED"),))

    def head(self, queue: str) -> Head | None:
        return self._s.call(f"head of queue {queue}", self._head)

    def _head(self) -> Head | None:
        unit = self._batch.head()
        return None if unit is None else Head(unit.id, str(unit.job.request["jobName"]), unit.reason, Needs())
