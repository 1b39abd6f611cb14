"""The rules of merge_artifacts."""

import pytest

from steprelay.sdk.binding import Ref
from steprelay.sdk.exceptions import MergeConflict, MissingInMerge
from steprelay.sdk.merge import merge

ONE, TWO = Ref("1", 1, "int"), Ref("2", 1, "int")


def test_what_only_one_input_has_and_what_all_agree_in_is_taken() -> None:
    assert merge("join", [{"a": ONE, "same": TWO}, {"b": TWO, "same": TWO}], own=()) == {
        "a": ONE,
        "b": TWO,
        "same": TWO,
    }


def test_all_conflicts_are_named_and_nothing_is_merged() -> None:
    with pytest.raises(MergeConflict, match="step 'join' cannot merge a, b: the values differ"):
        merge("join", [{"b": ONE, "a": ONE, "c": ONE}, {"a": TWO, "b": TWO, "c": ONE}], own=())


def test_what_the_join_has_set_itself_is_its_own() -> None:
    assert merge("join", [{"a": ONE}, {"a": TWO}], own={"a"}) == {}


def test_excluded_artifacts_are_left_out_and_cannot_conflict() -> None:
    assert merge("join", [{"a": ONE, "b": ONE}, {"a": TWO}], own=(), exclude=["a"]) == {"b": ONE}


def test_only_included_artifacts_are_taken() -> None:
    assert merge("join", [{"a": ONE, "b": ONE}, {"a": ONE, "b": TWO}], own=(), include=["a"]) == {"a": ONE}


def test_an_included_artifact_that_no_input_has_is_an_error() -> None:
    with pytest.raises(MissingInMerge, match="step 'join' cannot merge c: no input has such artifacts"):
        merge("join", [{"a": ONE}], own=(), include=["a", "c"])


def test_an_included_artifact_that_the_join_has_set_is_not_missing() -> None:
    assert merge("join", [{}], own={"c"}, include=["c"]) == {}


def test_include_and_exclude_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="`include` or `exclude`, not both"):
        merge("join", [], own=(), include=["a"], exclude=["b"])
