"""Exit hooks begin: with the save that ends the run, and never before it."""

from steprelay_core.commands import InvokeHook
from steprelay_core.decide.draft import Draft
from steprelay_core.state.model import HookRun, HookStatus, RunStatus

# By how a run has ended: what a hook says it is for. A run that was cancelled has none.
_CALLED_FOR = {RunStatus.SUCCEEDED: "success", RunStatus.FAILED: "error"}


def start_hooks(draft: Draft) -> None:
    """Start the hooks that the run's end calls for; those of an earlier end that are not through go on beside them."""
    run = draft.run
    wanted = [hook.name for hook in draft.flow.spec.hooks if _CALLED_FOR.get(run.status) in hook.on]
    if not wanted:
        return
    kept = [old for old in run.hooks if old.name not in wanted or old.status is HookStatus.RUNNING]
    begun = []
    for name in wanted:
        attempt = run.next_attempt(name)
        begun.append(HookRun(name, (attempt,), run.generation, run.status, draft.now, cause=run.failure))
        draft.ask(InvokeHook(name, attempt))
    draft.set_run(hooks=(*kept, *begun))
