"""What pays for further attempts, and how long they wait: an accountant of its own, beside that of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steprelay_core.state.model import FailedAttempt, Group, Submission, Terms, Wait
from tests.simulation.facts import Saved
from tests.simulation.invariants.rules import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steprelay_core.spec import Step
    from tests.simulation.simulation import Simulation

# No further attempt can mend these.
FINAL = frozenset({"cancelled", "image_permanent", "config", "internal", "dependency", "aggregate"})

# Attempts that cost a person's `@retry` nothing.
FREE = {
    "spot": 10,
    "host": 5,
    "unknown_outcome": 2,
    "image_transient": 5,
    "resource_init": 5,
    "oom": 10,
    "oom_suspected": 1,
}
BACKS_OFF = frozenset({"image_transient", "resource_init"})
GROWS = frozenset({"oom", "oom_suspected"})
BY_QUEUE = frozenset({"queue_timeout", "capacity"})

# Clocks differ (seconds); timers may come a second early; crowds wait for each other.
CLOCKS_DIFFER = 10.0
PATIENCE = 60.0


@dataclass(frozen=True)
class Onward:
    """One task goes on from a failed attempt to the next one, which begins `at`, as it is meant."""

    member: int
    line: FailedAttempt
    before: Submission
    terms: Terms
    first: int
    at: float
    waits: bool

    @property
    def free(self) -> bool:
        return self.first == self.before.first + 1

    @property
    def used(self) -> int:
        """Of the person's budget, before this one."""
        return self.before.attempt - self.before.first


def _goes_on(saved: Saved) -> Iterator[tuple[Group, Onward]]:
    for was, group in saved.changed:
        lines = {(line.member, line.attempt): line for line in group.history}
        following = {
            (item.attempt, member): item for item in group.submissions for member in item.open if not item.fallback
        }
        waiting = {(wait.attempt, member): wait for wait in group.waits for member in wait.members}
        for before in was.submissions:
            for member in before.open:
                after = (before.attempt + 1, member)
                line, found = lines.get((member, before.attempt)), following.get(after) or waiting.get(after)
                # What was handed over in vain has not failed, and of very many failures not all are told.
                if line is not None and found is not None:
                    yield group, _step(member, line, before, found)


def _step(member: int, line: FailedAttempt, before: Submission, found: Submission | Wait) -> Onward:
    at = found.earliest if isinstance(found, Wait) else found.submitted_at
    return Onward(member, line, before, found.terms, found.first, at, isinstance(found, Wait))


@rule(11, Saved)
def every_attempt_is_paid_for(simulation: Simulation, saved: Saved) -> str | None:
    if saved.goes_on:
        # By a person's word, now.
        return None
    for group, gone in _goes_on(saved):
        step = simulation.flow(saved.given.id).step(group.key.step)
        why = _refusal(step, gone) or _too_soon_or_late(step, gone)
        if why is not None:
            return f"{group.key.task(gone.member)} is tried again after {gone.line}, but {why}: {gone}"
    return None


def _refusal(step: Step, gone: Onward) -> str | None:
    """Why there should have been no such attempt."""
    class_, retry = gone.line.failure.class_, step.retry
    if class_ in FINAL:
        return "nothing can mend that"
    if retry is not None and retry.times == 0:
        return "its step may never be tried again"
    if retry is not None and class_ == "program" and (gone.line.failure.exit_code or 1) in retry.exit_codes_no_retry:
        return "its exit code is final"
    if gone.free:
        return _not_free(step, gone)
    return _not_paid(step, gone) if gone.first == gone.before.first else "its budget begins anew"


def _not_free(step: Step, gone: Onward) -> str | None:
    class_, was, now = gone.line.failure.class_, gone.before.terms, gone.terms
    if class_ in BY_QUEUE:
        return None if now.queue > was.queue else "there is no further queue"
    if class_ not in FREE:
        return f"{class_} has no free attempts"
    if dict(now.spent) != dict(was.spent) | {class_: was.spent_of(class_) + 1}:
        return f"{now.spent} is not what was spent after {was.spent}"
    memory = step.memory
    if class_ in GROWS and (memory is None or memory.after(now.growth) <= memory.after(was.growth)):
        return "its memory has not grown"
    return None if now.spent_of(class_) <= FREE[class_] else f"{class_} had all its free attempts"


def _not_paid(step: Step, gone: Onward) -> str | None:
    class_, was, retry = gone.line.failure.class_, gone.before.terms, step.retry
    if retry is None or gone.used >= retry.times:
        return "its budget is spent"
    if retry.on is not None and class_ not in retry.on:
        return f"its step is retried after {retry.on} only"
    if gone.terms.spent != was.spent:
        return "it has paid twice"
    if class_ in FREE and class_ not in GROWS and was.spent_of(class_) < FREE[class_]:
        return f"{class_} had free attempts left"
    return None


def _too_soon_or_late(step: Step, gone: Onward) -> str | None:
    least = most = 0.0
    if gone.free and gone.line.failure.class_ in BACKS_OFF:
        least = most = min(10.0 * 2 ** gone.before.terms.spent_of(gone.line.failure.class_), 600.0)
    elif not gone.free and step.retry is not None:
        retry = step.retry
        wait = float(retry.minutes_between_retries) * 60 * float(retry.backoff) ** gone.used
        least, most = wait * (1 - float(retry.jitter)), wait * (1 + float(retry.jitter))
    if gone.at < gone.line.at + least - CLOCKS_DIFFER:
        return f"too soon, it should have waited for {least} s"
    if gone.waits and gone.at > gone.line.at + most + PATIENCE:
        return f"too late, it should have waited for {most} s"
    return None


@rule(11, Saved)
def waits_are_waited_for(_: Simulation, saved: Saved) -> str | None:
    if saved.goes_on:
        return None
    for was, group in saved.changed:
        waiting = {(wait.attempt, member): wait for wait in was.waits for member in wait.members}
        for item in group.submissions:
            for member in item.open:
                wait = waiting.get((item.attempt, member))
                if wait is not None and item.submitted_at < wait.earliest - CLOCKS_DIFFER:
                    return f"{group.key.task(member)} was tried again before its time: {wait}, {item}"
                if wait is not None and (item.terms.spent, item.first) != (wait.terms.spent, wait.first):
                    return f"{group.key.task(member)} waited on other terms than it began with: {wait}, {item}"
    return None


@rule(11, Saved)
def nobody_is_given_up_who_has_free_attempts(simulation: Simulation, saved: Saved) -> str | None:
    """Unless its run fails, or its step may never be tried again."""
    if saved.before is None or saved.after.run.failure is None or saved.before.run.failure is not None:
        return None
    cause = saved.after.run.failure
    for was, group in saved.changed:
        step = simulation.flow(saved.given.id).step(group.key.step)
        if step.never_again:
            continue
        for before in was.submissions:
            for member in before.open & group.failed:
                same = (cause.task, cause.attempt) == (str(group.key.task(member)), before.attempt)
                class_ = cause.failure.class_
                if same and class_ in FREE and class_ not in GROWS and before.terms.spent_of(class_) < FREE[class_]:
                    return f"{cause.task} was given up after {cause.failure}, with {before.terms.spent} spent"
    return None
