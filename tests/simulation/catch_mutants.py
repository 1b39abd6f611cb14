"""Bugs planted into what follows the last failure of a step with `@catch`."""

from dataclasses import replace

from steprelay_core.decide import Decision
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.events import Event
from steprelay_core.state.ranges import Ranges
from tests.simulation.misjudging import Misjudges


class GivesUpWhatIsCaught(Misjudges):
    """Leaves `@catch` to the runner alone."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        return _without(flow, "catch"), stored, event


class CatchesEarly(Misjudges):
    """Goes on by `@catch` after the first failure of a task."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        return _without(flow, "retry"), stored, event


class ForgetsWhoWasCaught(Misjudges):
    """Takes whoever goes on by `@catch` for one who has not failed."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        return replace(decision, groups=tuple(replace(group, caught=Ranges()) for group in decision.groups))


def _without(flow: Flow, what: str) -> Flow:
    steps = {name: step.model_copy(update={what: None}) for name, step in flow.spec.steps.items()}
    return replace(flow, spec=flow.spec.model_copy(update={"steps": steps}))
