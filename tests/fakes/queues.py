"""Job queues as a dictionary."""

from steprelay_core.state.placement import Head, QueueState


class MemoryQueues:
    """`states` and `heads` by queue; `asked` lists what was looked up. With `broken`, AWS does not answer."""

    def __init__(self, *states: QueueState) -> None:
        self.states = {state.name: state for state in states}
        self.heads: dict[str, Head] = {}
        self.asked: list[str] = []
        self.broken = False

    def state(self, queue: str) -> QueueState | None:
        self._ask(f"state {queue}")
        return self.states.get(queue)

    def head(self, queue: str) -> Head | None:
        self._ask(f"head {queue}")
        return self.heads.get(queue)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.broken:
            raise ConnectionError("TooManyRequestsException")
