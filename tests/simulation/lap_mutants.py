"""Bugs planted into how laps are counted."""

from collections.abc import Sequence
from dataclasses import replace

from steprelay_core.commands import Command
from steprelay_core.effects import Effects
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow, Graph
from steprelay_core.state.events import Event
from tests.simulation.misjudging import Misjudges


def _without_loops(flow: Flow) -> Flow:
    """The flow, with its ways back taken for ways forward."""
    return replace(flow, graph=replace(flow.graph, back=frozenset()))


class StaysInTheLap(Misjudges):
    """Goes back without counting."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        return _without_loops(flow), stored, event


class CountsOneLevel(Misjudges):
    """Counts the laps of the outermost level only."""

    def before(self, flow: Flow, stored: Stored, event: Event) -> tuple[Flow, Stored, Event]:
        graph = flow.graph
        flat = _Flat(graph.splits, graph.closes, graph.problems, graph.ends, graph.back)
        return replace(flow, graph=flat), stored, event


class _Flat(Graph):
    def levels(self, step: str) -> int:
        return 1


class StartsFromAnotherLap(Effects):
    """Gives a task what those before it left in the same lap, however it came there."""

    def apply(self, flow: Flow, stored: Stored, commands: Sequence[Command], *, again: bool) -> list[Event]:
        return super().apply(_without_loops(flow), stored, commands, again=again)
