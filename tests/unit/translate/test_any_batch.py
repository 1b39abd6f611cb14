"""For any `batch` at all: what is accepted, AWS takes; what is refused names the culprit."""

import json
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from steprelay_core.ports import Platform
from steprelay_core.spec import Batch, Problem, SpecError
from steprelay_core.state.ranges import Ranges
from steprelay_core.translate import Defaults, TranslateError
from tests.unit.translate.batches import anything, likely
from tests.unit.translate.platform_rules import faults, the_overrides
from tests.unit.translate.requests import DEFAULTS, a_flow, a_submission, model_faults, request

platforms: st.SearchStrategy[Platform] = st.sampled_from(["ec2", "fargate"])
relays = st.sampled_from(
    [
        DEFAULTS,
        Defaults(),
        Defaults("q", "relay/image", None, "execution", "registry.example.com", {"Team": "a,b", "x": "y"}),
        Defaults("q", None, "role", None, "r:5000", {"aws:x": ";"}),
    ]
)

SECRET = "arn:aws:ssm:us-east-1:123456789012:parameter/a"
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
    "trainium": ({}, 0, 1),
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
    "host_volumes": ({}, "/a:/b", "/a:/b:ro"),
    "efs_volumes": ({}, "fs-1:/b", "fs-1:/b:ro"),
    "secrets": ({}, {}, {"A": SECRET}),
    "architecture": ({}, None, "x86_64"),
    "ulimits": ({}, {"nofile": [1, 2]}, {"nofile": 2}),
    "share_identifier": ({}, "a", "b"),
    "scheduling_priority": ({"share_identifier": "a"}, None, 0),
    "num_parallel": ({}, 1, 2),
    "max_memory": ({}, None, 8192),
    "round_up": ({"cpu": 3, "memory": 9000}, False, True),
}
FARGATE_ONLY = ("ephemeral_storage", "architecture")


def test_every_parameter_of_batch_takes_part() -> None:
    assert set(anything) == set(likely) == set(PAIRS) == set(Batch.model_fields)


@settings(deadline=None, max_examples=400)
@given(
    st.fixed_dictionaries({}, optional=anything) | st.fixed_dictionaries({}, optional=likely),
    platforms,
    relays,
    st.integers(1, 10_000),
    st.integers(0, 3),
)
def test_what_is_accepted_passes_botocore_and_the_platforms_rules(
    batch: dict[str, Any], platform: Platform, relay: Defaults, size: int, term: int
) -> None:
    members = Ranges.upto(size if batch.get("num_parallel", 0) < 2 else 1)
    submission = a_submission(members, queue=term, growth=term)
    try:
        made = request(a_flow(batch), platform, submission=submission, defaults=relay)
    except SpecError:
        return
    event(f"accepted by {platform}")
    assert model_faults(made) == ""
    assert faults(made.definition, made.submit, platform) == []
    assert len(json.dumps(the_overrides(made.submit))) <= 8_192


@settings(deadline=None, max_examples=400)
@given(st.fixed_dictionaries({}, optional=anything), platforms)
def test_what_is_refused_is_accepted_without_the_parameters_that_were_named(
    batch: dict[str, Any], platform: Platform
) -> None:
    kept = batch
    # Two readings: the spec's own, which is all that a spec is told which fails it, and the platform's.
    for _ in range(2):
        named = _named({problem.path for problem in _found(kept, platform)})
        assert not named or named & kept.keys()
        kept = {name: value for name, value in kept.items() if name not in named}
    assert request(a_flow(kept), platform)


def _found(batch: dict[str, Any], platform: Platform) -> tuple[Problem, ...]:
    try:
        request(a_flow(batch), platform)
    except SpecError as error:
        event(f"refused by {type(error).__name__}")
        return error.problems
    return ()


def _named(paths: set[str]) -> set[str]:
    """The parameters in these paths; vCPUs and memory are one culprit, by whichever of them they are named."""
    named = {path.split(".")[3] for path in paths}
    sizes = {"cpu", "memory", "max_memory"}
    return named | sizes if named & sizes else named


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.text(max_size=3_000), min_size=1, max_size=4),
    st.dictionaries(st.from_regex(r"[A-Z]{1,9}", fullmatch=True), st.text(max_size=3_000), max_size=4),
    st.sampled_from([0, 3]),
)
def test_overrides_are_never_longer_than_batch_takes(
    command: list[str], environment: dict[str, str], nodes: int
) -> None:
    batch = {"image": "i", "num_parallel": nodes}
    try:
        made = request(a_flow(batch, package=False, command=command, environment=environment))
    except TranslateError as error:
        refused = {problem.path for problem in error.problems}
    else:
        event("accepted")
        assert faults(made.definition, made.submit, "ec2") == []
        return
    assert refused <= {"steps.train.command", "steps.train.environment"}


@pytest.mark.parametrize("name", PAIRS)
def test_another_value_of_any_parameter_is_another_request(name: str) -> None:
    others, one, other = PAIRS[name]
    platform: Platform = "fargate" if name in (*FARGATE_ONLY, "round_up") else "ec2"
    submission = a_submission(growth=1)
    if name == "round_up":
        with pytest.raises(TranslateError):
            request(a_flow({**others, name: one}), platform)
        assert request(a_flow({**others, name: other}), platform)
        return
    requests = [request(a_flow({**others, name: each}), platform, submission=submission) for each in (one, other)]
    assert requests[0] != requests[1]
