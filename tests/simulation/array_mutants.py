"""Planted bugs in what is believed of arrays, and in how events are decided together."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from steprelay_core.batch import Batch, Together
from steprelay_core.decide import Decision
from steprelay_core.effects import Effects
from steprelay_core.engine import Engine
from steprelay_core.evidence import Evidence
from steprelay_core.ports import Ended, Ports, Stored
from steprelay_core.spec import Flow
from steprelay_core.state.events import JobChanged
from steprelay_core.state.model import GroupKey, Submission
from steprelay_core.state.ranges import Ranges


class Credulous(Evidence):
    """Takes the children whose failures it was told of for all that failed."""

    def _children(self, submission: Submission, job: JobChanged) -> dict[int, JobChanged] | None:
        return {}


class Careless(Evidence):
    """Takes every outcome of a child that ended well for a success."""

    def _ended(self, run: str, key: GroupKey, submission: Submission) -> Ended:
        return replace(super()._ended(run, key, submission), marked=Ranges())


class BelievesExitCodes(Engine):
    """Does not look whether an outcome is marked as a failure."""

    def __init__(self, ports: Ports, effects: Effects, new_id: Callable[[], str]) -> None:
        super().__init__(ports, effects, new_id)
        self.evidence = Careless


class BelievesEvents(Engine):
    """Takes an array whose failures were not all told of for one whose other children ended well."""

    def __init__(self, ports: Ports, effects: Effects, new_id: Callable[[], str]) -> None:
        super().__init__(ports, effects, new_id)
        self.evidence = Credulous


class DecidesApart(Engine):
    """Decides the events of a batch each on what was loaded, whatever the others lead to."""

    def _decide_each(
        self, flow: Flow, stored: Stored, batch: Batch, evidence: Evidence
    ) -> Iterator[tuple[Together, Decision]]:
        for each in list(batch.waiting):
            yield each, self._decide(flow, stored, each.event, evidence)
