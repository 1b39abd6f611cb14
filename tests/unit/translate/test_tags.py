"""The tags of a job: whose they are, how many, and of which characters."""

from dataclasses import replace

import pytest

from steprelay_core.ports import Platform
from tests.unit.translate.requests import DEFAULTS, a_flow, problems, request


def test_the_steps_tags_lie_over_the_relays_and_ours_over_both() -> None:
    relay = replace(DEFAULTS, tags={"Team": "data", "Stage": "prod"})
    made = request(a_flow({"aws_batch_tags": {"Team": "ml", "Project": "x"}}), defaults=relay)
    assert made.submit["tags"] == {
        "Team": "ml",
        "Stage": "prod",
        "Project": "x",
        "steprelay:flow": "Demo",
        "steprelay:run": "Demo-5f2a",
        "steprelay:step": "train",
    }


def test_fifty_tags_are_the_limit_with_ours_among_them() -> None:
    assert len(request(a_flow({"aws_batch_tags": {f"t{n}": "" for n in range(47)}})).submit["tags"]) == 50
    (problem,) = problems("ec2", {"aws_batch_tags": {f"t{n}": "" for n in range(48)}})
    assert "room for 47 tags beside ours, given 48" in problem


def test_the_relays_tags_count_once_each() -> None:
    own = {f"t{n}": "" for n in range(46)}
    assert request(a_flow({"aws_batch_tags": own}), defaults=replace(DEFAULTS, tags={"t0": "", "u": ""}))
    (problem,) = problems("ec2", {"aws_batch_tags": own}, defaults=replace(DEFAULTS, tags={"u": "", "v": ""}))
    assert "given 46 and the relay's 2" in problem


@pytest.mark.parametrize("text", ["a=b", "größe", "大 小", "x_.:/=+-@9", "½Ⅷ", ""])
def test_letters_digits_spaces_and_some_signs_survive_and_reach_the_task(text: str) -> None:
    made = request(a_flow({"aws_batch_tags": {f"k{text}": text}})).submit
    assert made["tags"][f"k{text}"] == text
    assert made["propagateTags"] is True


@pytest.mark.parametrize("tag", [("a,b", "c"), ("a", "b,c")])
def test_a_comma_survives_on_the_job_but_is_kept_from_its_task_which_could_not_start(tag: tuple[str, str]) -> None:
    made = request(a_flow({"aws_batch_tags": dict([tag])})).submit
    assert made["tags"][tag[0]] == tag[1]
    assert made["propagateTags"] is False


def test_a_reserved_prefix_and_foreign_signs_in_tags_are_all_named() -> None:
    tags = {"AWS:a": "ok", "steprelay:run": "ok", "b": "x;y|z", "c": "Aws:value", "d": "a\tb"}
    found = problems("ec2", {"aws_batch_tags": tags})
    assert len(found) == 5
    assert "steps.train.batch.aws_batch_tags.AWS:a: the prefix 'AWS:' of a tag is reserved" in found[0]
    assert "'steprelay:' of a tag is reserved" in found[1]
    assert "cannot hold ; |, given 'x;y|z'" in found[2]
    assert "'Aws:' of a tag is reserved, given 'Aws:value'" in found[3]
    assert r"cannot hold '\t'" in found[4]


@pytest.mark.parametrize("platform", ["ec2", "fargate"])
def test_the_relays_tags_are_checked_too_and_called_the_relays(platform: Platform) -> None:
    relay = replace(DEFAULTS, tags={"k" * 129: "v" * 257, "": "x", "a": "b;"})
    found = problems(platform, {}, defaults=relay)
    assert len(found) == 4
    assert all("(one of the relay's default tags)" in problem for problem in found)
    assert any("a tag's key has at most 128 characters" in problem for problem in found)
    assert any("a tag's value has at most 256 characters" in problem for problem in found)


def test_a_relays_tag_that_the_step_replaces_is_nobodys_problem() -> None:
    assert request(a_flow({"aws_batch_tags": {"a": "fine"}}), defaults=replace(DEFAULTS, tags={"a": "b;"}))
