"""Where each part of a request comes from, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest

from steprelay.local.batch.rules import FARGATE_MEMORY
from steprelay_core.ports import Platform
from steprelay_core.spec import SpecError, validate_spec
from steprelay_core.state.model import GroupKey
from steprelay_core.state.ranges import Ranges
from steprelay_core.translate import Defaults, TranslateError, translate
from steprelay_core.translate.fargate import FARGATE_PAIRS
from tests.unit.translate.requests import DEFAULTS, POINTERS, a_flow, a_submission, request


def problems(platform: Platform, batch: dict[str, Any], *, defaults: Defaults = DEFAULTS, **step: Any) -> list[str]:
    with pytest.raises(TranslateError) as raised:
        request(a_flow(batch, **step), platform, defaults=defaults)
    assert {problem.step for problem in raised.value.problems} == {"train"}
    return [str(problem) for problem in raised.value.problems]


def container(batch: dict[str, Any], platform: Platform = "ec2", defaults: Defaults = DEFAULTS) -> dict[str, Any]:
    made: dict[str, Any] = request(a_flow(batch), platform, defaults=defaults).definition["containerProperties"]
    return made


def test_the_image_is_the_steps_before_the_relays_before_the_packagers_python() -> None:
    relay = replace(DEFAULTS, image="relay-image")
    assert container({"image": "step-image"}, defaults=relay)["image"] == "step-image"
    assert container({}, defaults=relay)["image"] == "relay-image"
    assert container({})["image"] == "python:3.12"


def test_without_a_python_class_the_image_is_some_python() -> None:
    steps = {"start": {"command": ["./run.sh"], "batch": {}}}
    flow = validate_spec({"spec_version": 1, "flow": "Demo", "steps": steps})
    assert request(flow).definition["containerProperties"]["image"] == "python:3.13"


def test_queue_and_roles_are_the_steps_before_the_relays() -> None:
    own = {"queue": "mine", "iam_role": "my-role", "execution_role": "my-execution"}
    assert request(a_flow(own)).queue == "mine"
    assert request(a_flow()).queue == "relay-queue"
    assert [container(own)[name] for name in ("jobRoleArn", "executionRoleArn")] == ["my-role", "my-execution"]
    assert container({})["jobRoleArn"] == DEFAULTS.iam_role


def test_roles_that_nobody_names_are_left_out() -> None:
    assert not {"jobRoleArn", "executionRoleArn"} & container({}, defaults=Defaults(queue="q")).keys()


def test_a_step_without_any_queue_is_told_both_ways_to_name_one() -> None:
    (problem,) = problems("ec2", {}, defaults=replace(DEFAULTS, queue=None))
    assert problem.startswith("steps.train.batch.queue: ")
    assert "@batch(queue=…)" in problem
    assert "STEPRELAY_BATCH_JOB_QUEUE" in problem


def test_fargate_without_any_execution_role_is_told_both_ways_to_name_one() -> None:
    (problem,) = problems("fargate", {}, defaults=replace(DEFAULTS, execution_role=None))
    assert "@batch(execution_role=…)" in problem
    assert "STEPRELAY_ECS_FARGATE_EXECUTION_ROLE" in problem


@pytest.mark.parametrize(
    ("cpu", "memory", "offered"),
    [
        (3, 5000, "cpu=4 memory=8192"),
        (1, 1024, "cpu=1 memory=2048"),
        (1, 16384, "cpu=2 memory=16384"),
        (0.25, 4096, "cpu=0.5 memory=4096"),
        (0.3, 512, "cpu=0.5 memory=1024"),
        (64, 500_000, "cpu=32 memory=249856"),
        (16, 36_000, "cpu=16 memory=40960"),
    ],
)
def test_an_invalid_fargate_pair_is_offered_the_smallest_that_has_enough_first(
    cpu: float, memory: int, offered: str
) -> None:
    (problem,) = problems("fargate", {"cpu": cpu, "memory": memory})
    assert f"{cpu:g} vCPU and {memory} MiB" in problem
    assert f"nearest: {offered}, cpu=" in problem


def test_the_fargate_pairs_are_those_that_the_local_batch_takes() -> None:
    """Two tables, written independently from AWS's documentation."""
    assert {vcpus: frozenset(sizes) for vcpus, sizes in FARGATE_PAIRS.items()} == FARGATE_MEMORY


