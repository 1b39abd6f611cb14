"""Members of an array that are tried again wait a little for others, so that many of them make few jobs.

A crowd is a `Wait` that others of its array may still join: the first one for a second, later ones for longer. Once
nobody else can come, those who only waited for others go at once.
"""

from dataclasses import replace

from steprelay_core.commands import StartTimer
from steprelay_core.decide.budget import Again, with_jitter
from steprelay_core.decide.draft import Draft, find_submission, swap_submission, union
from steprelay_core.decide.launch import launch
from steprelay_core.state.events import JOB_ENDED
from steprelay_core.state.model import Group, GroupKey, Submission, Wait
from steprelay_core.state.ranges import Ranges

# How long (seconds) the first crowd of an array is waited for, and at the most any later one; each twice the last.
FIRST_CROWD, LONGEST_CROWD = 1.0, 30.0


def try_again(draft: Draft, key: GroupKey, submission: Submission, members: Ranges, again: Again) -> None:
    """Give members of a submission another attempt, when its time has come and their crowd is complete.

    A free one raises `first` as well, so that the step's own budget is what it was.
    """
    attempt, terms, first = submission.attempt + 1, again.terms, submission.first + again.free
    ready = draft.now + _delay(draft, key, members, attempt, again)
    wait = Wait(attempt, members, ready, terms, first, ready)
    group = draft.group(key)
    array = find_submission(group, submission.id)
    if array is None and ready <= draft.now:
        wait = _gathered(draft, group, wait)
    elif (crowd := _to_join(group, wait)) is not None:
        joined = replace(crowd, members=crowd.members | members, ready=max(crowd.earliest, ready))
        draft.put(replace(group, waits=tuple(joined if other is crowd else other for other in group.waits)))
        return
    elif array is not None:
        wait = replace(wait, due=ready + _patience(array, ready - draft.now))
    if wait.due <= draft.now:
        launch(draft, key, wait.members, attempt, terms, first)
        return
    group = draft.group(key)
    if array is not None:
        group = swap_submission(group, replace(array, crowds=array.crowds + 1))
    draft.put(replace(group, waits=(*group.waits, wait)))
    draft.ask(StartTimer(key, attempt, members.at(0), wait.due))


def _delay(draft: Draft, key: GroupKey, members: Ranges, attempt: int, again: Again) -> float:
    """Those that failed together wait together: one draw for all of them."""
    if again.free:
        return again.delay
    task = key.task(members.at(0))
    return with_jitter(again.delay, draft.flow.step(key.step).retry, draft.run.id, task, attempt)


def stop_waiting(draft: Draft, key: GroupKey, submission: Submission) -> None:
    """Once an array is over nobody joins its crowds any more: those who only wait for others go."""
    group = draft.group(key)
    if draft.run.failure is not None or find_submission(group, submission.id) is not None:
        return
    firsts = (submission.first, submission.first + 1)
    alike = [wait for wait in group.waits if wait.attempt == submission.attempt + 1 and wait.first in firsts]
    ready = [wait for wait in alike if wait.earliest <= draft.now]
    if ready:
        draft.put(replace(group, waits=tuple(wait for wait in group.waits if wait not in ready)))
    for terms, first in dict.fromkeys((wait.terms, wait.first) for wait in ready):
        members = union(wait.members for wait in ready if (wait.terms, wait.first) == (terms, first))
        launch(draft, key, members, submission.attempt + 1, terms, first)


def _patience(array: Submission, delay: float) -> float:
    """How long to wait for others of an array that goes on; light tasks are not jobs, and only prolong a delay."""
    patience = min(FIRST_CROWD * 2.0 ** min(array.crowds, 10), LONGEST_CROWD)
    if array.light:
        return min(patience, delay / 4)
    return 0.0 if array.status in JOB_ENDED else patience


def _alike(one: Wait, other: Wait) -> bool:
    return (one.attempt, one.terms, one.first) == (other.attempt, other.terms, other.first)


def _to_join(group: Group, wait: Wait) -> Wait | None:
    """A crowd that goes when these members may, or a little later."""
    latest = wait.due + LONGEST_CROWD
    return next((other for other in group.waits if _alike(other, wait) and wait.due <= other.due <= latest), None)


def _gathered(draft: Draft, group: Group, wait: Wait) -> Wait:
    """The members of a wait that is over, and all who only waited for them."""
    along = [other for other in group.waits if _alike(other, wait) and other.earliest <= draft.now]
    draft.put(replace(group, waits=tuple(other for other in group.waits if other not in along)))
    return replace(wait, members=union((wait.members, *(other.members for other in along))))
