"""A person's word that a run is to go on: `runs resume` all that failed, `runs retry` what is named.

What a request asks for may not fit into one save. The run then keeps it (`Run.resuming`) and does not end before it is
through; whoever decides on the request again, a redelivery or the sweep, goes on where the last save stopped.
"""

from collections.abc import Mapping
from dataclasses import replace

from steprelay_core.decide.advance import finish_if_done, owed
from steprelay_core.decide.draft import GROUPS_AT_ONCE, Draft, union
from steprelay_core.decide.launch import launch
from steprelay_core.decide.limit import start_limit
from steprelay_core.decide.queue import begin, begin_again
from steprelay_core.decide.stop import stop_cancelled
from steprelay_core.spec import Flow, nearest
from steprelay_core.state.events import ResumeRequested, RetryRequested
from steprelay_core.state.model import Group, GroupKey, Resuming, Run, RunStatus, TaskSelection, Terms
from steprelay_core.state.ranges import Ranges

Groups = Mapping[GroupKey, Group]


def on_resume(draft: Draft, event: ResumeRequested) -> None:
    _restart(draft, Resuming(event.request), why_not_resume(draft.run))


def on_retry(draft: Draft, event: RetryRequested) -> None:
    refusal = why_not_retry(draft.flow, draft.run, draft.groups, event.tasks)
    _restart(draft, Resuming(event.request, event.tasks), refusal)


def why_not_resume(run: Run) -> str | None:
    """Why this run cannot be resumed, and what can be done instead; None if it can."""
    match run.status:
        case RunStatus.RUNNING if run.failure is not None:
            return "it is about to fail, but some of its tasks still run: wait for its end, or cancel it"
        case RunStatus.RUNNING:
            return "it is running: nothing has to be resumed"
        case RunStatus.SUCCEEDED:
            return "it succeeded: start a new run to do it again"
    return None


def why_not_retry(flow: Flow, run: Run, groups: Groups, tasks: TaskSelection) -> str | None:
    """Why there is nothing to retry of these tasks; None if one of them failed, or waits for its next attempt."""
    if tasks.step not in flow.spec.steps:
        known = nearest(tasks.step, flow.spec.steps) or f"its steps are {', '.join(flow.spec.steps)}"
        return f"the flow has no step {tasks.step!r}: {known}"
    if run.status is RunStatus.SUCCEEDED:
        return "the run succeeded: start a new one to do it again"
    own = [group for group in groups.values() if len(tasks.of(group.key, group.members))]
    if not own:
        return f"{tasks} has not begun: it starts when what it waits for has succeeded"
    if any(len(_failed(group, tasks)) or _waiting(group, tasks) for group in own):
        return None
    if any(len(tasks.of(group.key, group.live)) for group in own):
        queued = not any(len(tasks.of(group.key, group.in_flight)) for group in own)
        is_ = "is queued behind others of its foreach" if queued else "is running"
        return f"{tasks} {is_}: wait for its end, or cancel the run"
    return f"{tasks} succeeded: only what failed, or waits for its next attempt, can be retried"


def _restart(draft: Draft, wanted: Resuming, refusal: str | None) -> None:
    run = draft.run
    if run.resuming is not None:
        # One after the other: a second request is decided on once the first is through.
        draft.more = run.resuming.request != wanted.request
        _go_on(draft, run.resuming)
    elif wanted.request in run.requests:
        draft.note = "this request was carried out before"
    elif refusal is not None:
        draft.note = refusal
    else:
        _begin(draft, wanted)


def _begin(draft: Draft, wanted: Resuming) -> None:
    run = draft.run
    if run.status.terminal and any(len(group.live) for group in draft.groups.values()):
        # A cancellation that was saved in part: what it has left comes first.
        stop_cancelled(draft, run.stopping or "the run was cancelled")
        draft.more = True
        return
    draft.remember(wanted.request)
    draft.set_run(resuming=wanted)
    if run.status.terminal or run.failure is not None:
        draft.set_run(status=RunStatus.RUNNING, failure=None, ended_at=None, generation=run.generation + 1)
        start_limit(draft)
        tasks = {} if wanted.tasks is None else {"tasks": str(wanted.tasks)}
        draft.announce("Run Resumed", "", {"generation": draft.run.generation} | tasks)
    _go_on(draft, wanted)


def _go_on(draft: Draft, wanted: Resuming) -> None:
    """Start what failed and was asked for, then what was never started because the run had stopped starting things."""
    for key in list(draft.groups):
        # As it is now: what was started before may have been chained into it.
        group = draft.group(key)
        again = bool(len(_failed(group, wanted.tasks)) or _waiting(group, wanted.tasks))
        if again and _is_full(draft):
            return
        if again:
            _start_again(draft, group, wanted.tasks)
    for key, group in list(draft.groups.items()):
        for target, members in owed(draft, key, group.succeeded):
            if _is_full(draft):
                return
            begin(draft, target, members)
    draft.set_run(resuming=None)
    finish_if_done(draft)


def _is_full(draft: Draft) -> bool:
    full = len(draft.changed) >= GROUPS_AT_ONCE
    draft.more = draft.more or full
    return full


def _start_again(draft: Draft, group: Group, tasks: TaskSelection | None) -> None:
    """A new attempt, with a whole budget and the step's own terms for what failed; waits are only cut short."""
    failed, waiting = _failed(group, tasks), _waiting(group, tasks)
    now_due = union(waiting.values())
    left = (replace(wait, members=wait.members - now_due) for wait in group.waits)
    begin_again(draft, group.key, failed)
    # Only now: whoever waits for an attempt keeps its place in the window.
    draft.put(replace(draft.group(group.key), waits=tuple(wait for wait in left if len(wait.members))))
    for (attempt, terms, first), members in waiting.items():
        launch(draft, group.key, members, attempt, terms, first)


def _failed(group: Group, tasks: TaskSelection | None) -> Ranges:
    return group.failed if tasks is None else tasks.of(group.key, group.failed)


def _waiting(group: Group, tasks: TaskSelection | None) -> dict[tuple[int, Terms, int], Ranges]:
    """Those of the named tasks that wait for an attempt, by how that attempt is to be launched."""
    found: dict[tuple[int, Terms, int], Ranges] = {}
    for wait in group.waits if tasks is not None else ():
        members = tasks.of(group.key, wait.members) if tasks is not None else Ranges()
        if len(members):
            how = (wait.attempt, wait.terms, wait.first)
            found[how] = found.get(how, Ranges()) | members
    return found
