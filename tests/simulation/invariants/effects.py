"""What must hold of claims, jobs, announcements and commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steprelay_core import keys
from steprelay_core.commands import (
    Announce,
    CancelWaiting,
    Command,
    FenceAttempt,
    InvokeHook,
    InvokeLight,
    StartQueueTimer,
    StartRunTimer,
    StartTimer,
    SubmitJob,
    TerminateJob,
    TerminateUnrecorded,
)
from steprelay_core.decide.draft import find_submission
from steprelay_core.queue_limit import queue_timer_name
from steprelay_core.state.model import Group, GroupKey, RunStatus, Submission
from steprelay_core.state.ranges import Ranges
from steprelay_core.translate.names import job_name
from tests.simulation.facts import (
    Attempted,
    Buried,
    ClaimPassed,
    Cleared,
    Published,
    Saved,
    SubmitCalled,
    Submitted,
    TakenUp,
)
from tests.simulation.invariants.rules import rule

if TYPE_CHECKING:
    from steprelay_core.ports import Stored
    from tests.simulation.simulation import Simulation

# Nobody else takes up what somebody saved less than this long ago (seconds): `ports.OUTBOX_ORPHANED_AFTER`, and
# clocks differ.
STILL_THE_SAVERS = 80.0

# Clocks differ (seconds).
CLOCKS_DIFFER = 10.0


@rule(1, ClaimPassed)
def one_container_an_attempt(simulation: Simulation, passed: ClaimPassed) -> str | None:
    """Only a later Batch-internal attempt of the same job may follow."""
    for other in simulation.record.passed[passed.attempted]:
        same = passed.job_id is not None and passed.job_id == other.job_id
        if not (same and (passed.batch_attempt or 0) > (other.batch_attempt or 0)):
            return f"{passed.owner} passed the claim of {passed.attempted} after {other.owner}"
    return None


@rule(2, ClaimPassed)
def none_that_was_moved_past(simulation: Simulation, passed: ClaimPassed) -> str | None:
    attempted = passed.attempted
    stored = simulation.relay.store.runs[attempted.run]
    if attempted.group.step not in simulation.flow(attempted.run).spec.steps:
        # An exit hook.
        awaited = {(hook.name, hook.attempt) for hook in stored.run.hooks_running}
        over = (attempted.group.step, attempted.attempt) not in awaited
        return f"{passed.owner} passed the claim of {attempted}, which is over" if over else None
    group = stored.groups[attempted.group]
    for submission in group.submissions:
        if submission.attempt == attempted.attempt and attempted.member in submission.open:
            return None
    return f"{passed.owner} passed the claim of {attempted}, which is over"


@rule(3, Submitted)
def intent_comes_first(simulation: Simulation, submitted: Submitted) -> str | None:
    if (submitted.run, submitted.group, submitted.submission) not in simulation.record.intents:
        return f"{submitted.job_id} ({submitted.job_name}) was submitted, and nothing says why"
    return None


@rule(7, Submitted)
def nobody_submits_what_was_submitted(simulation: Simulation, submitted: Submitted) -> str | None:
    """Whoever saved the intent submits; anybody else only after looking for the job."""
    others = simulation.record.submitted[submitted.job_name]
    if submitted.looked:
        # Told that there is none: ListJobs may be late, and somebody else may be as quick.
        return None
    if submitted.saved_ago is None:
        return f"{submitted.job_name} was submitted by somebody who had not looked for it, beside {others}"
    if others and submitted.saved_ago < STILL_THE_SAVERS:
        return f"{submitted.job_name} was submitted {submitted.saved_ago} s after its intent, beside {others}"
    return None


@rule(7, TakenUp)
def one_at_a_time_is_at_work(simulation: Simulation, taken: TakenUp) -> str | None:
    """Until it may be taken for dead, nobody takes up what another has taken up."""
    until = simulation.record.taken_until.get((taken.run, taken.entry), 0.0)
    if simulation.scheduler.now < until - CLOCKS_DIFFER:
        return f"{taken.entry} of {taken.run} was taken up beside somebody who may be at work on it until {until}"
    return None


@rule(22, SubmitCalled)
def every_call_was_booked(simulation: Simulation, called: SubmitCalled) -> str | None:
    """And no second is booked more often than the limit."""
    pace, calls = simulation.relay.pace, simulation.record.calls[called.second] + 1
    booked = pace.taken[called.second]
    if pace.limit and not calls <= booked <= pace.limit:
        return f"SubmitJob was called {calls} times in second {called.second}; {booked} were booked, of {pace.limit}"
    return None


@rule(14, Published)
def saved_before_it_is_told(simulation: Simulation, published: Published) -> str | None:
    announce = published.announce
    stored = simulation.relay.store.runs.get(announce.detail.get("run", ""))
    if announce.detail_type in ("Package Rejected", "Flow Deployed"):
        return None
    if stored is None:
        return f"{announce.id} tells of a run that is not saved"
    if stored.run.generation > int(announce.id.partition("#")[2] or 1):
        # The run was set going again since.
        return None
    if announce.detail_type == "Step Failed":
        return None if stored.run.failure is not None else f"{announce.id} is told before it is saved"
    if announce.detail_type == "Step Stuck":
        return None if announce.id in simulation.record.to_be_told else f"{announce.id} is told before it is saved"
    told = announce.detail_type.removeprefix("Run ").upper()
    if told not in ("STARTED", "RESUMED") and stored.run.status != told:
        return f"{announce.id} is told while the run is {stored.run.status}"
    return None


@rule(15, Saved)
def nothing_starts_after_the_end(_: Simulation, saved: Saved) -> str | None:
    if saved.before is None or not saved.before.run.status.terminal or saved.goes_on:
        return None
    for was, group in saved.changed:
        before = {submission.id for submission in was.submissions} | {f"wait {wait.attempt}" for wait in was.waits}
        after = {submission.id for submission in group.submissions} | {f"wait {wait.attempt}" for wait in group.waits}
        if after - before:
            return f"{sorted(after - before)} of {group.key} began after {saved.given.id} had ended"
    return None


@rule(15, Saved)
def a_cancel_ends_what_is_live(_: Simulation, saved: Saved) -> str | None:
    """Every job that was known when the run was cancelled is to be terminated."""
    if saved.before is None or saved.after.run.status is not RunStatus.CANCELLED:
        return None
    commands = saved.added.commands if saved.added else ()
    told = {command.job_id for command in commands if isinstance(command, TerminateJob)}
    for was, group in saved.changed:
        still = {submission.id for submission in group.submissions}
        gone = [submission for submission in was.submissions if submission.id not in still]
        known = [job_id for item in gone for job_id in (item.job_id, *item.others)]
        forgotten = [job_id for job_id in known if job_id is not None and job_id not in told]
        if forgotten:
            return f"{forgotten} of {group.key} were live when {saved.given.id} was cancelled"
    return None


@rule(16, Buried)
def only_poison_is_buried(simulation: Simulation, buried: Buried) -> str | None:
    if not buried.reason:
        return f"{buried.body} was buried without a reason"
    return None if buried.body in simulation.record.poison else f"{buried.body} is no poison, but: {buried.reason}"


@rule(18, Cleared)
def nothing_undone_is_cleared(simulation: Simulation, cleared: Cleared) -> str | None:
    stored = simulation.relay.store.runs[cleared.run]
    return _undone(simulation, stored, [command for entry in cleared.done for command in entry.commands])


@rule(18, Saved)
def nothing_undone_is_settled(simulation: Simulation, saved: Saved) -> str | None:
    return _undone(simulation, saved.after, [command for entry in saved.done for command in entry.commands])


def _undone(simulation: Simulation, stored: Stored, commands: list[Command]) -> str | None:
    undone = (command for command in commands if not _is_done(simulation, stored, command))
    command = next(undone, None)
    return None if command is None else f"{command} of {stored.run.id} was taken out of the outbox undone"


def _is_done(simulation: Simulation, stored: Stored, command: Command) -> bool:
    record, run = simulation.record, stored.run.id
    match command:
        case SubmitJob():
            return _is_submitted(stored, command)
        case InvokeLight():
            return _is_sent(simulation, stored, command)
        case StartTimer() | StartRunTimer() | StartQueueTimer():
            return _timer(run, command) in record.timers
        case CancelWaiting() | TerminateUnrecorded():
            return _is_looked_for(simulation, stored, command)
        case TerminateJob():
            return command.job_id in record.terminated
        case FenceAttempt():
            members = [member for first, last in command.members for member in range(first, last + 1)]
            claims = [keys.claim(run, command.group.task(member), command.attempt) for member in members]
            return all(claim in simulation.relay.objects.objects for claim in claims)
        case Announce():
            return command.id in record.published
        case InvokeHook():
            wanted = (command.name, command.attempt)
            running = any((hook.name, hook.attempt) == wanted for hook in stored.run.hooks_running)
            sent = Attempted(run, GroupKey(command.name), 0, command.attempt)
            return not running or sent in record.invoked


def _is_submitted(stored: Stored, wanted: SubmitJob) -> bool:
    """Or put off, in an entry of its own, because Batch did not take it then."""
    submission = _open(stored, wanted.group, wanted.submission)
    if submission is None or submission.job_id is not None:
        return True
    left = (command for entry in stored.outbox for command in entry.commands if isinstance(command, SubmitJob))
    return any((command.group, command.submission) == (wanted.group, wanted.submission) for command in left)


def _is_sent(simulation: Simulation, stored: Stored, command: InvokeLight) -> bool:
    submission = _open(stored, command.group, command.submission)
    if submission is None:
        return True
    members = submission.open if command.members is None else submission.open & Ranges(command.members)
    wanted = [Attempted(stored.run.id, command.group, member, submission.attempt) for member in members]
    return all(attempted in simulation.record.invoked for attempted in wanted)


def _timer(run: str, command: StartTimer | StartRunTimer | StartQueueTimer) -> str:
    if isinstance(command, StartQueueTimer):
        return queue_timer_name(run, command)
    if isinstance(command, StartRunTimer):
        return f"{run}:run:{command.generation}"
    task = command.group.task(command.member)
    return f"{run}:{task.step}:{task.split}:{command.attempt}"


def _is_looked_for(simulation: Simulation, stored: Stored, command: TerminateUnrecorded | CancelWaiting) -> bool:
    if isinstance(command, CancelWaiting):
        submission = _open(stored, command.group, command.submission)
        job_id = submission.job_id if submission is not None else None
        return job_id is None or job_id in simulation.record.asked_about
    run = stored.run.id
    split = command.group.task(command.member).split
    name = job_name(simulation.flow(run).name, command.group.step, run, split, command.attempt)
    return bool(simulation.record.looked.get(name))


def _open(stored: Stored, key: GroupKey, submission: str) -> Submission | None:
    if stored.run.status.terminal:
        return None
    return find_submission(stored.groups.get(key, Group(key)), submission)
