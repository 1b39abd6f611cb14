"""Attempts in the light function: their ends, and their silence."""

from dataclasses import replace

from steprelay_core.commands import InvokeLight
from steprelay_core.decide.advance import finish_if_done
from steprelay_core.decide.draft import Draft, find_submission, swap_submission
from steprelay_core.decide.job import Outcomes, judged, take_winners
from steprelay_core.decide.outcome import told
from steprelay_core.decide.retry import fail_attempt, fail_members
from steprelay_core.state.events import LightEnded, LightSilent
from steprelay_core.state.model import Failure, GroupKey, Submission
from steprelay_core.state.ranges import Ranges

# A light attempt takes at most Lambda's 900 s; its message is redelivered within the same time once.
LIGHT_SILENCE = 2 * 900.0

# The light function's clock may be off by this much (seconds).
CLOCKS_DIFFER = 30.0

# As long as the light queue keeps a message (template.yaml): what nobody received by then, nobody will.
LIGHT_GIVEN_UP = 4 * 86_400.0


def on_light_ended(draft: Draft, event: LightEnded, outcomes: Outcomes) -> None:
    group = draft.group(event.group)
    waiting = (item for item in group.submissions if item.attempt == event.attempt and event.member in item.open)
    submission = next(waiting, None)
    if submission is None or draft.run.status.terminal:
        draft.note = "no attempt is waiting for this end"
        return
    member = Ranges.of(event.member)
    if not _end_by_outcomes(draft, event.group, submission, member, outcomes):
        failure = Failure("host", event.lost or "the light function left no outcome")
        fail_attempt(draft, event.group, submission, member, failure)
    finish_if_done(draft)


def on_light_silent(draft: Draft, event: LightSilent, outcomes: Outcomes) -> None:
    """Believe outcomes, leave alone whom a living function has claimed, send again what nobody has received."""
    submission = find_submission(draft.group(event.group), event.submission)
    if submission is None or draft.run.status.terminal or not is_silent(submission, draft.now):
        draft.note = "no attempt is silent"
        return
    ended = _end_by_outcomes(draft, event.group, submission, submission.open, outcomes)
    lost, unclaimed = [], []
    for member in submission.open - ended if not draft.more else ():
        attempt = (event.group.task(member), submission.attempt)
        if attempt not in draft.claims:
            continue
        claim = draft.claims[attempt]
        if claim is None:
            unclaimed.append(member)
        elif claim.fenced or (claim.until or 0.0) + CLOCKS_DIFFER < draft.now:
            lost.append(member)
    if draft.now - submission.submitted_at > LIGHT_GIVEN_UP:
        lost, unclaimed = lost + unclaimed, []
    if lost:
        silence = f"the light function was silent for {draft.now - submission.submitted_at:.0f} s"
        fail_attempt(draft, event.group, submission, Ranges.collect(lost), Failure("host", silence))
    if unclaimed:
        _send_again(draft, event.group, submission, Ranges.collect(unclaimed))
    finish_if_done(draft)


def is_silent(submission: Submission, now: float) -> bool:
    """A queue may be long: what nobody has received is sent again at ever longer intervals."""
    sent_at = submission.sent_at or submission.submitted_at
    return now - sent_at > max(LIGHT_SILENCE, sent_at - submission.submitted_at)


def _end_by_outcomes(
    draft: Draft, key: GroupKey, submission: Submission, members: Ranges, outcomes: Outcomes
) -> Ranges:
    """Take what the outcomes of these members say; those that have one."""
    ended = judged(draft, key, submission.attempt, members, outcomes)
    if take_winners(draft, key, submission.attempt, ended):
        failed = {member: told(outcome.failure) for member, outcome in ended.items() if outcome.failure is not None}
        fail_members(draft, key, submission, failed, closed=Ranges.collect(failed))
    return Ranges.collect(ended)


def _send_again(draft: Draft, key: GroupKey, submission: Submission, members: Ranges) -> None:
    current = find_submission(draft.group(key), submission.id)
    if current is not None and draft.run.failure is None:
        draft.put(swap_submission(draft.group(key), replace(current, sent_at=draft.now)))
        draft.ask(InvokeLight(key, submission.id, members.spans))
