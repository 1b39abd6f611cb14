"""Handing members of a group over: to AWS Batch as jobs and arrays, to the light function as messages."""

from dataclasses import replace

from steprelay_core.commands import InvokeLight, SubmitJob
from steprelay_core.decide.draft import Draft
from steprelay_core.spec import Step
from steprelay_core.state.model import ARRAY_LIMIT, GroupKey, Submission, Terms
from steprelay_core.state.ranges import Ranges


def launch(draft: Draft, key: GroupKey, members: Ranges, attempt: int = 1, terms: Terms | None = None) -> None:
    """Start an attempt of these members on these terms, unless the run no longer starts anything."""
    if draft.run.failure is not None or draft.run.status.terminal or not len(members):
        return
    step = draft.flow.step(key.step)
    group = draft.group(key)
    for part in members.chunks(_together(step)):
        submission = Submission(attempt, part, part, step.batch is None, submitted_at=draft.now, terms=terms or Terms())
        group = replace(
            group,
            submissions=(*group.submissions, submission),
            started_at=draft.now if group.started_at is None else group.started_at,
            ended_at=None,
        )
        draft.ask(InvokeLight(key, submission.id) if step.batch is None else SubmitJob(key, submission.id))
    draft.put(group)


def _together(step: Step) -> int:
    """How many members one submission may hold. AWS Batch: an array cannot be made of multi-node parallel jobs."""
    return 1 if step.batch is not None and step.batch.nodes > 1 else ARRAY_LIMIT
