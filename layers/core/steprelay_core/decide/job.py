"""Batch job state changes: the outcome decides, the event only says when to look."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

from steprelay_core.commands import SubmitJob, TerminateJob
from steprelay_core.decide.advance import finish_if_done, succeed, succeed_alike
from steprelay_core.decide.array import ArrayEnd, ends_of, read_at_once, told_of
from steprelay_core.decide.chained import begin_anew, says_nothing, take_ahead, unfounded
from steprelay_core.decide.crowd import stop_waiting
from steprelay_core.decide.draft import Draft, find_submission, swap_submission
from steprelay_core.decide.failure import CANCEL_PREFIX, LEFT_EXIT_CODE, classify
from steprelay_core.decide.outcome import judge, told
from steprelay_core.decide.retry import fail_attempt, fail_members
from steprelay_core.decide.waiting import limit_waiting
from steprelay_core.state.events import (
    ChildrenFailed,
    JobChanged,
    JobMissing,
    JobSubmitted,
    SubmissionLost,
    SubmitRefused,
)
from steprelay_core.state.model import Failure, GroupKey, Submission, TaskKey
from steprelay_core.state.outcome import Outcome
from steprelay_core.state.ranges import Ranges

Ends = Mapping[int, JobChanged]
Outcomes = dict[tuple[TaskKey, int], Outcome]

# AWS Batch: events come at least once and in any order, so a status only ever moves up this ladder.
RANK = {status: rank for rank, status in enumerate(("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"))}

# How the runner ends a job whose failed outcome it has written (docs/architecture.md, "Claim and outcome").
FAILED_EXIT_CODE = 1

# A job that is seen so may go on for long: RUNNING is left out, since its event is often overtaken by that of its end.
LIVING = frozenset({"PENDING", "RUNNABLE", "STARTING"})

# More jobs of one submission than this are not remembered.
OTHERS_LIMIT = 5

# What is said of a job that AWS Batch has forgotten; `steprelay_core.failure.RULES` has its class.
FORGOTTEN = "Batch no longer knows the job"

# DescribeJobs must not know a job for this long (seconds) before that is believed.
FORGOTTEN_AFTER = 600.0


def members_of(submission: Submission, job: JobChanged | JobMissing) -> Ranges:
    """The undecided members that this job event speaks of."""
    if job.index is None:
        return submission.open
    if job.index >= len(submission.members):
        return Ranges()
    return Ranges.of(submission.members.at(job.index)) & submission.open


def on_job_changed(draft: Draft, job: JobChanged, outcomes: Outcomes) -> None:
    submission = find_submission(draft.group(job.group), job.submission)
    if draft.run.status.terminal:
        draft.note = "the run has ended"
        if not job.ended and job.index is None:
            draft.ask(TerminateJob(job.job_id, f"{CANCEL_PREFIX}: the run has ended"))
        return
    if submission is None:
        draft.note = "no attempt is waiting for this job"
        if job.status in LIVING and job.index is None:
            draft.ask(TerminateJob(job.job_id, f"{CANCEL_PREFIX}: the attempt is over"))
        return
    if not job.ended:
        _observe(draft, submission, job)
        return
    _end(draft, submission, job, outcomes)
    if job.size is not None or job.index is not None:
        stop_waiting(draft, job.group, submission)
    _stop_superfluous(draft, submission, job)
    finish_if_done(draft)


def on_children_failed(draft: Draft, event: ChildrenFailed, outcomes: Outcomes) -> None:
    """Children of one array that failed about the same time: together, so that they go on together."""
    submission = find_submission(draft.group(event.group), event.submission)
    if draft.run.status.terminal or submission is None:
        draft.note = "no attempt is waiting for these jobs"
        return
    ends = ends_of(submission, event)
    if not ends:
        draft.note = "nothing waits for these children any more"
        return
    _end_members(draft, submission, event.children[0], Ranges.collect(ends), outcomes, ends)
    stop_waiting(draft, event.group, submission)
    _stop_superfluous(draft, submission, event.children[0])
    finish_if_done(draft)


def _observe(draft: Draft, submission: Submission, job: JobChanged) -> None:
    """Remember how far the job is; a Batch-internal retry (more attempts) starts the ladder again."""
    if job.index is not None:
        draft.note = "nothing to remember of this job"
        return
    if not _is_ours(submission, job):
        _remember_other(draft, job.group, submission, job.job_id)
        return
    if submission.missing_since is not None:
        submission = replace(submission, missing_since=None)
        draft.put(swap_submission(draft.group(job.group), submission))
    seen, new = (submission.attempts_seen, RANK.get(submission.status, 0)), (job.attempts, RANK[job.status])
    if new <= seen:
        draft.note = f"{job.status} is not news"
        return
    changed = replace(
        submission,
        status=job.status,
        attempts_seen=job.attempts,
        job_id=job.job_id,
        started_at=job.started_at or submission.started_at,
        log_stream=job.log_stream or submission.log_stream,
    )
    changed = limit_waiting(draft, job.group, changed, anew=job.attempts > submission.attempts_seen)
    draft.put(swap_submission(draft.group(job.group), changed))


def _remember_other(draft: Draft, key: GroupKey, submission: Submission, job_id: str) -> None:
    """A second job of the same submission; which of them runs the task, their claim will tell."""
    draft.note = "a second job of this attempt"
    # An event of one that has ended may come after that of its end.
    if job_id not in (*submission.others, *submission.gone) and len(submission.others) < OTHERS_LIMIT:
        draft.put(swap_submission(draft.group(key), replace(submission, others=(*submission.others, job_id))))


def on_job_missing(draft: Draft, missing: JobMissing, outcomes: Outcomes) -> None:
    """Batch keeps jobs that have ended for some days: what a forgotten one left must tell how it ended."""
    submission = find_submission(draft.group(missing.group), missing.submission)
    if submission is None or draft.run.status.terminal or not _is_ours(submission, missing):
        draft.note = "no attempt is waiting for this job"
    elif submission.missing_since is None:
        draft.put(swap_submission(draft.group(missing.group), replace(submission, missing_since=draft.now)))
    elif draft.now - submission.missing_since < FORGOTTEN_AFTER:
        draft.note = "the job may still turn up"
    else:
        job = JobChanged(
            missing.run, missing.group, submission.id, missing.job_id, "FAILED", FORGOTTEN, index=missing.index
        )
        _end(draft, submission, job, outcomes)
        _stop_superfluous(draft, submission, job)
        finish_if_done(draft)


def on_submission_lost(draft: Draft, lost: SubmissionLost) -> None:
    submission = find_submission(draft.group(lost.group), lost.submission)
    if submission is None or draft.run.status.terminal or submission.job_id is not None:
        draft.note = "the submission has a job, or needs none"
        return
    draft.ask(SubmitJob(lost.group, lost.submission, look=True))


def _is_ours(submission: Submission, job: JobChanged | JobMissing) -> bool:
    return submission.job_id is None or submission.job_id == job.whole


def _end(draft: Draft, submission: Submission, job: JobChanged, outcomes: Outcomes) -> None:
    members = members_of(submission, job)
    if not len(members):
        draft.note = "nothing waits for this child any more"
    elif draft.array is None or job.size is None:
        _end_members(draft, submission, job, members, outcomes, {})
    else:
        _end_array(draft, submission, job, outcomes, draft.array)


def _end_array(draft: Draft, submission: Submission, job: JobChanged, outcomes: Outcomes, array: ArrayEnd) -> None:
    """What ended well is told by Batch and by the names of the outcomes alone; the others are looked at."""
    take_ahead(draft, job.group, submission, submission.open, outcomes)
    too_early = unfounded(draft, job.group, submission, array.won)
    succeed_alike(draft, job.group, submission.attempt, array.won & (submission.open - too_early), 0)
    looked = (array.looked | too_early) & submission.open
    if len(looked):
        ends = array.children
        others = None if ends is None else replace(job, status="SUCCEEDED")
        _end_members(draft, submission, others or job, looked, outcomes, ends or {})
    draft.more = draft.more or array.left


def _end_members(
    draft: Draft, submission: Submission, job: JobChanged, members: Ranges, outcomes: Outcomes, ends: Ends
) -> None:
    """Decide these members: by their outcomes, else by the ends of their children, else by that of the job."""
    if job.index is not None and job.reason != FORGOTTEN:
        _remember_told(draft, submission, job, members)
    if not draft.flow.step(job.group.step).package:
        _end_without_runner(draft, submission, job, members)
        return
    take_ahead(draft, job.group, submission, members, outcomes)
    founded = members - unfounded(draft, job.group, submission, members)
    ended = judged(draft, job.group, submission.attempt, founded, outcomes)
    if take_winners(draft, job.group, submission.attempt, ended):
        losers = members - Ranges.collect(member for member, outcome in ended.items() if outcome.status == "succeeded")
        _fail_losers(draft, submission, job, losers, ended, ends)


def _remember_told(draft: Draft, submission: Submission, job: JobChanged, members: Ranges) -> None:
    """Count the children that failed, so that the end of the array can be checked against it."""
    told = told_of(submission, job, members)
    if told is not submission:
        draft.put(swap_submission(draft.group(job.group), told))


def _fail_losers(
    draft: Draft,
    submission: Submission,
    job: JobChanged,
    losers: Ranges,
    ended: dict[int, Outcome],
    ends: Ends,
) -> None:
    """Move those past the attempt who failed by outcome, or by the end of the job that was theirs."""
    failures: dict[int, Failure] = {}
    void: list[int] = []
    too_early = unfounded(draft, job.group, submission, losers)
    awaited = False
    for member in losers:
        outcome, told_by = ended.get(member), ends.get(member, job)
        holder = _holder(draft, submission, job, member)
        if outcome is None and holder != job.whole:
            if _is_ours(submission, job):
                _adopt(draft, job, holder)
            elif job.index is None:
                _forget_other(draft, job)
        elif member in too_early or (outcome is None and says_nothing(submission, told_by)):
            void.append(member)
        elif (failure := _failure(told_by, outcome)) is not None:
            failures[member] = failure
        else:
            awaited = True
    begin_anew(draft, job.group, submission, Ranges.collect(void))
    began = {member: told_by.started_at for member, told_by in ends.items()} or dict.fromkeys(failures, job.started_at)
    fail_members(draft, job.group, submission, failures, closed=Ranges.collect(ended), began=began)
    if awaited:
        _await_children(draft, submission, job)


def take_winners(draft: Draft, key: GroupKey, attempt: int, ended: dict[int, Outcome]) -> bool:
    """Let those succeed whose outcomes say so; False if there are more than fit into one save."""
    won = {member: outcome for member, outcome in ended.items() if outcome.status == "succeeded"}
    at_once = read_at_once(draft.flow, key.step)
    if len(won) > at_once and any(way.foreach is not None for way in draft.flow.step(key.step).next):
        succeed(draft, key, dict(islice(won.items(), at_once)), attempt)
        draft.more = True
        return False
    if won:
        succeed(draft, key, won, attempt)
    return True


def _holder(draft: Draft, submission: Submission, job: JobChanged, member: int) -> str:
    """The job whose end is that of a member's attempt: the one that holds the claim, or else the one we know of.

    SubmitJob may make two jobs where one answer was lost: one of them runs the task, the other leaves empty-handed.
    """
    claim = draft.claims.get((job.group.task(member), submission.attempt))
    if claim is not None and claim.job is not None:
        return claim.job
    ended = job.whole
    if submission.job_id is not None and submission.job_id != ended:
        return submission.job_id
    return next((other for other in submission.others if other != ended), ended)


def _adopt(draft: Draft, job: JobChanged, holder: str) -> None:
    """Wait for the job that runs the task, in place of the one that left empty-handed."""
    current = find_submission(draft.group(job.group), job.submission)
    if current is None or current.job_id == holder:
        return
    draft.note = f"job {holder} runs this attempt"
    others = tuple(other for other in current.others if other != holder)
    changed = replace(
        current,
        job_id=holder,
        others=others,
        gone=_gone(current, job),
        status="SUBMITTED",
        attempts_seen=0,
        started_at=None,
        missing_since=None,
        told=Ranges(),
    )
    draft.put(swap_submission(draft.group(job.group), changed))


def _forget_other(draft: Draft, job: JobChanged) -> None:
    """A job beside the one that counts has ended and said nothing: there is no point in waiting for it any more."""
    current = find_submission(draft.group(job.group), job.submission)
    if current is not None and job.whole in current.others:
        others = tuple(other for other in current.others if other != job.whole)
        changed = replace(current, others=others, gone=_gone(current, job))
        draft.put(swap_submission(draft.group(job.group), changed))


def _gone(submission: Submission, job: JobChanged) -> tuple[str, ...]:
    return (*submission.gone, job.whole)[-OTHERS_LIMIT:]


def _stop_superfluous(draft: Draft, submission: Submission, job: JobChanged) -> None:
    """Once an attempt is decided, no other job of it has anything left to do."""
    if find_submission(draft.group(job.group), submission.id) is not None:
        return
    for other in dict.fromkeys((submission.job_id, *submission.others)):
        if other is not None and other != job.whole:
            draft.ask(TerminateJob(other, f"{CANCEL_PREFIX}: another job has run this attempt"))


def _await_children(draft: Draft, submission: Submission, job: JobChanged) -> None:
    """The array is over, but how its failed children ended only their own events (or the sweep) can tell."""
    draft.note = "some children's own events are still to come"
    current = find_submission(draft.group(job.group), submission.id)
    if current is not None and current.status != job.status:
        draft.put(swap_submission(draft.group(job.group), replace(current, status=job.status)))


def _end_without_runner(draft: Draft, submission: Submission, job: JobChanged, members: Ranges) -> None:
    """A step without our runner leaves no outcome: the job's own state decides. There are no arrays of it."""
    if job.status == "SUCCEEDED":
        way = 0 if draft.flow.step(job.group.step).next else None
        outcome = Outcome(outcome_version=1, status="succeeded", attempt=submission.attempt, transition=way)
        outcome = judge(draft.flow, job.group, outcome)
        if outcome.failure is not None:
            fail_attempt(draft, job.group, submission, members, told(outcome.failure))
        else:
            succeed_alike(draft, job.group, submission.attempt, members, way)
    elif _is_ours(submission, job):
        fail_attempt(draft, job.group, submission, members, classify(job), job.started_at)


