"""Notices: which jobs do not start, and why. They are for people; nothing of a run is decided by them."""

from dataclasses import replace

from steprelay_core.decide.draft import Draft, find_submission
from steprelay_core.decide.fit import obstacle
from steprelay_core.decide.waiting import WAITING
from steprelay_core.failure import CLASSES, Symptoms, Told, read_symptoms
from steprelay_core.state.events import JobChanged, JobWaits
from steprelay_core.state.model import GroupKey, Notice, whole_job
from steprelay_core.state.placement import Needs, QueueState

# A run that waits in more places than this is told of the first of them; each that goes makes room for another.
NOTICES_KEPT = 20

# What to do about a reason that nobody knows.
_LOOK = "look at the job and its queue in AWS Batch; `steprelay explain` reads their events"


def on_job_waits(draft: Draft, event: JobWaits) -> None:
    """Note why the job does not start, or that it does; AWS Batch tells of the latter by its status as well."""
    submission = find_submission(draft.group(event.group), event.submission)
    if draft.run.status.terminal or submission is None or submission.light:
        draft.note = "nobody waits for this job"
    elif submission.job_id not in (None, event.whole):
        draft.note = "another job counts for this attempt"
    elif event.waits and submission.status not in WAITING:
        draft.note = "the job has started since"
    else:
        since = event.since or submission.submitted_at
        new = _notice(replace(event, since=since), draft.now) if event.waits else None
        if new is None and event.waits and event.state is None:
            draft.note = "nobody could look at the queue"
        else:
            _keep(draft, event, new)


def note_reason(draft: Draft, job: JobChanged) -> None:
    """A state change event may say itself why the job is RUNNABLE and no more; the sweep finds out the rest."""
    submission = find_submission(draft.group(job.group), job.submission)
    if job.status != "RUNNABLE" or job.index is not None or submission is None or not job.reason:
        return
    if _class_of(job.reason, blocked=False) == "none" or _noted(draft, (job.group, job.submission)) is not None:
        return
    since = submission.submitted_at
    waits = JobWaits(job.run, job.group, job.submission, job.job_id, job.queue, since, needs=Needs(), reason=job.reason)
    on_job_waits(draft, waits)


def is_explained(event: JobWaits) -> bool:
    """Whether it says by itself why the job does not start."""
    return _said(event) is not None


def drop_stale(draft: Draft) -> None:
    """Take away what no longer holds, whatever was decided: the job has started or ended, or the run has.

    Of an array nobody tells that its children start.
    """
    kept = tuple(notice for notice in draft.run.notices if _holds(draft, notice))
    if kept != draft.run.notices:
        draft.set_run(notices=kept)


def _holds(draft: Draft, notice: Notice) -> bool:
    submission = find_submission(draft.group(notice.group), notice.submission)
    return not draft.run.status.terminal and submission is not None and submission.status in WAITING


def _notice(event: JobWaits, now: float) -> Notice | None:
    """What there is to say: what the queue lacks, AWS Batch's own words, or the job ahead."""
    said = _said(event)
    found = said or _said_of_head(event)
    if found is None:
        return None
    behind = None if said is not None or event.head is None else event.head.job_id
    class_, reason, change = found
    return Notice(event.group, event.submission, class_, _queue(event), event.since, now, reason, change, behind)


def _said(event: JobWaits) -> tuple[str, str, str] | None:
    """Class, reason and what to change, of the job itself."""
    is_head = event.head is not None and whole_job(event.head.job_id) == event.whole
    words = event.reason or (event.head.reason if event.head is not None and is_head else "")
    return _explained(event.needs, event.state, words, blocked=event.blocked)


def _said_of_head(event: JobWaits) -> tuple[str, str, str] | None:
    """The same of the job at the head of the queue, which holds up all behind it."""
    head = event.head
    if head is None or whole_job(head.job_id) == event.whole:
        return None
    found = _explained(head.needs, event.state, head.reason, blocked=False)
    if found is None:
        return None
    reason = f"job {head.job_name} is ahead of it in queue {_queue(event)} and does not start: {found[1]}"
    return found[0], reason, f"see to that job ({head.job_id}), or name another queue"


def _explained(needs: Needs, state: QueueState | None, words: str, *, blocked: bool) -> tuple[str, str, str] | None:
    class_ = _class_of(words, blocked=blocked)
    found = None if state is None else obstacle(needs, state)
    if found is not None:
        return "config", "; ".join(filter(None, (found.reason, words))), found.change
    if class_ == "none":
        return None
    change = _LOOK if class_ == "unknown" else CLASSES[class_].change
    return class_, words or "AWS Batch says that it blocks its queue, and not why", change


def _queue(event: JobWaits) -> str:
    return event.state.name if event.state is not None else event.queue.rpartition("/")[2]


def _class_of(reason: str, *, blocked: bool) -> str:
    """`none` where nothing says that the job does more than wait for its turn."""
    symptoms = Symptoms("RUNNABLE", Told("statusReason", reason), blocked=blocked)
    return read_symptoms(symptoms).class_


def _keep(draft: Draft, event: JobWaits, new: Notice | None) -> None:
    notices = draft.run.notices
    old = _noted(draft, (event.group, event.submission))
    if new is not None and old is not None and event.state is None and new.class_ != old.class_:
        # Somebody who had looked at the queue knew more.
        new = old
    if new is not None and old is not None:
        since = min(old.since, new.since) if old.class_ == new.class_ else new.since
        new = replace(new, since=since, at=old.at)
    others = tuple(notice for notice in notices if notice is not old)
    if new == old:
        draft.note = "nothing new is known of this job"
    elif new is None:
        draft.set_run(notices=others)
    elif len(others) >= NOTICES_KEPT:
        draft.note = "the run waits in too many places to note this one as well"
    else:
        if (old is None or old.class_ != new.class_) and not any(_alike(new, other) for other in others):
            _announce(draft, new)
        draft.set_run(notices=(*others, new))


def _noted(draft: Draft, subject: tuple[GroupKey, str]) -> Notice | None:
    return next((notice for notice in draft.run.notices if notice.subject == subject), None)


def _alike(notice: Notice, other: Notice) -> bool:
    """Told once for all tasks of a step that wait for the same thing."""
    return (notice.group.step, notice.queue, notice.class_, notice.reason) == (
        other.group.step,
        other.queue,
        other.class_,
        other.reason,
    )


def _announce(draft: Draft, notice: Notice) -> None:
    submission = find_submission(draft.group(notice.group), notice.submission)
    if submission is None:
        return
    task = notice.group.task(submission.members.at(0))
    detail = {
        "step": task.step,
        "task": str(task),
        "tasks": len(submission.open),
        "attempt": submission.attempt,
        "class": notice.class_,
        "reason": notice.reason,
        "change": notice.change,
        "queue": notice.queue,
        "since": notice.since,
        "job": submission.job_id,
    }
    draft.announce("Step Stuck", f"{task.step}:{task.split}:{submission.attempt}:{notice.class_}", detail)
