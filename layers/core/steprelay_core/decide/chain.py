"""Chains: arrays of steps that follow each other statically, handed over together (docs/architecture.md, "Chains").

A chained submission waits, member by member, for the one it is `behind`. Until that one's member has won, its own
is only presumed to start: when the member ahead fails its attempt, the one behind is void, as if it had never been.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from steprelay_core.commands import FenceAttempt, TerminateJob
from steprelay_core.decide.draft import Draft, find_submission, settle_members
from steprelay_core.decide.failure import CANCEL_PREFIX
from steprelay_core.spec import Flow, Step
from steprelay_core.state.model import Ahead, Group, GroupKey, Submission
from steprelay_core.state.ranges import Ranges

# Steps that are handed over together at the most: each makes a group, and what one save takes has an end.
LONGEST_CHAIN = 10

Groups = Mapping[GroupKey, Group]
Held = tuple[GroupKey, Submission]


def next_in_chain(flow: Flow, name: str) -> str | None:
    """The step whose array can be handed over together with that of this one; None if it cannot be known to follow."""
    step = flow.step(name)
    if len(step.next) != 1 or len(step.next[0].to) != 1 or step.next[0].foreach is not None:
        return None
    # What goes back begins another lap.
    if (name, 0) in flow.graph.back:
        return None
    following = step.next[0].to[0]
    other = flow.step(following)
    if other.join or flow.parents[following] != (name,):
        return None
    # AWS Batch does not tell since when a child no longer waits for another one, but for a machine.
    if other.queue_timeout_seconds is not None:
        return None
    return following if _can_be_chained(step) and _can_be_chained(other) else None


def _can_be_chained(step: Step) -> bool:
    """AWS Batch: only arrays have N_TO_N, and no array is multi-node."""
    return step.batch is not None and step.batch.nodes == 1


def links(flow: Flow, name: str) -> int:
    """How many steps are handed over together where this one begins, itself included."""
    found, step = 1, next_in_chain(flow, name)
    while step is not None and found < LONGEST_CHAIN:
        found, step = found + 1, next_in_chain(flow, step)
    return found


def ahead_of(groups: Groups, key: GroupKey, submission: Submission) -> list[Held]:
    """The open submissions that one waits for, the first to end first."""
    found: list[Held] = []
    behind = submission.behind
    while behind is not None:
        key = replace(key, step=behind.step)
        held = find_submission(groups[key], behind.submission) if key in groups else None
        if held is None:
            break
        found.insert(0, (key, held))
        behind = held.behind
    return found


def presumed(groups: Groups, key: GroupKey, submission: Submission) -> Ranges:
    """The open members of a submission of which nobody knows yet whether the one ahead wins."""
    if submission.behind is None:
        return Ranges()
    ahead = groups.get(replace(key, step=submission.behind.step))
    return submission.open if ahead is None else submission.open - ahead.succeeded


def void(draft: Draft, key: GroupKey, submission: Submission, members: Ranges) -> None:
    """Undo the handing over of these members, and of those behind them; nobody begins this attempt of theirs any more.

    It costs them nothing of their budget: they begin once the member ahead has won, with an attempt that is new.
    """
    members = members & submission.open
    if not len(members):
        return
    group = settle_members(draft.group(key), members)
    group = replace(group, voided=max(group.voided, submission.attempt))
    draft.put(replace(group, ended_at=None if len(group.live) else draft.now))
    draft.ask(FenceAttempt(key, submission.attempt, members.spans))
    void_behind(draft, key, submission, members)


def void_behind(draft: Draft, key: GroupKey, submission: Submission, members: Ranges) -> None:
    """Void what was handed over behind these members."""
    for other_key, other in list(_behind(draft, key, submission)):
        void(draft, other_key, other, members)
        if find_submission(draft.group(other_key), other.id) is None:
            for job_id in (other.job_id, *other.others):
                if job_id is not None:
                    draft.ask(TerminateJob(job_id, f"{CANCEL_PREFIX}: what it waited for has failed"))


def _behind(draft: Draft, key: GroupKey, submission: Submission) -> Iterator[Held]:
    following = next_in_chain(draft.flow, key.step)
    if following is None:
        return
    other = replace(key, step=following)
    for candidate in draft.group(other).submissions:
        if candidate.behind == Ahead(key.step, submission.id):
            yield other, candidate
