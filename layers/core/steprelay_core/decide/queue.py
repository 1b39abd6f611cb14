"""Members that exist and wait for room in the window of their foreach: joining the queue, leaving it, being dropped."""

from collections.abc import Iterator
from dataclasses import replace

from steprelay_core.decide.draft import Draft, union
from steprelay_core.decide.launch import highest_attempt, launch
from steprelay_core.decide.window import sharing, window_of
from steprelay_core.state.model import Group, GroupKey
from steprelay_core.state.ranges import Ranges


def begin(draft: Draft, key: GroupKey, members: Ranges) -> None:
    """Start the first attempt of tasks that are new to the run, as far as there is room."""
    if draft.is_stopping or not len(members):
        return
    if window_of(draft.flow, draft.groups, key) is None:
        launch(draft, key, members)
        return
    group = draft.group(key)
    draft.put(replace(group, queued=group.queued | members, ended_at=None))
    fill(draft, key)


def begin_again(draft: Draft, key: GroupKey, members: Ranges) -> None:
    """Start failed tasks anew, as far as there is room: by an attempt new to the group, with a whole budget."""
    group = draft.group(key)
    attempt = highest_attempt(group, draft.flow.step(key.step)) + 1
    group = replace(group, failed=group.failed - members)
    if window_of(draft.flow, draft.groups, key) is None or not len(members):
        draft.put(group)
        launch(draft, key, members, attempt, first=attempt)
        return
    again = group.again | {attempt: members}
    draft.put(replace(group, queued=group.queued | members, again=again, tried=attempt, ended_at=None))
    fill(draft, key)


def fill(draft: Draft, key: GroupKey) -> None:
    """Start as many queued members as there is room for."""
    group = draft.group(key)
    if draft.is_stopping or not len(group.queued):
        return
    window = window_of(draft.flow, draft.groups, key)
    room = len(group.queued) if window is None else window.room(_in_flight(draft, key), len(group.queued))
    ready = next(group.queued.chunks(room)) if room else Ranges()
    if not len(ready):
        return
    left = {attempt: members - ready for attempt, members in group.again.items() if len(members - ready)}
    draft.put(replace(group, queued=group.queued - ready, again=left))
    for attempt, members in _by_attempt(group, ready):
        launch(draft, key, members, attempt, first=attempt)


def _in_flight(draft: Draft, key: GroupKey) -> int:
    return sum(len(draft.group(each).in_flight) for each in sharing(draft.flow, draft.places, key))


def _by_attempt(group: Group, ready: Ranges) -> Iterator[tuple[int, Ranges]]:
    begun = union(group.again.values())
    if len(ready - begun):
        yield 1, ready - begun
    for attempt, members in group.again.items():
        if len(ready & members):
            yield attempt, ready & members


def without_queue(group: Group) -> Group:
    """The group when nothing starts any more: whoever never began is no task of it; who had failed before has still."""
    return replace(group, queued=Ranges(), again={}, failed=group.failed | union(group.again.values()))


def tend(draft: Draft) -> None:
    """Let those follow for whom this decision has made room."""
    changed = (each for key in list(draft.changed) for each in sharing(draft.flow, draft.places, key))
    for key in dict.fromkeys(changed):
        tend_queue(draft, key)


def tend_queue(draft: Draft, key: GroupKey) -> None:
    """Start whom there is room for, or nobody any more where the run is about to end."""
    group = draft.group(key)
    if len(group.queued) and draft.is_stopping:
        draft.put(replace(without_queue(group), ended_at=None if len(group.in_flight) else draft.now))
    else:
        fill(draft, key)
