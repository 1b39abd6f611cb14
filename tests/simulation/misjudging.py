"""What engines with a planted bug have in common that decide wrongly."""

from steprelay_core.decide import Decision
from steprelay_core.engine import Engine
from steprelay_core.evidence import Evidence
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.events import Event


class Misjudges(Engine):
    """Decides on something else than what happened: `before` changes the question, `after` the answer."""

    def _decide(self, flow: Flow, stored: Stored, event: Event, evidence: Evidence) -> Decision:
        flow, stored, event = self.before(flow, stored, event)
        return self.after(flow, stored, event, super()._decide(flow, stored, event, evidence))

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        return flow, stored, event

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        return decision