def test_everything_that_fargate_does_not_do_is_said_at_once() -> None:
    found = problems(
        "fargate",
        {
            "cpu": 3,
            "gpu": 1,
            "inferentia": 1,
            "efa": 1,
            "privileged": True,
            "shared_memory": 64,
            "max_swap": 0,
            "swappiness": 0,
            "use_tmpfs": True,
            "tmpfs_size": 64,
            "log_driver": "gelf",
        },
        defaults=Defaults(queue="q"),
    )
    named = {problem.partition(":")[0].removeprefix("steps.train.batch.") for problem in found}
    assert named == {
        "cpu",
        "gpu",
        "inferentia",
        "efa",
        "privileged",
        "shared_memory",
        "max_swap",
        "swappiness",
        "use_tmpfs",
        "tmpfs_size",
        "log_driver",
        "execution_role",
    }
    assert all("Fargate" in problem for problem in found)


@pytest.mark.parametrize(("cpu", "text"), [(1, "1"), (2.0, "2"), (1_234_567, "1234567")])
def test_vcpus_are_written_as_batch_reads_them(cpu: float, text: str) -> None:
    sizes = request(a_flow({"cpu": cpu})).submit["containerOverrides"]["resourceRequirements"]
    assert sizes[0] == {"type": "VCPU", "value": text}


def test_an_unknown_log_driver_is_told_the_known_ones() -> None:
    (problem,) = problems("ec2", {"log_driver": "papyrus"})
    assert "no log driver 'papyrus'" in problem
    assert "awslogs, fluentd" in problem


def test_the_relays_own_image_is_held_to_batchs_length() -> None:
    (problem,) = problems("ec2", {}, defaults=replace(DEFAULTS, image="i" * 256))
    assert "255 characters, the image has 256" in problem


def test_fifty_tags_are_the_limit_with_ours_among_them() -> None:
    assert len(request(a_flow({"aws_batch_tags": {f"t{n}": "" for n in range(47)}})).submit["tags"]) == 50
    (problem,) = problems("ec2", {"aws_batch_tags": {f"t{n}": "" for n in range(48)}})
    assert "room for 47 tags beside ours, given 48" in problem


def test_a_reserved_prefix_and_foreign_signs_in_tags_are_all_named() -> None:
    found = problems("ec2", {"aws_batch_tags": {"AWS:a": "ok", "steprelay:run": "ok", "b": "x,y;z"}})
    assert len(found) == 3
    assert "'AWS' is reserved" in found[0]
    assert "'steprelay' is reserved" in found[1]
    assert "cannot hold , ;" in found[2]


def test_everything_that_can_be_overridden_leaves_the_definition_alone() -> None:
    one = a_flow({"cpu": 1, "memory": 512})
    other = a_flow(
        {"cpu": 8, "memory": 65536, "gpu": 4, "queue": "fast", "aws_batch_tags": {"a": "b"}},
        name="Other",
        step="other",
        timeout_seconds=90,
        environment={"A": "b"},
    )
    again = replace(POINTERS, run="Other-1", brief="s3://b/other.json", bundle="s3://b/other.zip")
    later = a_submission(Ranges.upto(4), attempt=3)
    assert request(one).definition == request(other, pointers=again, submission=later, path=(0,)).definition


def test_another_bootstrap_is_another_definition() -> None:
    newer = request(a_flow(), pointers=replace(POINTERS, bootstrap="print('newer')")).definition
    assert newer["jobDefinitionName"] != request(a_flow()).definition["jobDefinitionName"]


def test_a_single_member_is_a_job_and_more_are_an_array() -> None:
    assert "arrayProperties" not in request(a_flow(), submission=a_submission(Ranges.of(7))).submit
    array = request(a_flow(), submission=a_submission(Ranges.of(3, 8))).submit
    assert array["arrayProperties"] == {"size": 2}


