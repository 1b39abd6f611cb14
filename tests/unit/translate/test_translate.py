"""Where each part of a request comes from, and what is refused."""

import re
from dataclasses import replace
from typing import Any

import pytest

from steprelay_core.spec import Batch, SpecError, validate_spec
from steprelay_core.state.model import GroupKey, Terms
from steprelay_core.state.ranges import Ranges
from steprelay_core.translate import Defaults, queue_in_use, translate
from tests.unit.translate.requests import DEFAULTS, POINTERS, a_flow, a_submission, container, problems, request


def test_queue_and_roles_are_the_steps_before_the_relays() -> None:
    own = {"queue": "mine", "iam_role": "my-role", "execution_role": "my-execution"}
    assert request(a_flow(own)).queue == "mine"
    assert request(a_flow()).queue == "relay-queue"
    assert [container(own)[name] for name in ("jobRoleArn", "executionRoleArn")] == ["my-role", "my-execution"]
    assert container({})["jobRoleArn"] == DEFAULTS.iam_role


def test_roles_that_nobody_names_are_left_out() -> None:
    assert not {"jobRoleArn", "executionRoleArn"} & container({}, defaults=Defaults(queue="q")).keys()


@pytest.mark.parametrize(("position", "queue"), [(0, "spot"), (1, "on-demand"), (7, "on-demand")])
def test_an_attempt_goes_to_the_queue_of_its_terms_and_to_the_last_beyond_them(position: int, queue: str) -> None:
    queues = ["spot", "on-demand"]
    assert request(a_flow({"queue": queues}), submission=a_submission(queue=position)).queue == queue
    assert queue_in_use(Batch(queue=queues), Terms(queue=position), DEFAULTS) == queue


def test_a_step_without_queues_of_its_own_has_the_relays_or_none() -> None:
    assert queue_in_use(Batch(), Terms(queue=3), DEFAULTS) == "relay-queue"
    assert queue_in_use(Batch(), Terms(), Defaults()) is None


def test_a_step_without_any_queue_is_told_both_ways_to_name_one() -> None:
    (problem,) = problems("ec2", {}, defaults=replace(DEFAULTS, queue=None))
    assert problem.startswith("steps.train.batch.queue: ")
    assert "@batch(queue=…)" in problem
    assert "STEPRELAY_BATCH_JOB_QUEUE" in problem


def test_fargate_without_any_execution_role_is_told_both_ways_to_name_one() -> None:
    (problem,) = problems("fargate", {}, defaults=replace(DEFAULTS, execution_role=None))
    assert "@batch(execution_role=…)" in problem
    assert "STEPRELAY_ECS_FARGATE_EXECUTION_ROLE" in problem


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
            "host_volumes": ["/a", "/b"],
            "ulimits": {"nofile": 4},
            "num_parallel": 2,
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
        "host_volumes",
        "ulimits",
        "num_parallel",
    }
    assert all("Fargate" in problem for problem in found)
    assert any("Fargate has no `host_volumes`, given /a, /b" in problem for problem in found)
    assert any("Fargate has no `ulimits`, given nofile" in problem for problem in found)


def test_secrets_need_an_execution_role_on_ec2_too() -> None:
    batch = {"secrets": {"A": "arn:aws:ssm:eu-west-1:123456789012:parameter/a"}}
    assert container(batch)["executionRoleArn"]
    (problem,) = problems("ec2", batch, defaults=replace(DEFAULTS, execution_role=None))
    assert problem.startswith("steps.train.batch.secrets: ")
    assert "@batch(execution_role=…)" in problem


def test_a_secret_cannot_take_the_name_of_what_the_runner_needs() -> None:
    batch = {"image": "i", "secrets": {"STEPRELAY_BRIEF": "arn:aws:ssm:eu-west-1:123456789012:parameter/a"}}
    (problem,) = problems("ec2", batch)
    assert problem.startswith("steps.train.batch.secrets.STEPRELAY_BRIEF: ")
    assert request(a_flow(batch, command=["true"], package=False))


def test_efs_that_is_mounted_by_role_needs_one() -> None:
    batch = {"efs_volumes": [{"filesystem": "fs-1", "iam": True}, "fs-2"]}
    assert request(a_flow(batch))
    (problem,) = problems("ec2", batch, defaults=replace(DEFAULTS, iam_role=None))
    assert problem.startswith("steps.train.batch.efs_volumes: fs-1 is mounted with the job's role")


@pytest.mark.parametrize("limit", [[5, 4], [-1, 4]])
def test_a_soft_limit_above_the_hard_one_is_refused(limit: list[int]) -> None:
    (problem,) = problems("ec2", {"ulimits": {"nofile": limit, "core": [4, -1], "nproc": -1}})
    assert problem.startswith("steps.train.batch.ulimits.nofile: ")


def test_an_unknown_log_driver_is_told_the_known_ones() -> None:
    (problem,) = problems("ec2", {"log_driver": "papyrus"})
    assert "no log driver 'papyrus'" in problem
    assert "awslogs, fluentd" in problem


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


