"""Arrays as a whole: what has to be known once one has ended, and how little of it has to be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from steprelay_core.decide.chain import links
from steprelay_core.decide.draft import GROUPS_AT_ONCE
from steprelay_core.spec import Flow
from steprelay_core.state.events import ChildrenFailed, JobChanged
from steprelay_core.state.model import GroupKey, Submission
from steprelay_core.state.ranges import Ranges

# Outcomes that one decision reads at the most.
READ_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class ArrayEnd:
    """What is known of an array that has ended.

    `children`: the ends of those of its members whose children failed and that are still open, by member; None where
    Batch has not told of all of them. `won`: members that have won, known without reading their outcomes. `looked`:
    members whose outcomes or claims were read; `left`: whether others are to be looked at in a decision of their own.
    `ahead`: of an array that was chained, which of its members have won in the groups ahead, by a listing. `caught`: in
    which groups whom a listing tells to have won by `@catch`.
    """

    children: Mapping[int, JobChanged] | None
    won: Ranges = field(default_factory=Ranges)
    looked: Ranges = field(default_factory=Ranges)
    left: bool = False
    ahead: Mapping[GroupKey, Ranges] = field(default_factory=dict)
    caught: Mapping[GroupKey, Ranges] = field(default_factory=dict)


def is_static(flow: Flow, name: str) -> bool:
    """Whether a success of this step says all: it runs under our runner, and has one way on, with no foreach.

    A way back is not of these: that there are not too many laps is judged by the outcome.
    """
    step = flow.step(name)
    forward = (name, 0) not in flow.graph.back
    return step.package and len(step.next) == 1 and step.next[0].foreach is None and forward


def read_at_once(flow: Flow, name: str) -> int:
    """How many outcomes of a step one decision takes; each that starts a foreach makes a group to save, and one for
    each step that is chained to that."""
    made = [links(flow, way.to[0]) for way in flow.step(name).next if way.foreach is not None]
    return GROUPS_AT_ONCE // max(made) if made else READ_AT_ONCE


def known_failed(submission: Submission, job: JobChanged) -> Ranges | None:
    """Those of an array's members whose children failed, if their own events have told of all; None if not."""
    if job.status == "SUCCEEDED" or job.failed == 0:
        return Ranges()
    told = submission.told if submission.job_id == job.whole else Ranges()
    # One that was told of and is still open waits for another job: how it ended has to be told anew.
    complete = job.failed == len(told) and not len(told & submission.open)
    return told if complete else None


def ends_of(submission: Submission, event: ChildrenFailed) -> dict[int, JobChanged]:
    """The events of children by member, but for those of members that are decided."""
    members = list(submission.members)
    ends = {members[child.index]: child for child in event.children if (child.index or 0) < len(members)}  # type: ignore[index]
    return {member: child for member, child in ends.items() if member in submission.open}


def told_of(submission: Submission, job: JobChanged, members: Ranges) -> Submission:
    """The submission, with these members' children known to have failed, where the job is the one we know of."""
    if job.status != "FAILED" or submission.job_id != job.whole or not len(members - submission.told):
        return submission
    return replace(submission, told=submission.told | members)
