"""The brief of a submission: all that the runner is told, as one JSON object (docs/architecture.md, "The brief")."""

from typing import Any

from steprelay_core import keys
from steprelay_core.decide.advance import took
from steprelay_core.decide.laps import Places, come_from, gathered
from steprelay_core.spec import Flow
from steprelay_core.state.model import Group, GroupKey, Run, Submission
from steprelay_core.state.ranges import Ranges

BRIEF_VERSION = 1


def build_brief(
    flow: Flow, run: Run, groups: dict[GroupKey, Group], key: GroupKey, submission: Submission, tempdir: str | None
) -> dict[str, Any]:
    """What the runner of this submission needs; `tempdir` is where its tmpfs is mounted, if it has one."""
    step = flow.step(key.step)
    retries = step.retry.times if step.retry else 0
    return {
        "brief_version": BRIEF_VERSION,
        "run": run.id,
        "flow": run.flow,
        "step": key.step,
        "path": list(key.path),
        **({"laps": list(key.laps)} if key.laps else {}),
        "members": _spans(submission.members),
        "attempt": submission.attempt,
        "max_attempts": submission.first + retries,
        "created_at": run.created_at,
        "origin": {"kind": run.origin.kind, "detail": run.origin.detail},
        "package": keys.package(run.digest),
        "entrypoint": flow.spec.entrypoint.model_dump() if flow.spec.entrypoint else None,
        "command": step.command,
        "environment": step.environment,
        "timeout_seconds": step.timeout_seconds,
        "catch": step.catch.model_dump() if step.catch else None,
        "parameters": run.parameters,
        "next": [transition.model_dump() for transition in step.next],
        "condition": step.condition,
        "tempdir": tempdir,
        "inputs": _inputs(flow, groups, key, submission.members),
    }


def _inputs(flow: Flow, groups: dict[GroupKey, Group], key: GroupKey, members: Ranges) -> dict[str, Any]:
    closed, places = flow.graph.closes.get(key.step), Places(groups)
    if closed is not None:
        foreach = closed.kind == "foreach"
        paths = [(*key.path, member) for member in members] if foreach else [key.path]
        parents = [parent for path in paths for parent in gathered(flow, places, key, path)]
        return {"kind": "gather" if foreach else "branches", "groups": _won(flow, groups, key.step, parents)}
    if key == GroupKey(flow.spec.start):
        return {"kind": "none", "groups": []}
    before = list(come_from(flow, places, key))
    items = any(of_items for _, of_items in before)
    only = Ranges.of(key.path[-1]) if items else None
    parents = [parent for parent, _ in before]
    return {"kind": "item" if items else "same", "groups": _won(flow, groups, key.step, parents, only)}


def _won(
    flow: Flow, groups: dict[GroupKey, Group], step: str, parents: list[GroupKey], only: Ranges | None = None
) -> list[dict[str, Any]]:
    """Those of these groups that went on to this step, each with the attempts that won."""
    found = []
    for parent in parents:
        group = groups.get(parent)
        if group is None:
            continue
        arrived = took(flow, group, step)
        arrived = arrived if only is None else arrived & only
        won = {str(attempt): _spans(part & arrived) for attempt, part in group.won.items() if len(part & arrived)}
        if won:
            laps = {"laps": list(parent.laps)} if parent.laps else {}
            found.append({"step": parent.step, "path": list(parent.path), **laps, "won": won})
    return found


def _spans(members: Ranges) -> list[list[int]]:
    return [list(span) for span in members.spans]
