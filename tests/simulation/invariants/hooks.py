"""What must hold of exit hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steprelay_core.decide.hook_ends import HOOK_TRIES
from steprelay_core.state.model import HookStatus, RunStatus
from tests.simulation.facts import Attempted, Calmed, ClaimPassed, Saved
from tests.simulation.invariants.rules import rule
from tests.simulation.record import outcome_key

if TYPE_CHECKING:
    from steprelay_core.ports import Attempt
    from steprelay_core.spec import Flow
    from steprelay_core.state.model import HookRun, Run
    from tests.simulation.simulation import Simulation

_FOR = {RunStatus.SUCCEEDED: "success", RunStatus.FAILED: "error"}


def _wanted(flow: Flow, run: Run) -> set[str]:
    """The hooks that the run's end calls for."""
    return {hook.name for hook in flow.spec.hooks if _FOR.get(run.status) in hook.on}


@rule(23, Saved)
def the_end_starts_its_hooks(simulation: Simulation, saved: Saved) -> str | None:
    run, before = saved.after.run, saved.before.run if saved.before else None
    known = {(hook.name, hook.generation) for hook in before.hooks} if before else set()
    begun = {hook.name for hook in run.hooks if (hook.name, hook.generation) not in known}
    ends = run.status.terminal and (before is None or not before.status.terminal)
    wanted = _wanted(simulation.flow(run.id), run) if ends else set()
    if begun != wanted:
        return f"{run.id} is {run.status}, and starts the hooks {sorted(begun)} instead of {sorted(wanted)}"
    return None


@rule(23, Saved)
def hooks_are_tried_a_few_times(_: Simulation, saved: Saved) -> str | None:
    before = {(hook.name, hook.generation): hook for hook in saved.before.run.hooks} if saved.before else {}
    for hook in saved.after.run.hooks:
        if len(hook.attempts) > HOOK_TRIES:
            return f"{hook} has been tried too often"
        was = before.get((hook.name, hook.generation), hook)
        if was.status is not HookStatus.RUNNING and was != hook:
            return f"{was} was over, and is {hook}"
        if was.attempts != hook.attempts[: len(was.attempts)]:
            return f"{was} fell back to {hook}"
    return None


@rule(23, Saved)
def hooks_end_as_they_did(simulation: Simulation, saved: Saved) -> str | None:
    """Nobody is given up at work, or said to have succeeded who left no success."""
    before = {(hook.name, hook.generation): hook for hook in saved.before.run.hooks} if saved.before else {}
    for hook in saved.after.run.hooks:
        was = before.get((hook.name, hook.generation), hook)
        attempted = Attempted(saved.after.run.id, was.task.group, 0, was.attempt)
        moved_on = was.attempt != hook.attempt or was.status is not hook.status
        if moved_on and attempted in simulation.record.working:
            return f"{attempted} was given up while at work"
        body = simulation.relay.objects.objects.get(outcome_key(attempted))
        if hook.status is HookStatus.SUCCEEDED and body is None:
            return f"{hook} is taken for a success, and left nothing"
    return None


@rule(23, ClaimPassed)
def hooks_come_after_the_end(simulation: Simulation, passed: ClaimPassed) -> str | None:
    attempted = passed.attempted
    if attempted.group.step in simulation.flow(attempted.run).spec.steps:
        return None
    stored = simulation.relay.store.runs[attempted.run]
    # That of the run's first end may still be at work when the second one calls for it again.
    alike = (one for one in stored.run.hooks_running if one.name == attempted.group.step)
    hook = next((one for one in alike if attempted.attempt in one.attempts), None)
    if hook is None:
        return f"{attempted} begins, and {stored.run.id} knows of no such hook"
    ended = [] if hook.after is RunStatus.FAILED else _winners(simulation, stored.run.id)
    if sorted(ended) != sorted(passed.inputs):
        return f"{attempted} is given {passed.inputs}, where {ended} are the end of {stored.run.id}"
    return None


def _winners(simulation: Simulation, run: str) -> list[Attempt]:
    """The attempts that the run ended with."""
    flow, stored = simulation.flow(run), simulation.relay.store.runs[run]
    last = [group for key, group in stored.groups.items() if not key.path and not flow.step(key.step).next]
    return [(group.key.task(0), attempt) for group in last if (attempt := group.winner(0)) is not None]


@rule(23, Calmed)
def hooks_come_to_an_end(simulation: Simulation, _: Calmed) -> str | None:
    for stored in simulation.relay.store.runs.values():
        run = stored.run
        if run.hooks_running:
            return f"{run.hooks_running} of {run.id} never ended"
        left = _wanted(simulation.flow(run.id), run) - {
            hook.name for hook in run.hooks if hook.generation == run.generation
        }
        if left:
            return f"{run.id} is {run.status}, and its hooks {sorted(left)} were never called"
        idle = [hook for hook in run.hooks if not _was_called(simulation, run, hook)]
        if idle:
            return f"{idle} of {run.id} was given up before it was tried often enough"
    return None


def _was_called(simulation: Simulation, run: Run, hook: HookRun) -> bool:
    """At least once: an attempt has left an outcome, or all of them were lost."""
    attempts = [Attempted(run.id, hook.task.group, 0, attempt) for attempt in hook.attempts]
    left = any(outcome_key(attempted) in simulation.relay.objects.objects for attempted in attempts)
    return left or len(attempts) == HOOK_TRIES
