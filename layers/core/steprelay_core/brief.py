"""The brief of a submission: all that the runner is told, as one JSON object (docs/architecture.md, "The brief")."""

from dataclasses import replace
from typing import Any

from steprelay_core import keys
from steprelay_core.decide.advance import took
from steprelay_core.decide.laps import Places, come_from, gathered, openers
from steprelay_core.logs import log_of
from steprelay_core.ports import Logs
from steprelay_core.spec import Flow, Retry
from steprelay_core.state.model import Caught, Group, GroupKey, Run, Submission
from steprelay_core.state.ranges import Ranges

# Runners that know no fallback attempts must not take one for an attempt at the step.
BRIEF_VERSION, FALLBACK_VERSION = 1, 2


def build_brief(
    flow: Flow,
    run: Run,
    groups: dict[GroupKey, Group],
    key: GroupKey,
    submission: Submission,
    tempdir: str | None,
    logs: Logs | None = None,
) -> dict[str, Any]:
    """What the runner of this submission needs; `tempdir` is where its tmpfs is mounted, if it has one; `logs` knows
    the pages of logs."""
    step = flow.step(key.step)
    retries = step.retry.times if step.retry else 0
    # Of what runs no user code, its limits say nothing.
    timeout = None if submission.fallback else step.timeout_seconds
    exceptions = _exceptions(step.retry)
    return {
        "brief_version": FALLBACK_VERSION if submission.fallback else BRIEF_VERSION,
        "run": run.id,
        "flow": run.flow,
        **key.as_json(),
        "members": _spans(submission.members),
        "attempt": submission.attempt,
        "first_attempt": submission.first,
        "max_attempts": submission.first + retries,
        **({"retry": exceptions} if exceptions else {}),
        "created_at": run.created_at,
        "origin": {"kind": run.origin.kind, "detail": run.origin.detail},
        "package": keys.package(run.digest),
        "entrypoint": flow.spec.entrypoint.model_dump() if flow.spec.entrypoint else None,
        "command": step.command,
        "environment": step.environment,
        "timeout_seconds": timeout,
        "catch": step.catch.model_dump() if step.catch else None,
        "parameters": run.parameters,
        "next": [transition.model_dump() for transition in step.next],
        "condition": step.condition,
        "tempdir": tempdir,
        "inputs": _presumed(key, submission) or _inputs(flow, groups, key, submission.members),
        **({"fallback": _fallback(flow, run, key, submission, logs)} if submission.fallback else {}),
    }


def _fallback(flow: Flow, run: Run, key: GroupKey, submission: Submission, logs: Logs | None) -> list[dict[str, Any]]:
    """What a fallback attempt leaves in the artifact of `@catch`."""
    told = []
    for cause in submission.fallback:
        # A log is one task's.
        task = key.task(cause.members.at(0)) if len(cause.members) == 1 else None
        log = log_of(flow, run.id, task, cause.attempt, cause.failure.log_stream) if task is not None else None
        link = logs.link(log) if logs is not None and log is not None else None
        told.append(_caught(cause) | {"log_link": link})
    return told


def _caught(cause: Caught) -> dict[str, Any]:
    failure = cause.failure
    return {
        "members": _spans(cause.members),
        "attempt": cause.attempt,
        "class": failure.class_,
        "reason": failure.reason,
        "exit_code": failure.exit_code,
        "log_stream": failure.log_stream,
        "told": cause.told,
    }


def _exceptions(retry: Retry | None) -> dict[str, Any]:
    """After which failures there is no further attempt, although the budget would have one."""
    return {} if retry is None else retry.model_dump(include={"on", "exit_codes_no_retry"}, exclude_defaults=True)


def _presumed(key: GroupKey, submission: Submission) -> dict[str, Any] | None:
    """What a chained submission starts from: an attempt that need not have won yet. Its runner makes sure."""
    behind = submission.behind
    if behind is None:
        return None
    ahead = Group(replace(key, step=behind.step), won={behind.attempt: submission.members})
    return {"kind": "same", "groups": [winners(ahead, submission.members) | {"presumed": True}]}


def _inputs(flow: Flow, groups: dict[GroupKey, Group], key: GroupKey, members: Ranges) -> dict[str, Any]:
    closed, places = flow.graph.closes.get(key.step), Places(groups)
    if closed is not None:
        foreach = closed.kind == "foreach"
        paths = [(*key.path, member) for member in members] if foreach else [key.path]
        parents = [parent for path in paths for parent in gathered(flow, places, key, path)]
        found = _won(flow, groups, key.step, parents)
        if not foreach:
            return {"kind": "branches", "groups": found}
        return {"kind": "gather", "groups": found} | _empty(flow, groups, places, key, members)
    if key == GroupKey(flow.spec.start):
        return {"kind": "none", "groups": []}
    before = list(come_from(flow, places, key))
    items = any(of_items for _, of_items in before)
    only = Ranges.of(key.path[-1]) if items else None
    parents = [parent for parent, _ in before]
    return {"kind": "item" if items else "same", "groups": _won(flow, groups, key.step, parents, only)}


def _empty(flow: Flow, groups: dict[GroupKey, Group], places: Places, key: GroupKey, members: Ranges) -> dict[str, Any]:
    """Who started those foreachs that had no items, so that their joins know where they are."""
    found = []
    for opener in openers(flow, places, key):
        opened = groups.get(opener, Group(opener))
        without = Ranges.collect(member for member in members if opened.fanout.get(member) == 0)
        if len(without):
            found.append(winners(opened, without))
    return {"empty": found} if found else {}


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
        if len(arrived):
            found.append(winners(group, arrived))
    return found


def winners(group: Group, members: Ranges) -> dict[str, Any]:
    """These members of a group as inputs, by the attempt that won."""
    won = {str(attempt): _spans(part & members) for attempt, part in group.won.items() if len(part & members)}
    return group.key.as_json() | {"won": won}


def _spans(members: Ranges) -> list[list[int]]:
    return [list(span) for span in members.spans]
