"""Attempts of exit hooks: their ends, and their silence. None of it touches the run's own end."""

from dataclasses import replace

from steprelay_core.commands import FenceAttempt, InvokeHook
from steprelay_core.decide.draft import Draft
from steprelay_core.decide.light import CLOCKS_DIFFER, LIGHT_GIVEN_UP, LIGHT_SILENCE, on_light_ended
from steprelay_core.decide.outcome import told
from steprelay_core.state.events import HookSilent, LightEnded
from steprelay_core.state.model import Failure, HookRun, HookStatus, Run, TaskKey
from steprelay_core.state.outcome import Outcome

Outcomes = dict[tuple[TaskKey, int], Outcome]

# Attempts of a hook whose function dies; one that ends by itself, well or not, has had its only one.
HOOK_TRIES = 3


def on_light_function_ended(draft: Draft, event: LightEnded, outcomes: Outcomes) -> None:
    """The light function is through with a step, or with an exit hook."""
    if event.group.step in draft.flow.spec.steps:
        on_light_ended(draft, event, outcomes)
        return
    hook = _awaited(draft.run, event.group.step, event.attempt)
    if hook is None:
        draft.note = "no exit hook is waiting for this end"
    elif not _end_by_outcome(draft, hook, outcomes):
        _lose(draft, hook, event.lost or "the light function left no outcome")


def on_hook_silent(draft: Draft, event: HookSilent, outcomes: Outcomes) -> None:
    """Believe its outcome, leave a living function alone, send again what nobody has received."""
    hook = _awaited(draft.run, event.name, event.attempt)
    if hook is None or not is_hook_silent(hook, draft.now):
        draft.note = "no exit hook is silent"
        return
    if _end_by_outcome(draft, hook, outcomes):
        return
    claim = draft.claims.get((hook.task, hook.attempt))
    silence = f"the light function was silent for {draft.now - hook.started_at:.0f} s"
    if draft.now - hook.started_at > LIGHT_GIVEN_UP:
        _end(draft, hook, Failure("host", silence))
    elif claim is None:
        _put(draft, hook, replace(hook, sent_at=draft.now))
        draft.ask(InvokeHook(hook.name, hook.attempt))
    elif claim.fenced or (claim.until or 0.0) + CLOCKS_DIFFER < draft.now:
        _lose(draft, hook, silence)


def silent_hooks(run: Run, now: float) -> list[HookSilent]:
    """What the sweep has to look after."""
    return [HookSilent(run.id, hook.name, hook.attempt) for hook in run.hooks_running if is_hook_silent(hook, now)]


def is_hook_silent(hook: HookRun, now: float) -> bool:
    """At ever longer intervals, as of light steps."""
    sent_at = hook.sent_at or hook.started_at
    return now - sent_at > max(LIGHT_SILENCE, sent_at - hook.started_at)


def _awaited(run: Run, name: str, attempt: int) -> HookRun | None:
    return next((hook for hook in run.hooks_running if (hook.name, hook.attempt) == (name, attempt)), None)


def _end_by_outcome(draft: Draft, hook: HookRun, outcomes: Outcomes) -> bool:
    outcome = outcomes.get((hook.task, hook.attempt))
    if outcome is None:
        return False
    _end(draft, hook, None if outcome.failure is None else told(outcome.failure))
    return True


def _lose(draft: Draft, hook: HookRun, why: str) -> None:
    """Nobody knows what the hook has done: it is tried again, a few times."""
    draft.ask(FenceAttempt(hook.task.group, hook.attempt, ((0, 0),)))
    if len(hook.attempts) >= HOOK_TRIES:
        _end(draft, hook, Failure("host", why))
        return
    attempts = (*hook.attempts, draft.run.next_attempt(hook.name))
    again = replace(hook, attempts=attempts, started_at=draft.now, sent_at=None)
    _put(draft, hook, again)
    draft.ask(InvokeHook(again.name, again.attempt))


def _end(draft: Draft, hook: HookRun, failure: Failure | None) -> None:
    status = HookStatus.SUCCEEDED if failure is None else HookStatus.FAILED
    _put(draft, hook, replace(hook, status=status, ended_at=draft.now, failure=failure))


def _put(draft: Draft, old: HookRun, new: HookRun) -> None:
    draft.set_run(hooks=tuple(new if hook == old else hook for hook in draft.run.hooks))
