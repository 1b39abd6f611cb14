"""What must hold of steps that go on after their last failure (`@catch`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from steprelay_core.decide.failure import is_final
from steprelay_core.decide.fallback import FALLBACKS
from tests.simulation.facts import Attempted, Calmed, Saved
from tests.simulation.invariants.rules import rule
from tests.simulation.record import outcome_key

if TYPE_CHECKING:
    from steprelay_core.spec import Step
    from steprelay_core.state.model import Group, Submission
    from tests.simulation.simulation import Simulation


@rule(24, Saved)
def nobody_ends_a_run_whose_failure_is_caught(simulation: Simulation, saved: Saved) -> str | None:
    """Unless its fallback attempts have failed as well."""
    cause = saved.after.run.failure
    if cause is None or saved.before is None or saved.before.run.failure is not None or saved.goes_on:
        return None
    for was, group in saved.changed:
        if not _is_caught(simulation.flow(saved.given.id).step(group.key.step)):
            continue
        fallen_back = {member for item in was.submissions if item.fallback for member in item.members}
        for member in group.failed - was.failed:
            if str(group.key.task(member)) == cause.task and member not in fallen_back:
                return f"{cause.task} ended {saved.given.id} with {cause.failure}, although its step has @catch"
    return None


@rule(24, Saved)
def nobody_falls_back_who_may_still_be_tried(simulation: Simulation, saved: Saved) -> str | None:
    for was, group in saved.changed:
        step, known = simulation.flow(saved.given.id).step(group.key.step), set(_fallbacks(was))
        for submission in group.submissions:
            begun = {(member, submission.attempt) for member in submission.members} - known
            if not submission.fallback or not begun:
                continue
            if saved.before is None or saved.before.run.failure is not None:
                return f"{group.key} falls back although the run is to end"
            for cause in submission.fallback:
                if submission.attempt - cause.attempt > FALLBACKS:
                    return f"{group.key} falls back once more: {submission}"
            for member in {member for member, _ in begun}:
                line = next(
                    (line for line in group.history if _is_cause(line.member, line.attempt, submission, member)), None
                )
                left = step.retry.times - (line.attempt - submission.first) if line and step.retry else 0
                if not _is_caught(step) or (line is not None and left > 0 and not is_final(line.failure)):
                    return f"{group.key.task(member)} falls back after {line}, with {left} attempts left"
    return None


@rule(24, Calmed)
def whoever_was_caught_is_known(simulation: Simulation, _: Calmed) -> str | None:
    for stored in simulation.relay.store.runs.values():
        for key, group in stored.groups.items():
            for attempt, members in group.won.items():
                for member in members:
                    body = simulation.relay.objects.objects.get(
                        outcome_key(Attempted(stored.run.id, key, member, attempt))
                    )
                    caught = body is not None and json.loads(body)["caught"]
                    if caught != (member in group.caught):
                        return f"attempt {attempt} of {key.task(member)} was {'' if caught else 'not '}caught"
    return None


def _is_caught(step: Step) -> bool:
    return step.catch is not None and (not step.next or (len(step.next) == 1 and step.next[0].foreach is None))


def _fallbacks(group: Group) -> set[tuple[int, int]]:
    return {(member, item.attempt) for item in group.submissions if item.fallback for member in item.members}


def _is_cause(of: int, attempt: int, submission: Submission, member: int) -> bool:
    causes = (cause for cause in submission.fallback if member in cause.members)
    return of == member and any(cause.attempt == attempt for cause in causes)
