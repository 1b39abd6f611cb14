"""Bugs planted into how exit hooks are called."""

from collections.abc import Sequence
from dataclasses import replace

from steprelay_core.commands import Command, InvokeHook
from steprelay_core.decide import Decision
from steprelay_core.effects import Effects
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.events import CancelRequested, Event, HookSilent, LightEnded
from steprelay_core.state.model import Failure, HookRun, HookStatus, RunStatus
from tests.simulation.misjudging import Misjudges


class CallsHooksOfACancel(Misjudges):
    """Takes a cancel for an end like any other."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        run = decision.run
        if not isinstance(event, CancelRequested) or run is None or stored.run.status.terminal:
            return decision
        hooks = [
            HookRun(hook.name, (1,), run.generation, RunStatus.FAILED, run.ended_at or 0.0) for hook in flow.spec.hooks
        ]
        commands = [InvokeHook(hook.name, hook.attempt) for hook in hooks]
        return replace(decision, run=replace(run, hooks=tuple(hooks)), commands=(*decision.commands, *commands))


class NeverCallsAgain(Misjudges):
    """Gives a hook up as soon as its function has died."""

    def after(self, flow: Flow, stored: Stored, event: Event, decision: Decision) -> Decision:
        again = [command for command in decision.commands if isinstance(command, InvokeHook)]
        if decision.run is None or not again or not stored.run.status.terminal:
            return decision
        gone, failure = {command.name for command in again}, Failure("host", "its function died")
        hooks = tuple(
            replace(hook, status=HookStatus.FAILED, failure=failure) if hook.name in gone else hook
            for hook in stored.run.hooks
        )
        left = tuple(command for command in decision.commands if command not in again)
        return replace(decision, run=replace(decision.run, hooks=hooks), commands=left)


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
    ("gives a hook up whose function died", NeverCallsAgain, 23),
    ("lets a run fail with its hooks", FailsWithItsHooks, 6, 14, 19),
)