def test_no_order_in_which_things_are_written_makes_another_definition() -> None:
    arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/"
    written: dict[str, Any] = {
        "secrets": {"A": f"{arn}a", "B": f"{arn}b"},
        "ulimits": {"nofile": 4, "core": 0},
        "host_volumes": {"/a": "/mnt/a", "/b": "/mnt/b"},
        "efs_volumes": ["fs-1", "fs-2"],
        "log_options": ["tag:a", "env:b"],
    }
    backwards = {
        name: dict(reversed(value.items())) if isinstance(value, dict) else value[::-1]
        for name, value in reversed(written.items())
    }
    assert request(a_flow(written)).definition == request(a_flow(backwards)).definition


def test_two_relays_with_the_same_needs_share_a_definition() -> None:
    other = replace(POINTERS, relay="another")
    assert request(a_flow(), pointers=other).definition == request(a_flow()).definition


def test_another_bootstrap_is_another_definition() -> None:
    newer = request(a_flow(), pointers=replace(POINTERS, bootstrap="print('newer')")).definition
    assert newer["jobDefinitionName"] != request(a_flow()).definition["jobDefinitionName"]


def test_a_single_member_is_a_job_and_more_are_an_array() -> None:
    assert "arrayProperties" not in request(a_flow(), submission=a_submission(Ranges.of(7))).submit
    array = request(a_flow(), submission=a_submission(Ranges.of(3, 8))).submit
    assert array["arrayProperties"] == {"size": 2}


def test_all_nodes_of_a_multi_node_job_have_the_container_of_the_step() -> None:
    made = request(a_flow({"num_parallel": 4, "cpu": 8, "memory": 9000, "gpu": 1, "privileged": True}))
    ordinary = request(a_flow({"cpu": 8, "memory": 9000, "gpu": 1, "privileged": True}))
    assert made.definition["type"] == "multinode"
    assert made.definition["nodeProperties"] == {
        "numNodes": 4,
        "mainNode": 0,
        "nodeRangeProperties": [
            {"targetNodes": "0:", "container": ordinary.definition["containerProperties"]},
        ],
    }
    assert made.submit["nodeOverrides"] == {
        "numNodes": 4,
        "nodePropertyOverrides": [
            {"targetNodes": "0:", "containerOverrides": ordinary.submit["containerOverrides"]},
        ],
    }
    assert not {"containerOverrides", "arrayProperties"} & made.submit.keys()


@pytest.mark.parametrize("nodes", [0, 1])
def test_one_node_is_an_ordinary_job(nodes: int) -> None:
    assert request(a_flow({"num_parallel": nodes})) == request(a_flow())


def test_more_members_than_a_multi_node_job_has_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no array: it has at most 1 children, asked for 2"):
        request(a_flow({"num_parallel": 2}), submission=a_submission(Ranges.upto(2)))


def test_more_members_than_an_array_holds_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="10000 children, asked for 10001"):
        request(a_flow(), submission=a_submission(Ranges.upto(10_001)))


def test_a_light_step_has_no_request() -> None:
    flow = validate_spec({"spec_version": 1, "flow": "Demo", "steps": {"start": {"command": ["true"]}}})
    with pytest.raises(ValueError, match="light step"):
        translate(flow, GroupKey("start"), a_submission(), "ec2", DEFAULTS, POINTERS)


def test_a_job_of_a_later_lap_says_so_and_has_a_name_of_its_own() -> None:
    steps = {"train": {"batch": {}, "command": ["x"], "next": [{"to": ["train"]}, {"to": ["end"]}]}}
    flow = validate_spec(
        {"spec_version": 1, "flow": "Demo", "start": "train", "steps": {**steps, "end": {"command": ["x"]}}}
    )
    groups = [GroupKey("train", (), laps) for laps in ((), (1,), (12,))]
    made = [translate(flow, group, a_submission(), "ec2", DEFAULTS, POINTERS) for group in groups]
    assert [each.submit["parameters"].get("laps") for each in made] == [None, "1", "12"]
    assert len({each.submit["jobName"] for each in made}) == 3


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


def test_a_definition_longer_than_batch_takes_says_what_makes_it_long() -> None:
    volumes = [f"/data/{number:04}:/mnt/{number:04}" for number in range(100)]
    (problem,) = problems("ec2", {"log_options": {"tag": "x" * 25_000}, "host_volumes": volumes})
    assert problem.startswith("steps.train.batch.log_options: a job definition has at most 24576 characters")
    assert re.search(r"shorten log_options \(25\d{3}\), host_volumes \(\d+\)", problem)


def test_the_nodes_overrides_are_held_to_the_same_length() -> None:
    batch = {"image": "i", "num_parallel": 2}
    (problem,) = problems("ec2", batch, command=["train"], package=False, environment={"A": "x" * 8_192})
    assert problem.startswith("steps.train.environment: Batch takes 8192 characters")


def test_tags_that_make_a_request_longer_than_batch_takes_are_refused() -> None:
    (problem,) = problems("ec2", {"aws_batch_tags": {f"{number:02}" + "é" * 120: "é" * 256 for number in range(47)}})
    assert problem.startswith("steps.train.batch.aws_batch_tags: SubmitJob takes 30720 characters")


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
