"""Jobs that wait for a machine: what their queue says of it, looked up once for all that wait in it."""

from dataclasses import replace

from steprelay_core.decide.notices import is_explained
from steprelay_core.job_queues import Queues
from steprelay_core.state.events import Event, JobWaits


class Waiting:
    """Adds to a `JobWaits` what its queue could give the job, and, where that explains nothing, who is ahead of it."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    def explain(self, event: JobWaits) -> JobWaits:
        """The same event with what there is to know; anything that AWS raises."""
        if event.waits and event.queue and event.state is None:
            event = replace(event, state=self._queues.state(event.queue))
        if event.waits and event.queue and event.head is None and not is_explained(event):
            event = replace(event, head=self._queues.head(event.queue))
        return event

    def explain_if_possible(self, event: Event) -> Event:
        """As `explain`; where AWS does not answer, the event as it is: it is no less true for that."""
        if not isinstance(event, JobWaits):
            return event
        try:
            return self.explain(event)
        except Exception:
            return event
