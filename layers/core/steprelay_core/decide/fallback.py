"""`@catch` where no code of the step can: after a last attempt that failed, one that runs none of it.

A fallback attempt is a light one, also of a step on Batch. Its runner takes over the task's inputs, leaves the failure
in the artifact of `@catch` and goes the step's only way on; its outcome counts like any other. It is repeated where its
function died, but never caught itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from steprelay_core.commands import InvokeLight
from steprelay_core.decide.draft import Draft, swap_submission, union
from steprelay_core.decide.launch import hand_over
from steprelay_core.spec import Flow
from steprelay_core.state.model import ARRAY_LIMIT, Caught, Failure, Group, GroupKey, Submission
from steprelay_core.state.ranges import Ranges

# Functions die seldom: whoever has lost so many attempts at it will lose the next as well.
FALLBACKS = 3

# So many failures of a submission are told word for word, up to so many characters each; others as one of their class.
TOLD_APART, REASON_LIMIT = 20, 500

# Who is given up: the attempt that failed, and why.
GivenUp = dict[int, tuple[int, Failure]]


def can_fall_back(flow: Flow, name: str) -> bool:
    """Whether the step goes on after its last failure, whoever sees it: it says so, and there is no way to choose."""
    step = flow.step(name)
    static = not step.next or (len(step.next) == 1 and step.next[0].foreach is None)
    return step.catch is not None and static


def caught_of(
    draft: Draft, key: GroupKey, submission: Submission, failures: Mapping[int, Failure], closed: Ranges
) -> tuple[list[Caught], GivenUp]:
    """Of members whose last attempt has failed, those whom `@catch` takes, and those who end the run: one of the two.

    `closed`: those that left an outcome. Of a fallback attempt that failed, the failures before it are what counts.
    """
    if not can_fall_back(draft.flow, key.step):
        return [], {member: (submission.attempt, failure) for member, failure in failures.items()}
    causes = list(_causes(submission, failures, closed))
    spent = submission.fallback and (
        len(Ranges.collect(failures) & closed)
        or any(submission.attempt - cause.attempt >= FALLBACKS for cause in causes)
    )
    if spent or draft.is_stopping:
        return [], {member: (cause.attempt, cause.failure) for cause in causes for member in cause.members}
    return causes, {}


def fall_back(draft: Draft, key: GroupKey, failed: Submission, causes: Sequence[Caught]) -> None:
    """Start a fallback attempt of these members; those of an array that fail one after the other join a submission."""
    attempt = failed.attempt + 1
    for part in union(cause.members for cause in causes).chunks(ARRAY_LIMIT):
        own = tuple(replace(cause, members=cause.members & part) for cause in causes if len(cause.members & part))
        found = _to_join(draft.group(key), part, attempt, failed.first)
        if found is None:
            told = told_together(own)
            hand_over(draft, key, Submission(attempt, part, part, True, draft.now, first=failed.first, fallback=told))
            continue
        joined = replace(
            found,
            members=found.members | part,
            open=found.open | part,
            submitted_at=draft.now,
            sent_at=None,
            fallback=told_together((*found.fallback, *own)),
        )
        draft.put(swap_submission(draft.group(key), joined))
        draft.ask(InvokeLight(key, joined.id, part.spans))


def _causes(submission: Submission, failures: Mapping[int, Failure], closed: Ranges) -> Iterator[Caught]:
    """What these members failed of in the first place."""
    members = Ranges.collect(failures)
    if submission.fallback:
        for cause in submission.fallback:
            if len(cause.members & members):
                yield replace(cause, members=cause.members & members)
        return
    alike: dict[tuple[Failure, bool], list[int]] = {}
    for member, failure in sorted(failures.items()):
        alike.setdefault((failure, member in closed), []).append(member)
    for (failure, told), those in alike.items():
        yield Caught(Ranges.collect(those), submission.attempt, failure, told)


def _to_join(group: Group, part: Ranges, attempt: int, first: int) -> Submission | None:
    """A submission is named by its first member, so that must stay the first."""
    alike = (
        submission
        for submission in group.submissions
        if submission.fallback
        and (submission.attempt, submission.first) == (attempt, first)
        and submission.members.at(0) < part.at(0)
        and len(submission.members) + len(part) <= ARRAY_LIMIT
    )
    return next(alike, None)


def told_together(causes: Iterable[Caught]) -> tuple[Caught, ...]:
    """The same in a bounded number of entries: beyond some, failures of a class are told by the reason of one of them.

    An outcome says more than what is kept of it, so nothing is lost where one was left.
    """
    alike: dict[tuple[int, bool, Failure], Ranges] = {}
    for cause in causes:
        failure = replace(cause.failure, reason=cause.failure.reason[:REASON_LIMIT])
        entry = (cause.attempt, cause.told, failure)
        if entry not in alike and len(alike) >= TOLD_APART:
            entry = _rough(alike, entry)
        alike[entry] = alike.get(entry, Ranges()) | cause.members
    return tuple(Caught(members, attempt, failure, told) for (attempt, told, failure), members in alike.items())


def _rough(
    alike: Mapping[tuple[int, bool, Failure], Ranges], entry: tuple[int, bool, Failure]
) -> tuple[int, bool, Failure]:
    """An entry for any failure of this class, so without what belongs to one task alone."""
    attempt, told, failure = entry
    rough = replace(failure, exit_code=None, log_stream=None)
    same = (
        other for other in alike if other[:2] == (attempt, told) and other[2] == replace(rough, reason=other[2].reason)
    )
    return next(same, (attempt, told, rough))
