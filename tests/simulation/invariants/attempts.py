"""What must hold of the events, retries and timeouts of attempts."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from steprelay_core import keys
from steprelay_core.commands import (
    CancelWaiting,
    Command,
    StartQueueTimer,
    StartRunTimer,
    StartTimer,
    SubmitJob,
    TerminateJob,
)
from steprelay_core.decide import decide
from steprelay_core.decide.array import ArrayEnd
from steprelay_core.decide.chained import attempts_ahead
from steprelay_core.decide.draft import find_submission
from steprelay_core.decide.job import FORGOTTEN
from steprelay_core.decide.limit import TIMER_TOLERANCE
from steprelay_core.state.events import (
    JobChanged,
    JobMissing,
    ResumeRequested,
    RetryRequested,
    RunStarted,
    RunTimerDue,
    TimerDue,
)
from steprelay_core.state.model import HISTORY_LIMIT, Failure, Group, GroupKey, Submission
from steprelay_core.state.ranges import Ranges
from tests.simulation.facts import Attempted, Handled, Raised, Saved
from tests.simulation.invariants.budgets import FINAL
from tests.simulation.invariants.rules import rule
from tests.simulation.record import JobPlace
from tests.simulation.user_code import NOT_TOLD

if TYPE_CHECKING:
    from steprelay_core.decide.job import Outcomes
    from steprelay_core.ports import Stored
    from tests.simulation.simulation import Simulation

# Clocks differ (seconds); timers may come a second early.
CLOCKS_DIFFER = 10.0

# The orders of an attempt's events are compared for one attempt in so many.
ORDERS_COMPARED = 3


@rule(7, Handled)
def a_second_delivery_changes_nothing(simulation: Simulation, handled: Handled) -> str | None:
    event = handled.event
    stored = simulation.relay.store.runs.get(event.run)
    if stored is None or isinstance(event, RunStarted):
        return None
    if isinstance(event, TimerDue) and _still_waits(stored, event, simulation.scheduler.read_clock):
        # It came too early, by a clock that is not ours, and was started anew; or the time of others has come since.
        return None
    if isinstance(event, JobMissing) and _may_turn_up(stored, event):
        # Whether it has been missing for long enough depends on whose clock is read.
        return None
    if isinstance(event, ResumeRequested | RetryRequested) and event.request not in stored.run.requests:
        # It was refused, for what need not hold any more.
        return None
    if isinstance(event, RunTimerDue) and abs((stored.run.deadline or 0.0) - simulation.scheduler.now) < CLOCKS_DIFFER:
        # The same, where the clock was set right since.
        return None
    if isinstance(event, JobChanged) and (_was_handed_over(stored, event) or _was_forgotten(simulation, stored, event)):
        return None
    # At the same time, by the same clock.
    now, flow = simulation.scheduler.read_clock, simulation.flow(event.run)
    decision = decide(
        flow, stored.run, dict(stored.groups), event, handled.outcomes, now, handled.claims, handled.array
    )
    if decision.groups or not all(map(_is_harmless, decision.commands)) or decision.run not in (None, stored.run):
        return f"a second delivery of {event} would lead to {decision}"
    return None


def _is_harmless(command: Command) -> bool:
    """Twice is as once: also a submission that looks for its job first."""
    return isinstance(command, TerminateJob | StartTimer | StartRunTimer | StartQueueTimer | CancelWaiting) or (
        isinstance(command, SubmitJob) and command.look
    )


def _was_handed_over(stored: Stored, event: JobChanged) -> bool:
    """Whether its job, one too many when it was decided, is the one that counts by now; how far it is nobody knows.

    If it has ended, and its end was decided on just before, a second delivery spares the sweep to ask for it; and it is
    forgotten, if what told of it came after its end.
    """
    group = stored.groups.get(event.group, Group(event.group))
    found = find_submission(group, event.submission)
    if found is None:
        return False
    superfluous = event.whole in found.others and event.ended
    return superfluous or (found.job_id == event.whole and found.status == "SUBMITTED")


def _was_forgotten(simulation: Simulation, stored: Stored, event: JobChanged) -> bool:
    """Whether its job, one too many, has ended and was forgotten before this was told of it: it is remembered once
    more, and at the most stopped in vain."""
    found = find_submission(stored.groups.get(event.group, Group(event.group)), event.submission)
    if found is None or event.whole in (found.job_id, *found.others):
        return False
    job = simulation.relay.batch.jobs.get(event.whole)
    return not event.ended and job is not None and job.over


def _still_waits(stored: Stored, event: TimerDue, now: float) -> bool:
    waits = stored.groups.get(event.group, Group(event.group)).waits
    due = now + TIMER_TOLERANCE
    return any(wait.attempt == event.attempt and (event.member in wait.members or wait.due <= due) for wait in waits)


def _may_turn_up(stored: Stored, event: JobMissing) -> bool:
    submission = find_submission(stored.groups.get(event.group, Group(event.group)), event.submission)
    return submission is not None and submission.missing_since is not None


@rule(7, Raised)
def no_event_is_too_much(_: Simulation, raised: Raised) -> str | None:
    return f"{raised.event} ended with {type(raised.error).__name__}: {raised.error}"


@rule(8, Saved)
def the_order_of_events_does_not_matter(simulation: Simulation, saved: Saved) -> str | None:
    """When an attempt is over, its events in another order would have led to the same."""
    if saved.before is None or saved.before.run.failure is not None or saved.after.run.status.terminal:
        return None
    for was, group in saved.changed:
        open_now = {submission.id for submission in group.submissions}
        for submission in was.submissions:
            if submission.id not in open_now and not submission.light:
                how = _compare_orders(simulation, saved.before, was, submission)
                if how is not None:
                    return how
    return None


def _compare_orders(simulation: Simulation, stored: Stored, group: Group, submission: Submission) -> str | None:
    events = simulation.record.job_events[(stored.run.id, group.key, submission.id)]
    ours = [event for event in events if event.job_id.partition(":")[0] == submission.job_id]
    random = Random(f"{stored.run.id}:{group.key}:{submission.id}")
    if not any(event.ended for event in ours) or random.randrange(ORDERS_COMPARED):
        return None
    tasks = [(group.key.task(member), submission.attempt) for member in submission.members]
    tasks += attempts_ahead(stored.groups, group.key, submission, submission.members)
    outcomes = simulation.relay.objects.outcomes(stored.run.id, tasks)
    fresh = replace(submission, open=submission.members, status="SUBMITTED", attempts_seen=0)
    start = Group(group.key, (fresh,), version=group.version)
    shuffled = random.sample(ours, len(ours))
    one, other = (_play(simulation, stored, start, order, outcomes) for order in (ours, shuffled))
    if one != other:
        return f"submission {submission.id} of {group.key} ends as {one}, or as {other} after {shuffled}"
    return None


def _play(
    simulation: Simulation, stored: Stored, start: Group, events: list[JobChanged], outcomes: Outcomes
) -> tuple[Ranges, ...]:
    """Who has won after these events; and who has failed and who goes on, unless a failure ended the run half-way."""
    run, groups, now = stored.run, {**stored.groups, start.key: start}, simulation.scheduler.now
    failed = {event.index: event for event in events if event.status == "FAILED" and event.index is not None}
    for event in events:
        array = _array(start.submissions[0], event, failed, outcomes) if event.size and event.ended else None
        decision = decide(simulation.flow(run.id), run, dict(groups), event, outcomes, now, {}, array)
        run = decision.run or run
        groups |= {group.key: group for group in decision.groups}
    end = groups[start.key]
    return (end.succeeded,) if run.failure is not None else (end.succeeded, end.failed, end.live)


def _array(
    submission: Submission, end: JobChanged, failed: dict[int, JobChanged], outcomes: Outcomes
) -> ArrayEnd | None:
    """What a look at an array that has ended would have told."""
    children = {submission.members.at(index): child for index, child in failed.items()}
    if len(children) != (end.failed or 0):
        return None
    unmarked = Ranges.collect(task.member for (task, _), outcome in outcomes.items() if outcome.status == "succeeded")
    won = unmarked - Ranges.collect(children)
    return ArrayEnd(children, won, submission.members - won)


@rule(11, Saved)
def final_failures_are_final(simulation: Simulation, saved: Saved) -> str | None:
    for was, group in saved.changed:
        again = {member: wait.attempt for wait in group.waits for member in wait.members}
        again |= {member: item.attempt for item in group.submissions for member in item.open if not item.fallback}
        anew = {member for item in group.submissions if item.first == item.attempt for member in item.open}
        for submission in was.submissions:
            # Who was handed over in vain has not failed.
            for member in (
                submission.open if submission.behind is None else (m for m in submission.open if m not in anew)
            ):
                if again.get(member) != submission.attempt + 1:
                    continue
                failed = _failure_of(group, member, submission.attempt)
                if failed is None and len(group.history) == HISTORY_LIMIT:
                    continue
                # Of a job that Batch has forgotten nobody can tell any more.
                told = failed is not None and failed[0].reason != FORGOTTEN
                unmendable = place_of(saved.given.id, group.key, submission, member) in simulation.record.unmendable
                if failed is None or failed[0].class_ in FINAL or (told and unmendable):
                    return f"{group.key.task(member)} is tried again after {failed}"
    return None


@rule(11, Saved)
def nobody_ended_well_who_failed(simulation: Simulation, saved: Saved) -> str | None:
    """What a failure is decides what follows: of one that Batch tells of, it is not said that the job ended well."""
    for was, group in saved.changed:
        for line in group.history[len(was.history) :]:
            if line.failure.class_ != "unknown_outcome" or line.failure.exit_code is not None:
                continue
            if line.failure.reason.startswith(NOT_TOLD):
                continue
            for submission in was.submissions:
                if submission.attempt == line.attempt and line.member in submission.open:
                    place = place_of(saved.given.id, group.key, submission, line.member)
                    units = list(simulation.relay.batch.units_at(place))
                    if units and all(unit.status == "FAILED" for unit in units):
                        return f"{group.key.task(line.member)} failed as {units[0].reason}, and not as {line.failure}"
    return None


def _failure_of(group: Group, member: int, attempt: int) -> tuple[Failure, float] | None:
    found = (line for line in group.history if (line.member, line.attempt) == (member, attempt))
    line = next(found, None)
    return (line.failure, line.at) if line else None


def place_of(run: str, key: GroupKey, submission: Submission, member: int) -> JobPlace:
    index = submission.members.position(member) if len(submission.members) > 1 else None
    return JobPlace(run, key, submission.id, index)


@rule(12, Saved)
def nobody_is_given_up_at_work(simulation: Simulation, saved: Saved) -> str | None:
    """A light attempt is not lost whose function is at work, or whose message nobody has received yet."""
    record = simulation.record
    for was, group in saved.changed:
        for line in group.history[len(was.history) :]:
            attempted = Attempted(saved.given.id, group.key, line.member, line.attempt)
            if attempted in record.working:
                return f"{attempted} was given up while at work: {line.failure.reason}"
            waits = any(simulation.relay.light.holds(body) for body in record.invoked.get(attempted, ()))
            claim = keys.claim(attempted.run, group.key.task(line.member), line.attempt)
            if waits and claim not in record.written:
                return f"{attempted} was given up while its message waited: {line.failure.reason}"
    return None


@rule(12, Saved)
def timeouts_are_true(simulation: Simulation, saved: Saved) -> str | None:
    """Nobody is said to be out of time who had some left."""
    for was, group in saved.changed:
        for line in group.history[len(was.history) :]:
            out_of_time = (saved.given.id, group.key, line.attempt) in simulation.record.out_of_time
            if line.failure.class_ == "timeout" and not out_of_time:
                return f"attempt {line.attempt} of {group.key.task(line.member)} had time left: {line.failure}"
    return None
