"""State that stays small, whatever fails."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steprelay_core.aws.items import group_item
from steprelay_core.aws.transaction import ITEM_LIMIT
from steprelay_core.codec import UnreadableState, decode, encode
from steprelay_core.state.compact import counts_from_stored, counts_to_stored, spans_from_text, spans_to_text
from steprelay_core.state.model import FailedAttempt, Failure, Group, GroupKey, Submission, Terms, Wait
from steprelay_core.state.ranges import Ranges

MOST = 100_000
members = st.sets(st.integers(0, 400), max_size=300).map(Ranges.collect)


@given(members)
def test_a_set_is_read_back_as_it_was_written(given: Ranges) -> None:
    assert spans_from_text(spans_to_text(given.spans)) == given.spans


@given(st.dictionaries(st.integers(0, MOST), st.integers(0, MOST), max_size=200))
def test_counts_are_read_back_as_they_were_written(counts: dict[int, int]) -> None:
    assert counts_from_stored(counts_to_stored(counts)) == counts


@given(members, members)
def test_sets_are_what_pythons_are(one: Ranges, other: Ranges) -> None:
    mine, theirs = set(one), set(other)
    assert [set(one | other), set(one & other), set(one - other)] == [mine | theirs, mine & theirs, mine - theirs]
    assert [member in one for member in range(401)] == [member in mine for member in range(401)]


@given(members, st.integers(0, 300))
def test_the_first_of_a_set_are_its_lowest(given: Ranges, size: int) -> None:
    assert list(given.first(size)) == sorted(given)[:size]


@pytest.mark.parametrize(
    ("spans", "text"),
    [((), ""), (((3, 3),), "3"), (((0, 9_999),), "0-9999"), (((0, 2), (5, 5)), "0-2,5")],
)
def test_a_few_spans_stay_readable(spans: tuple[tuple[int, int], ...], text: str) -> None:
    assert spans_to_text(spans) == text


@pytest.mark.parametrize("text", ["~0:nonsense", "a-b", "~"])
def test_a_text_that_is_no_set_is_unreadable_state(text: str) -> None:
    broken = encode(Group(GroupKey("a"))).replace('"failed":""', f'"failed":"{text}"')
    with pytest.raises(UnreadableState):
        decode(Group, broken)


def _every(step: int) -> Ranges:
    return Ranges.collect(range(0, MOST, step))


def _chance(seed: int, share: float) -> Ranges:
    random = Random(seed)
    return Ranges.collect(member for member in range(MOST) if random.random() < share)


SPENT = Terms(1, 2, spent=(("host", 5), ("image_transient", 5), ("resource_init", 5), ("spot", 10)))
PATTERNS = {
    "every second": _every(2),
    "every tenth": _every(10),
    "half, by chance": _chance(1, 0.5),
    "one in a hundred, by chance": _chance(2, 0.01),
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_hundred_thousand_tasks_with_any_pattern_of_failures_fit_into_an_item(pattern: str) -> None:
    """Of those that failed by the pattern, by chance, some wait, some are tried again for the second time or the 16th,
    some have won since or are lost; those that did not fail have won, with two ways on, or are still open in one of ten
    arrays."""
    failing, everybody, random = PATTERNS[pattern], Ranges.upto(MOST), Random(4)
    places: list[list[int]] = [[] for _ in range(40)]
    for member in failing:
        random.choice(places).append(member)
    parts = [Ranges.collect(place) for place in places]
    left = _every(3) - failing
    first = tuple(
        Submission(1, part, part & left, light=False, submitted_at=1.8e9, job_id="j" * 36, told=part & failing)
        for part in everybody.chunks(10_000)
    )
    again = tuple(
        Submission(attempt, part, part, False, 1.8e9, "j" * 36, "n" * 100, terms=SPENT, first=attempt, told=part)
        for attempt in range(2, 18)
        for part in parts[attempt].chunks(10_000)
    )
    waits = tuple(Wait(attempt, parts[20 + attempt], 1.8e9, SPENT, attempt) for attempt in range(2, 8))
    won = {1: everybody - failing - left} | {attempt: parts[28 + attempt] for attempt in range(2, 11)}
    history = tuple(
        FailedAttempt(member, 1, 1.8e9, Failure("program", "x" * 500, 1), budget="free: unknown_outcome 1 of 2")
        for member in range(50)
    )
    group = Group(
        GroupKey("work", (0,)), first + again, waits, won, parts[39], {0: failing, 1: everybody - failing}, {}, history
    )
    assert decode(Group, encode(group)) == group
    stored: Any = group_item("run", group)
    assert sum(len(text.encode()) for value in stored.values() for text in value.values()) < ITEM_LIMIT


def test_as_many_tasks_that_each_start_a_foreach_of_their_own_size_fit_as_well() -> None:
    random = Random(3)
    fanout = {member: random.randrange(MOST) for member in range(MOST)}
    group = Group(GroupKey("start", (0,)), won={1: Ranges.upto(MOST)}, fanout=fanout)
    assert len(encode(group).encode()) < ITEM_LIMIT
    assert decode(Group, encode(group)) == group