def judged(draft: Draft, key: GroupKey, attempt: int, members: Ranges, outcomes: Outcomes) -> dict[int, Outcome]:
    """The outcomes of these members, as far as they can be believed."""
    found = {}
    for member in members:
        outcome = outcomes.get((key.task(member), attempt))
        if outcome is not None:
            found[member] = judge(draft.flow, key, outcome)
    return found


def _failure(job: JobChanged, outcome: Outcome | None) -> Failure | None:
    """Why a member's attempt failed; None where only the child's own event can tell."""
    if outcome is not None and outcome.failure is not None:
        # An array's own event has no exit code; the runner's is known.
        return told(outcome.failure, FAILED_EXIT_CODE if job.size is not None else job.exit_code, job.log_stream)
    if job.status == "SUCCEEDED":
        return Failure("unknown_outcome", "the job ended well but left no outcome", job.exit_code, job.log_stream)
    if job.exit_code == LEFT_EXIT_CODE and not job.container_reason:
        why = "the container left without running the step: another one had its attempt"
        return Failure("unknown_outcome", why, job.exit_code, job.log_stream)
    return None if job.size is not None else classify(job)


def on_job_submitted(draft: Draft, event: JobSubmitted) -> None:
    submission = find_submission(draft.group(event.group), event.submission)
    if draft.run.status.terminal or submission is None:
        draft.ask(TerminateJob(event.job_id, f"{CANCEL_PREFIX}: the attempt is over"))
        return
    if submission.job_id is None or submission.job_name is None:
        job_id = submission.job_id or event.job_id
        terms = event.terms or submission.terms
        changed = replace(submission, job_id=job_id, job_name=event.job_name, terms=terms, platform=event.platform)
        changed = limit_waiting(draft, event.group, changed)
        draft.put(swap_submission(draft.group(event.group), changed))
        submission = changed
    if submission.job_id != event.job_id:
        _remember_other(draft, event.group, submission, event.job_id)


def on_submit_refused(draft: Draft, event: SubmitRefused) -> None:
    submission = find_submission(draft.group(event.group), event.submission)
    if submission is None or draft.run.status.terminal:
        draft.note = "the refused attempt is over already"
        return
    if submission.behind is not None:
        # It may be for what it was to wait for, which Batch no longer knows: by itself it will be told apart.
        begin_anew(draft, event.group, submission, submission.open)
        finish_if_done(draft)
        return
    failure = Failure("config", event.reason)
    fail_attempt(draft, event.group, submission, submission.open, failure)
    finish_if_done(draft)
