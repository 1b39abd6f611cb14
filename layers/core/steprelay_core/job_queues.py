"""AWS Batch's job queues as the engine asks about them: one of its ports."""

from typing import Protocol

from steprelay_core.state.placement import Head, QueueState


class Queues(Protocol):
    """AWS Batch's job queues, asked about where a job does not start."""

    def state(self, queue: str) -> QueueState | None:
        """A queue (name or ARN) and its compute environments, a minute old at most; None if there is no such queue."""

    def head(self, queue: str) -> Head | None:
        """The job at the head of a queue, as old; None if none waits in it, or Batch does not tell."""


class NoQueues:
    """Knows of no queue: what jobs say themselves is then all there is to say."""

    def state(self, queue: str) -> QueueState | None:  # noqa: ARG002 - the port's
        return None

    def head(self, queue: str) -> Head | None:  # noqa: ARG002 - the port's
        return None
