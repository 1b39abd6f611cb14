"""What must hold of each saved state, and between two that follow each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from steprelay_core.codec import decode, decode_commands, encode, encode_commands
from steprelay_core.state.events import JobChanged, LightEnded, ResumeRequested, RetryRequested
from steprelay_core.state.model import Group, GroupKey, Run, RunStatus, Submission
from steprelay_core.state.ranges import Ranges
from tests.simulation.facts import Saved
from tests.simulation.invariants.rules import rule

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation


@rule(9, Saved)
def builds_on_the_latest(_: Simulation, saved: Saved) -> str | None:
    """Whoever saves must have seen what was saved last."""
    latest = saved.before.run.version if saved.before else 0
    if saved.given.version != latest:
        return f"{saved.given.id} was saved at version {latest} by somebody who knew {saved.given.version}"
    for group in saved.given_groups:
        there = saved.before.groups.get(group.key) if saved.before else None
        if group.version != (there.version if there else 0):
            return f"{group.key} was saved over a version that its saver had not seen"
    return None


@rule(4, Saved)
def every_member_is_in_one_place(_: Simulation, saved: Saved) -> str | None:
    for _was, group in saved.changed:
        places = [submission.open for submission in group.submissions] + [wait.members for wait in group.waits]
        places.append(group.queued)
        places += [*group.won.values(), group.failed]
        if sum(map(len, places)) != len(group.members):
            return f"{group.key} has a member in two places: {group}"
    return None


@rule(4, Saved)
def attempts_only_rise(simulation: Simulation, saved: Saved) -> str | None:
    for was, group in saved.changed:
        retry = simulation.flow(saved.given.id).step(group.key.step).retry
        times = retry.times if retry else 0
        going = [(item.attempt, item.first) for item in group.submissions if not item.fallback]
        going += [(wait.attempt, wait.first) for wait in group.waits]
        beyond = [attempt for attempt, first in going if attempt - first > times]
        if beyond:
            return f"attempts {beyond} of {group.key} are past a budget of {times} retries"
        before, now = _attempts(was), _attempts(group)
        chained = {member for item in was.submissions if item.behind is not None for member in item.open}
        for member, attempt in now.items():
            if attempt < before.get(member, 0):
                return f"{group.key.task(member)} fell from attempt {before[member]} to {attempt}"
            # One that was handed over in vain begins anew, with an attempt that is new to its group.
            if member in before and attempt > before[member] + 1 and member not in chained:
                return f"{group.key.task(member)} leapt from attempt {before[member]} to {attempt}"
    return None


def _attempts(group: Group) -> dict[int, int]:
    """The attempt that each live or won member is at."""
    found = {member: submission.attempt for submission in group.submissions for member in submission.open}
    found |= {member: wait.attempt for wait in group.waits for member in wait.members}
    return found | {member: attempt for attempt, members in group.won.items() for member in members}


@rule(5, Saved)
def an_event_is_about_one_attempt(_: Simulation, saved: Saved) -> str | None:
    ends = [event for event in saved.events if isinstance(event, JobChanged | LightEnded)]
    if not ends or len(ends) < len(saved.events):
        return None
    together = _handed_over_together(saved)
    for was, group in saved.changed:
        still = {submission.id: submission for submission in group.submissions}
        for submission in was.submissions:
            after = still.get(submission.id)
            about = [event for event in ends if _is_about(event, group.key, submission)]
            mine = bool(about) or (group.key, submission.id) in together
            if not mine and after != submission and not _has_grown(submission, after):
                return f"{ends} changed submission {submission.id} of {group.key}"
            if about and submission.light:
                told = Ranges.collect(event.member for event in about if isinstance(event, LightEnded))
                left = after.open if after is not None else Ranges()
                if len(submission.open - left - told):
                    return f"{ends} changed other members of submission {submission.id}"
    return None


def _handed_over_together(saved: Saved) -> set[tuple[GroupKey, str]]:
    """What is ahead of a submission, which an event about it may show to have won, and behind it, which may be void."""
    if saved.before is None:
        return set()
    related = {(event.group, event.submission) for event in saved.events if isinstance(event, JobChanged)}
    links = [
        ((key, item.id), (replace(key, step=item.behind.step), item.behind.submission))
        for key, group in saved.before.groups.items()
        for item in group.submissions
        if item.behind is not None
    ]
    for _ in range(len(links)):
        related |= {one for one, other in links if other in related} | {other for one, other in links if one in related}
    return related


def _has_grown(before: Submission, after: Submission | None) -> bool:
    """Light tasks that are tried again join those that were before."""
    return after is not None and before.light and not len(before.open - after.open)


def _is_about(event: JobChanged | LightEnded, key: GroupKey, submission: Submission) -> bool:
    if event.group != key:
        return False
    if isinstance(event, LightEnded):
        return event.attempt == submission.attempt
    return event.submission == submission.id


@rule(6, Saved)
def terminal_is_absorbing(_: Simulation, saved: Saved) -> str | None:
    if saved.before is None:
        return None
    before, after = saved.before.run, saved.after.run
    if before.status.terminal and after.status is not before.status and not saved.goes_on:
        return f"{after.id} was {before.status} and is {after.status}"
    for was, group in saved.changed:
        for attempt, members in was.won.items():
            if len(members - group.won.get(attempt, members - members)):
                return f"{group.key}: attempt {attempt} had won for {members}, and now for {group.won}"
        if len(was.failed - group.failed) and not saved.goes_on:
            return f"{group.key}: {was.failed} had failed, and now {group.failed}"
        if any(len(members - group.chosen.get(way, members - members)) for way, members in was.chosen.items()):
            return f"{group.key} has lost the ways that its winners took"
        if any(group.fanout.get(member) != count for member, count in was.fanout.items()):
            return f"{group.key} has lost how many items its winners had"
    return None


@rule(7, Saved)
def a_request_sets_a_run_going_once(simulation: Simulation, saved: Saved) -> str | None:
    if saved.before is None or saved.given.generation == saved.before.run.generation:
        return None
    for event in saved.events:
        if not isinstance(event, ResumeRequested | RetryRequested):
            continue
        if (saved.given.id, event.request) in simulation.record.resumed:
            return f"{event} has set {saved.given.id} going a second time"
    return None


@rule(13, Saved)
def a_run_is_over_with_its_tasks(_: Simulation, saved: Saved) -> str | None:
    live = [group.key for group in saved.after.groups.values() if len(group.live)]
    status = saved.after.run.status
    if status is RunStatus.RUNNING and not live and saved.after.run.resuming is None:
        return f"{saved.given.id} is {status}, but nothing of it is live"
    # A cancellation of more groups than fit into one save ends the run first.
    if status in (RunStatus.SUCCEEDED, RunStatus.FAILED) and live:
        return f"{saved.given.id} is {status}, but {live} are live"
    return None


@rule(20, Saved)
def newer_code_reads_it(_: Simulation, saved: Saved) -> str | None:
    """What is stored comes back equal, also where a newer relay has added a key."""
    values: list[Run | Group] = [saved.after.run, *(saved.after.groups[group.key] for group in saved.given_groups)]
    for value in values:
        text = encode(value)
        kind = Run if isinstance(value, Run) else Group
        if decode(kind, '{"a_newer_key":[1],' + text[1:]) != value:
            return f"{value} does not come back from {text}"
    if saved.added is not None and decode_commands(encode_commands(saved.added.commands)) != saved.added.commands:
        return f"{saved.added.commands} do not come back"
    return None
