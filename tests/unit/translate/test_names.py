"""Names that AWS Batch takes, and that never stand for two things."""

import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from steprelay_core.translate import job_name
from steprelay_core.translate.names import definition_name

LEGAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=70)
splits = st.lists(st.integers(0, 10**6), min_size=1, max_size=6).map(lambda path: ".".join(map(str, path)))
identities = st.tuples(texts, texts, texts, splits, st.integers(1, 99))


@settings(deadline=None)
@given(identities)
def test_a_job_name_is_legal_whatever_the_flow_and_step_are_called(identity: tuple[str, str, str, str, int]) -> None:
    assert LEGAL.fullmatch(job_name(*identity))


@settings(deadline=None)
@given(identities, identities)
def test_two_submissions_never_share_a_job_name(
    one: tuple[str, str, str, str, int], other: tuple[str, str, str, str, int]
) -> None:
    assume(one != other)
    assert job_name(*one).lower() != job_name(*other).lower()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("F", "a-b", "F-1", "0", 1), ("F", "b", "F-1-a", "0", 1)),
        (("F", "a", "F-1", "0.1", 1), ("F", "a", "F-1", "0_1", 1)),
        (("F", "größe", "F-1", "0", 1), ("F", "grosse", "F-1", "0", 1)),
        (("F", "a", "F-1", "0", 1), ("F", "a", "F-1", "0", 11)),
    ],
)
def test_names_that_look_alike_once_made_legal_stay_apart(
    one: tuple[str, str, str, str, int], other: tuple[str, str, str, str, int]
) -> None:
    assert job_name(*one) != job_name(*other)


def test_a_job_name_is_always_the_same_and_can_be_read() -> None:
    name = job_name("Demo", "train", "Demo-5f2a", "0.3", 2)
    assert name == job_name("Demo", "train", "Demo-5f2a", "0.3", 2)
    assert name.startswith("Demo-5f2a-train-0_3-2-")


def test_accents_are_dropped_and_other_scripts_replaced() -> None:
    assert job_name("F", "é中", "R", "0", 1).startswith("R-e_-0-1-")


def test_attempt_and_hash_survive_the_longest_names() -> None:
    longest = job_name("f" * 64, "s" * 64, "r" * 90, ".".join(["123456"] * 9), 12)
    assert len(longest) == 128
    assert re.search(r"-12-[0-9a-f]{10}$", longest)


def test_a_definitions_name_does_not_depend_on_the_order_of_keys() -> None:
    one = {"type": "container", "containerProperties": {"image": "i", "privileged": True}}
    other = {"containerProperties": {"privileged": True, "image": "i"}, "type": "container"}
    assert definition_name(one) == definition_name(other)


def test_a_definitions_name_is_a_hash_that_depends_on_every_value() -> None:
    contents: list[dict[str, Any]] = [{"image": "a"}, {"image": "b"}, {"image": "a", "privileged": False}, {}]
    names = {definition_name(content) for content in contents}
    assert len(names) == 4
    assert all(re.fullmatch(r"steprelay-[0-9a-f]{32}", name) for name in names)