def test_more_members_than_an_array_holds_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="10000 children, asked for 10001"):
        request(a_flow(), submission=a_submission(Ranges.upto(10_001)))


def test_a_light_step_has_no_request() -> None:
    flow = validate_spec({"spec_version": 1, "flow": "Demo", "steps": {"start": {"command": ["true"]}}})
    with pytest.raises(ValueError, match="light step"):
        translate(flow, GroupKey("start"), a_submission(), "ec2", DEFAULTS, POINTERS)


def test_an_event_can_find_its_task_from_the_jobs_parameters() -> None:
    made = request(a_flow(), path=(0, 17), submission=a_submission(Ranges.of(3, 8), attempt=2))
    assert made.submit["parameters"] == {
        "relay": "relay",
        "flow": "Demo",
        "run": "Demo-5f2a",
        "step": "train",
        "path": "0.17",
        "submission": "2-3",
    }


@pytest.mark.parametrize(
    ("batch", "tempdir"),
    [
        ({"use_tmpfs": True}, "/steprelay_temp"),
        ({"use_tmpfs": True, "tmpfs_path": "/fast"}, "/fast"),
        ({"tmpfs_size": 64}, "/steprelay_temp"),
        ({"use_tmpfs": True, "tmpfs_tempdir": False}, None),
        ({"tmpfs_path": "/fast"}, None),
        ({}, None),
    ],
)
def test_the_tmpfs_is_the_temporary_folder_unless_it_is_not_to_be(batch: dict[str, Any], tempdir: str | None) -> None:
    assert request(a_flow(batch)).tempdir == tempdir


def test_a_step_without_the_runner_brings_its_command_and_environment_itself() -> None:
    flow = a_flow({"image": "i"}, command=["train", "--fast"], package=False, environment={"A": "b"})
    made = request(flow)
    overrides = made.submit["containerOverrides"]
    assert overrides["command"] == ["train", "--fast"]
    assert overrides["environment"] == [{"name": "A", "value": "b"}]
    assert "command" not in made.definition["containerProperties"]


def test_overrides_that_batch_would_only_refuse_later_are_refused_now() -> None:
    long = ["train", "x" * 8_192]
    (problem,) = problems("ec2", {"image": "i"}, command=long, package=False)
    assert problem.startswith("steps.train.command: Batch takes 8192 characters")
    assert request(a_flow({"image": "i"}, command=["train", "x" * 7_900], package=False))


def test_a_command_in_the_package_may_be_as_long_as_it_likes() -> None:
    assert request(a_flow(command=["train", "x" * 100_000]))


def test_a_definition_longer_than_batch_takes_is_refused() -> None:
    (problem,) = problems("ec2", {"log_options": {"tag": "x" * 25_000}})
    assert "at most 24576 characters" in problem


def test_words_that_batch_would_rewrite_or_refuse_are_said_at_once() -> None:
    found = problems("ec2", {"image": "i"}, command=["echo", "", "a=Ref::run"], package=False)
    assert len(found) == 2
    assert "no empty words" in found[0]
    assert "`Ref::` in 'a=Ref::run'" in found[1]


def test_without_the_runner_a_timeout_below_batchs_own_is_refused() -> None:
    (problem,) = problems("ec2", {"image": "i"}, command=["true"], package=False, timeout_seconds=59)
    assert "at least 60 s, given 59" in problem


def test_batch_retries_the_machine_only_and_its_list_is_closed() -> None:
    strategy = request(a_flow()).submit["retryStrategy"]
    *retried, last = strategy["evaluateOnExit"]
    assert last == {"onReason": "*", "action": "EXIT"}
    assert len(retried) <= 4
    assert all(rule["action"] == "RETRY" for rule in retried)


def test_a_translation_error_can_be_shown_like_any_error_of_a_spec() -> None:
    with pytest.raises(SpecError, match=r"steps\.train\.batch\.cpu: EC2 jobs take whole vCPUs, given 1\.5"):
        request(a_flow({"cpu": 1.5}))
