"""What follows when tasks have succeeded: next steps, branches, foreach, joins, the end of the run."""

from collections.abc import Iterator
from dataclasses import replace

from steprelay_core.decide.budget import judge_failure
from steprelay_core.decide.draft import Draft, settle_members
from steprelay_core.decide.hooks import start_hooks
from steprelay_core.decide.laps import gathered, laps_after, split_of
from steprelay_core.decide.outcome import told
from steprelay_core.decide.queue import begin, tend
from steprelay_core.spec import Flow
from steprelay_core.state.model import (
    HISTORY_LIMIT,
    FailedAttempt,
    Failure,
    Group,
    GroupKey,
    RunFailure,
    RunStatus,
    TaskSelection,
)
from steprelay_core.state.outcome import Outcome
from steprelay_core.state.ranges import Ranges


def succeed(draft: Draft, key: GroupKey, outcomes: dict[int, Outcome], attempt: int) -> None:
    """Record that these members' attempt won, and start what was waiting for them."""
    ways: dict[int, list[int]] = {}
    for member, outcome in outcomes.items():
        if outcome.transition is not None:
            ways.setdefault(outcome.transition, []).append(member)
    fanout = {
        member: outcome.foreach_count for member, outcome in outcomes.items() if outcome.foreach_count is not None
    }
    chosen = {way: Ranges.collect(members) for way, members in ways.items()}
    lines = list(_lines_of_caught(draft, key, outcomes, attempt))
    _succeed(draft, key, attempt, Ranges.collect(outcomes), chosen, fanout)
    _note_caught(draft, key, Ranges.collect(member for member, outcome in outcomes.items() if outcome.caught))
    _tell_caught(draft, key, lines)


def succeed_alike(draft: Draft, key: GroupKey, attempt: int, members: Ranges, way: int | None) -> None:
    """The same of members that all took this way (None: the step is the last), and that started no foreach."""
    if len(members):
        _succeed(draft, key, attempt, members, {} if way is None else {way: members}, {})
        listed = draft.array.caught if draft.array is not None else {}
        _note_caught(draft, key, members & listed.get(key, Ranges()))


def _lines_of_caught(
    draft: Draft, key: GroupKey, outcomes: dict[int, Outcome], attempt: int
) -> Iterator[FailedAttempt]:
    """A line of history for those whose attempt failed, although it won; and why it was their last one."""
    submissions = [item for item in draft.group(key).submissions if item.attempt == attempt]
    for member, outcome in outcomes.items():
        if not outcome.caught or outcome.caught_failure is None:
            continue
        failure = told(outcome.caught_failure)
        own = next((item for item in submissions if member in item.open), None)
        budget = judge_failure(draft.flow.step(key.step), own, failure).budget if own is not None else ""
        yield FailedAttempt(member, attempt, draft.now, failure, budget=budget, caught=True)


def _tell_caught(draft: Draft, key: GroupKey, lines: list[FailedAttempt]) -> None:
    group = draft.group(key)
    if lines:
        room = max(HISTORY_LIMIT - len(group.history), 0)
        draft.put(replace(group, history=(*group.history, *lines[:room])))


def _note_caught(draft: Draft, key: GroupKey, members: Ranges) -> None:
    if len(members):
        group = draft.group(key)
        draft.put(replace(group, caught=group.caught | members))


def _succeed(
    draft: Draft, key: GroupKey, attempt: int, members: Ranges, ways: dict[int, Ranges], fanout: dict[int, int]
) -> None:
    group = settle_members(draft.group(key), members)
    won = group.won | {attempt: group.won.get(attempt, Ranges()) | members}
    chosen = group.chosen | {way: group.chosen.get(way, Ranges()) | took_it for way, took_it in ways.items()}
    group = replace(group, won=won, chosen=chosen, fanout=group.fanout | fanout)
    draft.put(replace(group, ended_at=None if len(group.live) else draft.now))
    for target, following in owed(draft, key, members):
        begin(draft, target, following)


Targets = Iterator[tuple[GroupKey, Ranges]]


def owed(draft: Draft, key: GroupKey, members: Ranges) -> Targets:
    """The tasks that follow from these winners of a group and that do not exist yet, by their groups."""
    chosen = draft.group(key).chosen
    for position in range(len(draft.flow.step(key.step).next)):
        for target, following in _follow(draft, key, members & chosen.get(position, Ranges()), position):
            missing = following - draft.group(target).members
            if len(missing):
                yield target, missing


def _follow(draft: Draft, key: GroupKey, members: Ranges, position: int) -> Targets:
    transition = draft.flow.step(key.step).next[position]
    if not len(members):
        return
    if transition.foreach is not None:
        for member in members:
            yield _fan_out(draft, key, member, position)
        return
    for step in transition.to:
        if draft.flow.step(step).join:
            yield _arrive(draft, key, members, position, step)
        else:
            yield GroupKey(step, key.path, laps_after(draft.flow, key, position, step)), members


