"""Bugs planted into how exit hooks are called."""

from collections.abc import Sequence
from dataclasses import replace

from steprelay_core.commands import Command, InvokeHook
from steprelay_core.decide import Decision
from steprelay_core.effects import Effects
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.events import CancelRequested, Event, HookSilent, LightEnded
from steprelay_core.state.model import HookRun, HookStatus, RunStatus
from tests.simulation.misjudging import Misjudges


class CallsHooksOfACancel(Misjudges):
    """Takes a cancel for an end like any other."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        run = decision.run
        if not isinstance(event, CancelRequested) or run is None or stored.run.status.terminal:
            return decision
        hooks = [
            HookRun(hook.name, 1, run.generation, RunStatus.FAILED, run.ended_at or 0.0) for hook in flow.spec.hooks
        ]
        commands = [InvokeHook(hook.name, hook.attempt) for hook in hooks]
        return replace(decision, run=replace(run, hooks=tuple(hooks)), commands=(*decision.commands, *commands))


class NeverCallsAgain(Misjudges):
    """Does not care for hooks of which nothing is heard."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        return Decision(None, note="who cares") if isinstance(event, HookSilent) else decision


class FailsWithItsHooks(Misjudges):
    """Lets the run fail with a hook."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        run = decision.run
        if run is None or not isinstance(event, LightEnded | HookSilent):
            return decision
        failed = any(hook.status is HookStatus.FAILED for hook in run.hooks)
        return replace(decision, run=replace(run, status=RunStatus.FAILED)) if failed else decision


class ForgetsItsHooks(Effects):
    """Does not call them, and thinks it has."""

    def apply(self, flow: Flow, stored: Stored, commands: Sequence[Command], *, again: bool) -> list[Event]:
        left = [command for command in commands if not isinstance(command, InvokeHook)]
        return super().apply(flow, stored, left, again=again)


# Each with its name, and the promises by which it may be caught.
HOOK_BUGS: tuple[tuple[str, type[Misjudges], *tuple[int, ...]], ...] = (
    ("calls hooks when a run is cancelled", CallsHooksOfACancel, 23),
    ("does not look after silent hooks", NeverCallsAgain, 19, 23),
    ("lets a run fail with its hooks", FailsWithItsHooks, 6, 14, 19),
)
