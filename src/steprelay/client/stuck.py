"""Which jobs of a run do not start, and why, as the relay has noticed it. Pure."""

from collections.abc import Iterator
from itertools import groupby

from steprelay.client.changes import JobStuck
from steprelay_core.decide.draft import find_submission
from steprelay_core.ports import Stored
from steprelay_core.state.model import Notice, Submission


def stuck_jobs(stored: Stored) -> list[JobStuck]:
    """What waits, the longest first; all that waits of a step for the same thing is told as one."""
    notices = sorted(stored.run.notices, key=_same)
    told = [_told(stored, list(alike)) for _, alike in groupby(notices, key=_same)]
    return sorted((one for one in told if one is not None), key=lambda one: (one.since, one.task))


def _same(notice: Notice) -> tuple[str, str, str, str]:
    return notice.group.step, notice.queue, notice.class_, notice.reason


def _told(stored: Stored, notices: list[Notice]) -> JobStuck | None:
    waiting = list(_waiting(stored, notices))
    if not waiting:
        return None
    first, submission = waiting[0]
    tasks = sum(len(one.open) for _, one in waiting)
    return JobStuck(
        task=str(first.group.task(submission.open.at(0))) if tasks == 1 else first.group.step,
        step=first.group.step,
        tasks=tasks,
        attempt=max(one.attempt for _, one in waiting),
        failure_class=first.class_,
        reason=first.reason,
        change=first.change,
        queue=first.queue,
        since=min(notice.since for notice, _ in waiting),
        at=min(notice.at for notice, _ in waiting),
        behind=first.behind,
    )


def _waiting(stored: Stored, notices: list[Notice]) -> Iterator[tuple[Notice, Submission]]:
    for notice in notices:
        group = stored.groups.get(notice.group)
        submission = None if group is None else find_submission(group, notice.submission)
        if submission is not None:
            yield notice, submission
