"""What must hold of steps that go on after their last failure (`@catch`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from steprelay_core.decide.fallback import FALLBACKS
from tests.simulation.facts import Attempted, Calmed, Saved
from tests.simulation.invariants.budgets import BY_QUEUE, FINAL, FREE, GROWS
from tests.simulation.invariants.rules import rule
from tests.simulation.record import outcome_key

if TYPE_CHECKING:
    from steprelay_core.spec import Step
    from steprelay_core.state.model import FailedAttempt, Group, Submission
    from tests.simulation.simulation import Simulation


@rule(25, Saved)
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


@rule(25, Saved)
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
                line = next((line for line in group.history if _is_cause(line, submission, member)), None)
                due = _still_due(step, was, submission.first, line) if line is not None else None
                if due is not None or not _is_caught(step):
                    return f"{group.key.task(member)} falls back after {line}, although {due}"
    return None


def _still_due(step: Step, was: Group, first: int, line: FailedAttempt) -> str | None:
    """Why another attempt should have come first."""
    class_, retry, code = line.failure.class_, step.retry, line.failure.exit_code or 1
    if step.never_again or class_ in FINAL:
        return None
    if retry is not None and class_ in ("program", "oom_suspected") and code in retry.exit_codes_no_retry:
        return None
    before = next((item for item in was.submissions if item.attempt == line.attempt and line.member in item.open), None)
    if before is not None and class_ in FREE and class_ not in GROWS and before.terms.spent_of(class_) < FREE[class_]:
        return f"{class_} has free attempts left: {before.terms.spent}"
    permitted = class_ not in BY_QUEUE if retry is None or retry.on is None else class_ in retry.on
    if retry is not None and permitted and line.attempt - first < retry.times:
        return f"{retry} allows more attempts"
    return None


@rule(25, Calmed)
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


def _is_cause(line: FailedAttempt, submission: Submission, member: int) -> bool:
    causes = (cause for cause in submission.fallback if member in cause.members)
    return line.member == member and any(cause.attempt == line.attempt for cause in causes)