def _fan_out(draft: Draft, key: GroupKey, member: int, position: int) -> tuple[GroupKey, Ranges]:
    count, step = draft.group(key).fanout.get(member, 0), draft.flow.step(key.step).next[position].to[0]
    if count:
        return GroupKey(step, (*key.path, member), laps_after(draft.flow, key, position, step)), Ranges.upto(count)
    join = draft.flow.graph.join_of(key.step, step)
    return GroupKey(join, key.path, laps_after(draft.flow, key, position, join)), Ranges.of(member)


def _arrive(draft: Draft, key: GroupKey, members: Ranges, position: int, join: str) -> tuple[GroupKey, Ranges]:
    """Those members of the join whose every input is there."""
    split, kind = split_of(draft.flow, key, join), draft.flow.graph.closes[join].kind
    joining = GroupKey(join, split.path, laps_after(draft.flow, key, position, join))
    candidates = Ranges.of(key.path[-1]) if kind == "foreach" else members
    complete = _has_all_items if kind == "foreach" else _has_all_sides
    new = candidates - draft.group(joining).members
    return joining, Ranges.collect(member for member in new if complete(draft, draft.group(split), joining, member))


def _has_all_items(draft: Draft, split: Group, joining: GroupKey, member: int) -> bool:
    return sum(map(len, _arrived(draft, joining, (*joining.path, member)))) == split.fanout.get(member)


def _has_all_sides(draft: Draft, split: Group, joining: GroupKey, member: int) -> bool:
    ways = draft.flow.step(split.key.step).next
    sides = next(len(ways[position].to) for position, chosen in split.chosen.items() if member in chosen)
    return sides == sum(member in members for members in _arrived(draft, joining, joining.path))


def _arrived(draft: Draft, joining: GroupKey, path: tuple[int, ...]) -> Iterator[Ranges]:
    """The members of each group at this path that have gone on to a join."""
    for key in gathered(draft.flow, draft.places, joining, path):
        yield took(draft.flow, draft.group(key), joining.step)


def took(flow: Flow, group: Group, step: str) -> Ranges:
    """The members of a group that went on to this step."""
    members = Ranges()
    for position, chosen in group.chosen.items():
        if step in flow.step(group.key.step).next[position].to:
            members |= chosen
    return members


def finish_if_done(draft: Draft) -> None:
    """Start what there is room for now; end the run once none of its tasks has an attempt under way or to come."""
    tend(draft)
    if draft.run.status.terminal or draft.run.resuming or any(len(group.live) for group in draft.groups.values()):
        return
    if draft.run.failure is None:
        draft.set_run(failure=_left_failed(draft))
    if draft.run.failure is None and not _last_step_succeeded(draft):
        failure = Failure("internal", "nothing is left to run, but the last step was never reached")
        draft.set_run(failure=RunFailure("", 0, failure))
    status = RunStatus.SUCCEEDED if draft.run.failure is None else RunStatus.FAILED
    draft.set_run(status=status, ended_at=draft.now)
    detail: dict[str, object] = {"seconds": round(draft.now - draft.run.created_at, 3)}
    if draft.run.failure is not None:
        detail |= describe_failure(draft.run.failure)
    draft.announce(f"Run {status.value.capitalize()}", "", detail)
    start_hooks(draft)


def describe_failure(cause: RunFailure) -> dict[str, object]:
    """The first cause as events carry it."""
    return {
        "step": TaskSelection.parse(cause.task).step if cause.task else None,
        "task": cause.task,
        "attempt": cause.attempt,
        "class": cause.failure.class_,
        "reason": cause.failure.reason,
        "budget": cause.budget,
        "exit_code": cause.failure.exit_code,
        "log_stream": cause.failure.log_stream,
    }


def _left_failed(draft: Draft) -> RunFailure | None:
    """A task that failed before the run was resumed, and that nobody asked to be started anew."""
    group = next((group for group in draft.groups.values() if len(group.failed)), None)
    if group is None:
        return None
    first = group.failed.at(0)
    told = [line for line in group.history if line.member == first]
    if told:
        last = told[-1]
        return RunFailure(str(group.key.task(first)), last.attempt, last.failure, last.budget)
    stopped = Failure("cancelled", "it was stopped, and not started again")
    return RunFailure(str(group.key.task(first)), group.tried, stopped)


def _last_step_succeeded(draft: Draft) -> bool:
    """A run ends in a step without a way on, outside any split."""
    return any(
        len(group.succeeded) and not draft.flow.step(key.step).next and not key.path
        for key, group in draft.groups.items()
    )
