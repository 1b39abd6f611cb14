"""Bugs of chains, to be planted in the engine."""

from dataclasses import replace

from steprelay_core.commands import FenceAttempt
from steprelay_core.decide import Decision
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.events import Event, JobChanged
from tests.simulation.misjudging import Misjudges


class FencesOnlyWhatFailed(Misjudges):
    """Leaves the claims of those open that were handed over behind what failed."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        chained = {
            (key, item.attempt)
            for key, group in stored.groups.items()
            for item in group.submissions
            if item.behind is not None
        }
        rest = tuple(
            command
            for command in decision.commands
            if not isinstance(command, FenceAttempt) or (command.group, command.attempt) not in chained
        )
        return replace(decision, commands=rest)


class CountsVoidAttempts(Misjudges):
    """Takes the end of what was handed over in vain for a failure of its own."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        if isinstance(event, JobChanged) and event.group in stored.groups:
            group = stored.groups[event.group]
            alone = tuple(replace(item, behind=None) for item in group.submissions)
            stored = replace(stored, groups={**stored.groups, event.group: replace(group, submissions=alone)})
        return flow, stored, event


class ForgetsVoidAttempts(Misjudges):
    """Begins what was void with the attempt that was."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        return replace(decision, groups=tuple(replace(group, voided=0) for group in decision.groups))
