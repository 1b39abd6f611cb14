"""What must hold of tasks that were handed over before the one ahead of them had won."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from steprelay_core import keys
from steprelay_core.state.claim import DISPATCHER
from steprelay_core.state.model import Ahead, Group, GroupKey, Submission
from tests.simulation.facts import Attempted, ClaimPassed, Saved
from tests.simulation.invariants.rules import rule
from tests.simulation.invariants.starting import is_in_force
from tests.simulation.record import outcome_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steprelay_core.ports import Stored
    from tests.simulation.simulation import Simulation


@rule(10, ClaimPassed)
def nobody_begins_before_its_inputs_are_there(simulation: Simulation, passed: ClaimPassed) -> str | None:
    attempted = passed.attempted
    stored = simulation.relay.store.runs[attempted.run]
    for submission, behind in _chained(stored.groups.get(attempted.group, Group(attempted.group))):
        if submission.attempt != attempted.attempt or attempted.member not in submission.open:
            continue
        in_force = is_in_force(stored, attempted.group, behind, attempted.member)
        if not in_force or not _has_won(simulation, attempted, behind):
            return f"{attempted} has begun before what it depends on has succeeded"
    return None


def _has_won(simulation: Simulation, attempted: Attempted, behind: Ahead) -> bool:
    """By its outcome: the relay may not have heard of it yet."""
    group = replace(attempted.group, step=behind.step)
    key = outcome_key(Attempted(attempted.run, group, attempted.member, behind.attempt))
    outcome = json.loads(simulation.relay.objects.objects.get(key, b"{}"))
    return bool(outcome.get("status") == "succeeded")


@rule(10, Saved)
def who_has_won_has_won_behind_a_winner(_: Simulation, saved: Saved) -> str | None:
    for was, group in saved.changed:
        for submission, behind in _chained(was):
            for member in submission.open & group.won.get(submission.attempt, submission.open - submission.open):
                ahead = saved.after.groups.get(replace(group.key, step=behind.step))
                if ahead is None or ahead.winner(member) != behind.attempt:
                    return f"{group.key.task(member)} has won, but not attempt {behind.attempt} of {behind.step}"
    return None


@rule(11, Saved)
def what_was_void_has_not_failed(_: Simulation, saved: Saved) -> str | None:
    """It costs nothing of a budget to be handed over in vain."""
    for was, group in saved.changed:
        behind = {(member, item.attempt): ahead for item, ahead in _chained(was) for member in item.members}
        for line in group.history[len(was.history) :]:
            ahead = behind.get((line.member, line.attempt))
            if ahead is not None and not _has_winner(saved.after, group.key, ahead, line.member):
                return f"attempt {line.attempt} of {group.key.task(line.member)} failed without having begun"
    return None


@rule(2, Saved)
def what_is_void_is_fenced(simulation: Simulation, saved: Saved) -> str | None:
    """Before it is saved that a chained attempt is void, its claim is taken."""
    for was, group in saved.changed:
        for submission, _behind in _chained(was):
            still = [item.open for item in group.submissions if item.id == submission.id]
            decided = [*still, group.won.get(submission.attempt, submission.open - submission.open)]
            for member in submission.open:
                if any(member in place for place in decided):
                    continue
                # An outcome of its own closes an attempt as well.
                task = Attempted(saved.given.id, group.key, member, submission.attempt)
                if outcome_key(task) in simulation.relay.objects.objects:
                    continue
                claim = keys.claim(saved.given.id, group.key.task(member), submission.attempt)
                owner = json.loads(simulation.relay.objects.objects.get(claim, b"{}")).get("owner")
                if owner != DISPATCHER:
                    return f"attempt {submission.attempt} of {group.key.task(member)} is over, its claim is {owner}'s"
    return None


def _chained(group: Group) -> Iterator[tuple[Submission, Ahead]]:
    for submission in group.submissions:
        if submission.behind is not None:
            yield submission, submission.behind


def _has_winner(stored: Stored, key: GroupKey, behind: Ahead, member: int) -> bool:
    ahead = stored.groups.get(replace(key, step=behind.step), Group(key))
    return ahead.winner(member) == behind.attempt
