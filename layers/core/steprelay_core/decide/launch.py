"""Handing members of a group over: to AWS Batch as jobs and arrays, to the light function as messages."""

from dataclasses import replace

from steprelay_core.commands import InvokeLight, SubmitJob
from steprelay_core.decide.draft import Draft
from steprelay_core.state.model import ARRAY_LIMIT, GroupKey, Submission
from steprelay_core.state.ranges import Ranges


def launch(draft: Draft, key: GroupKey, members: Ranges, attempt: int = 1) -> None:
    """Start an attempt of these members, unless the run no longer starts anything."""
    if draft.run.failure is not None or draft.run.status.terminal or not len(members):
        return
    light = draft.flow.step(key.step).batch is None
    group = draft.group(key)
    for part in members.chunks(ARRAY_LIMIT):
        submission = Submission(attempt, part, part, light, submitted_at=draft.now)
        group = replace(
            group,
            submissions=(*group.submissions, submission),
            started_at=draft.now if group.started_at is None else group.started_at,
            ended_at=None,
        )
        draft.ask(InvokeLight(key, submission.id) if light else SubmitJob(key, submission.id))
    draft.put(group)
