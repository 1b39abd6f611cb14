"""The brief of an exit hook: that of a light step which starts from the run's last one (docs/architecture.md)."""

from typing import Any

from steprelay_core import keys
from steprelay_core.brief import BRIEF_VERSION, winners
from steprelay_core.spec import Flow
from steprelay_core.state.model import Group, GroupKey, HookRun, Run, RunStatus


def build_hook_brief(
    flow: Flow, run: Run, groups: dict[GroupKey, Group], hook: HookRun, failure: dict[str, Any] | None
) -> dict[str, Any]:
    """What the runner of this hook needs; `failure`: what events tell of the run's."""
    written = next((one for one in flow.spec.hooks if one.name == hook.name), None)
    last = _last(flow, groups) if hook.after is RunStatus.SUCCEEDED else []
    return {
        "brief_version": BRIEF_VERSION,
        "run": run.id,
        "flow": run.flow,
        "step": hook.name,
        "path": [],
        "members": [[0, 0]],
        "attempt": hook.attempt,
        "first_attempt": hook.attempt,
        "max_attempts": hook.attempt,
        "created_at": run.created_at,
        "origin": {"kind": run.origin.kind, "detail": run.origin.detail},
        "package": keys.package(run.digest),
        "entrypoint": flow.spec.entrypoint.model_dump() if flow.spec.entrypoint else None,
        "command": written.command if written is not None else None,
        "environment": {},
        "timeout_seconds": None,
        "catch": None,
        "parameters": run.parameters,
        "next": [],
        "condition": None,
        "tempdir": None,
        "inputs": {"kind": "same" if last else "none", "groups": last},
        "hook": {"status": hook.after.value, "failure": failure},
    }


def _last(flow: Flow, groups: dict[GroupKey, Group]) -> list[dict[str, Any]]:
    """The step that the run ended with."""
    ended = (group for key, group in groups.items() if not key.path and not flow.step(key.step).next)
    return [winners(group, group.succeeded) for group in ended if len(group.succeeded)][:1]
