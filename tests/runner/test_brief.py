"""Reading the brief."""

import json
from pathlib import Path

import pytest

from steprelay.runner.brief import BriefError, read_brief, task_of
from tests.runner.lab import Lab


def test_an_array_child_is_the_member_at_its_index(tmp_path: Path) -> None:
    brief = Lab(tmp_path).task("each", path=[0], members=[[2, 3], [7, 9]], attempt=2).brief
    assert [task_of(brief, index).member for index in range(5)] == [2, 3, 7, 8, 9]
    assert task_of(brief, 2).key("claim.json") == "runs/TheFlow-1/each/0.7/2/claim.json"


def test_a_single_job_is_the_only_member(tmp_path: Path) -> None:
    assert task_of(Lab(tmp_path).task("each", members=[[4, 4]]).brief, None).member == 4


@pytest.mark.parametrize(
    ("index", "message"), [(5, "array index 5 is beyond the 5 members"), (None, "the brief has 5 members, but this")]
)
def test_an_index_that_fits_no_member_is_refused(tmp_path: Path, index: int | None, message: str) -> None:
    brief = Lab(tmp_path).task("each", members=[[2, 3], [7, 9]]).brief
    with pytest.raises(BriefError, match=message):
        task_of(brief, index)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"brief_version": 3}, "version 3, this runner reads 1 and 2: update the relay"),
        ({"members": "x"}, "the brief cannot be read"),
        ({"inputs": {"kind": "magic"}}, "inputs of kind 'magic', known are none, same"),
    ],
)
def test_a_brief_that_cannot_be_used_says_why(tmp_path: Path, change: dict[str, object], message: str) -> None:
    document = {**Lab(tmp_path).brief("start"), **change}
    with pytest.raises(BriefError, match=message):
        read_brief(json.dumps(document).encode())


def test_keys_of_a_newer_dispatcher_are_left_alone(tmp_path: Path) -> None:
    document = {**Lab(tmp_path).brief("start"), "invented_later": 1}
    assert read_brief(json.dumps(document).encode()).step == "start"
