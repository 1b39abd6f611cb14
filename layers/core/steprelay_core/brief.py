"""The brief of a submission: all that the runner is told, as one JSON object (docs/architecture.md, "The brief")."""

from typing import Any

from steprelay_core import keys
from steprelay_core.decide.advance import took
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
        "members": _spans(submission.members),
        "attempt": submission.attempt,
        "first_attempt": submission.first,
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
        "inputs": _presumed(key, submission) or _inputs(flow, groups, key, submission.members),
    }


def _presumed(key: GroupKey, submission: Submission) -> dict[str, Any] | None:
    """What a chained submission starts from: an attempt that need not have won yet. Its runner makes sure."""
    behind = submission.behind
    if behind is None:
        return None
    won = {str(behind.attempt): _spans(submission.members)}
    return {
        "kind": "same",
        "groups": [{"step": behind.step, "path": list(key.path), "won": won, "presumed": True}],
    }


def _inputs(flow: Flow, groups: dict[GroupKey, Group], key: GroupKey, members: Ranges) -> dict[str, Any]:
    if key.step == flow.spec.start:
        return {"kind": "none", "groups": []}
    closed = flow.graph.closes.get(key.step)
    if closed is not None and closed.kind == "foreach":
        paths = [(*key.path, member) for member in members]
        empty = _empty(groups.get(GroupKey(closed.step, key.path)), members)
        return {"kind": "gather", "groups": _won(flow, groups, key.step, paths)} | empty
    if closed is not None:
        return {"kind": "branches", "groups": _won(flow, groups, key.step, [key.path])}
    parents = flow.parents[key.step]
    if any(way.foreach is not None and key.step in way.to for parent in parents for way in flow.step(parent).next):
        return {"kind": "item", "groups": _won(flow, groups, key.step, [key.path[:-1]], Ranges.of(key.path[-1]))}
    return {"kind": "same", "groups": _won(flow, groups, key.step, [key.path])}


def _empty(opened: Group | None, members: Ranges) -> dict[str, Any]:
    """Who started those foreachs that had no items, so that their joins know where they are."""
    if opened is None:
        return {}
    without = Ranges.collect(member for member in members if opened.fanout.get(member) == 0)
    if not len(without):
        return {}
    return {"empty": _winners(opened, without)}


def _won(
    flow: Flow,
    groups: dict[GroupKey, Group],
    step: str,
    paths: list[tuple[int, ...]],
    only: Ranges | None = None,
) -> list[dict[str, Any]]:
    """The groups at these paths that went on to this step, each with the attempts that won."""
    found = []
    for parent in flow.parents[step]:
        for path in paths:
            group = groups.get(GroupKey(parent, path))
            if group is None:
                continue
            arrived = took(flow, group, step)
            arrived = arrived if only is None else arrived & only
            if len(arrived):
                found.append(_winners(group, arrived))
    return found


def _winners(group: Group, members: Ranges) -> dict[str, Any]:
    won = {str(attempt): _spans(part & members) for attempt, part in group.won.items() if len(part & members)}
    return {"step": group.key.step, "path": list(group.key.path), "won": won}


def _spans(members: Ranges) -> list[list[int]]:
    return [list(span) for span in members.spans]
