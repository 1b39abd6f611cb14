"""For any `batch` at all: what is accepted, AWS takes; what is refused names the culprit."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steprelay.local.batch.rules import check_definition, check_resources, check_submission, resources
from steprelay_core.ports import Platform
from steprelay_core.spec import Batch
from steprelay_core.state.ranges import Ranges
from steprelay_core.translate import TranslateError
from steprelay_core.translate.request import OVERRIDES_LIMIT
from tests.unit.translate.compact import compact
from tests.unit.translate.requests import a_flow, a_submission, model_faults, request

platforms: st.SearchStrategy[Platform] = st.sampled_from(["ec2", "fargate"])
words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
values: dict[str, st.SearchStrategy[Any]] = {
    "cpu": st.sampled_from([0.25, 0.5, 1, 1.5, 2, 2.0, 4, 8, 16, 32, 96]),
    "memory": st.sampled_from([4, 512, 1024, 2048, 4096, 8192, 16384, 61440, 249856]) | st.integers(4, 10**6),
    "gpu": st.integers(0, 8),
    "image": words,
    "queue": words,
    "iam_role": words,
    "execution_role": words,
    "shared_memory": st.integers(1, 10**6),
    "max_swap": st.integers(0, 10**6),
    "swappiness": st.integers(0, 100),
    "inferentia": st.integers(0, 16),
    "efa": st.integers(0, 32),
    "use_tmpfs": st.booleans(),
    "tmpfs_tempdir": st.booleans(),
    "tmpfs_size": st.integers(1, 10**6),
    "tmpfs_path": words.map(lambda word: f"/{word}"),
    "ephemeral_storage": st.integers(21, 200),
    "aws_batch_tags": st.dictionaries(
        st.text("aZ:,; é中", min_size=1, max_size=5).filter(lambda key: not key.startswith("aws:")),
        st.text("aZ:,; é中", max_size=5),
        max_size=3,
    ),
    "log_driver": st.sampled_from(["awslogs", "splunk", "fluentd", "papyrus"]),
    "log_options": st.dictionaries(words, words, max_size=2),
    "privileged": st.booleans(),
}
batches = st.fixed_dictionaries({}, optional=values)


# For each parameter two values, and what else must be given for them to matter.
PAIRS: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "cpu": ({}, 1, 2),
    "memory": ({}, 1024, 2048),
    "gpu": ({}, 0, 1),
    "image": ({}, "a", "b"),
    "queue": ({}, "a", "b"),
    "iam_role": ({}, "a", "b"),
    "execution_role": ({}, "a", "b"),
    "shared_memory": ({}, 1, 2),
    "max_swap": ({}, None, 0),
    "swappiness": ({"max_swap": 1}, None, 0),
    "inferentia": ({}, 0, 1),
    "efa": ({}, 0, 1),
    "use_tmpfs": ({}, False, True),
    "tmpfs_tempdir": ({"use_tmpfs": True}, False, True),
    "tmpfs_size": ({}, None, 1),
    "tmpfs_path": ({"use_tmpfs": True}, "/a", "/b"),
    "ephemeral_storage": ({}, None, 21),
    "aws_batch_tags": ({}, {"a": "b"}, {"a": "c"}),
    "log_driver": ({}, None, "awslogs"),
    "log_options": ({}, {}, {"a": "b"}),
    "privileged": ({}, False, True),
}


def test_every_parameter_of_batch_takes_part() -> None:
    assert set(values) == set(PAIRS) == set(Batch.model_fields)


@settings(deadline=None)
@given(batches, platforms, st.integers(1, 10_000))
def test_what_is_accepted_passes_botocore_and_the_platforms_rules(
    batch: dict[str, Any], platform: Platform, size: int
) -> None:
    try:
        made = request(a_flow(batch), platform, submission=a_submission(Ranges.upto(size)))
    except TranslateError:
        return
    submit = {**made.submit, "jobDefinition": made.definition["jobDefinitionName"]}
    assert model_faults(made) == ""
    assert check_definition(made.definition) == []
    assert check_submission(submit) == []
    assert check_resources(resources(submit["containerOverrides"]), [platform.upper()]) == []
    assert len(compact(submit["containerOverrides"])) <= OVERRIDES_LIMIT
    container = made.definition["containerProperties"]
    if platform == "fargate":
        assert not {"linuxParameters", "privileged", "ulimits"} & container.keys()
        assert container["executionRoleArn"]
        assert container.get("logConfiguration", {}).get("logDriver", "awslogs") in ("awslogs", "splunk")
    else:
        assert not {"networkConfiguration", "fargatePlatformConfiguration", "ephemeralStorage"} & container.keys()


@settings(deadline=None)
@given(batches, platforms)
def test_what_is_refused_is_accepted_without_the_parameters_that_were_named(
    batch: dict[str, Any], platform: Platform
) -> None:
    try:
        request(a_flow(batch), platform)
    except TranslateError as error:
        named = {problem.path.split(".")[3] for problem in error.problems}
        # A pair is named by its cpu.
        named |= {"memory"} if "cpu" in named else set()
        kept = {name: value for name, value in batch.items() if name not in named}
        assert kept != batch
        # The defaults of cpu and memory may not go together with what is kept of the two.
        assert request(a_flow(kept), platform)


@pytest.mark.parametrize("name", PAIRS)
def test_another_value_of_any_parameter_is_another_request(name: str) -> None:
    others, one, other = PAIRS[name]
    platform: Platform = "fargate" if name == "ephemeral_storage" else "ec2"
    assert request(a_flow({**others, name: one}), platform) != request(a_flow({**others, name: other}), platform)
