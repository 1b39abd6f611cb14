"""A whole flow looked through at once, as an upload is."""

from typing import Any

import pytest

from steprelay_core.ports import Platform
from steprelay_core.spec import Flow, Problem, SpecError, validate_spec
from steprelay_core.translate import Defaults, flow_problems
from tests.unit.translate.requests import DEFAULTS

PLATFORMS: dict[str, Platform] = {"spot": "ec2", "relay-queue": "ec2", "serverless": "fargate"}


def a_flow_of(**steps: dict[str, Any] | None) -> Flow:
    """Steps one after the other; None is a light step."""
    names = list(steps)
    return validate_spec(
        {
            "spec_version": 1,
            "flow": "Demo",
            "start": names[0],
            "entrypoint": {"file": "demo.py", "class_name": "Demo", "python": "3.12"},
            "steps": {
                name: ({"batch": batch} if batch is not None else {}) | ({"next": after} if after else {})
                for (name, batch), after in zip(steps.items(), [*names[1:], None], strict=True)
            },
        }
    )


def platform_of(queue: str) -> Platform:
    if queue not in PLATFORMS:
        raise SpecError([Problem("", f"there is no job queue {queue!r}")])
    return PLATFORMS[queue]


def found(flow: Flow, defaults: Defaults = DEFAULTS, **more: Any) -> list[str]:
    return [str(problem) for problem in flow_problems(flow, platform_of, defaults, **more)]


def test_a_flow_that_its_queues_take_has_no_problems() -> None:
    assert found(a_flow_of(start=None, train={"queue": ["spot", "serverless"]}, end={})) == []


def test_every_problem_of_every_step_is_found() -> None:
    flow = a_flow_of(start={"cpu": 0.5}, middle=None, end={"queue": "serverless", "gpu": 1, "efa": 1})
    paths = [(problem.path, problem.step) for problem in flow_problems(flow, platform_of, DEFAULTS)]
    assert paths == [
        ("steps.start.batch.cpu", "start"),
        ("steps.end.batch.gpu", "end"),
        ("steps.end.batch.efa", "end"),
    ]


def test_what_only_one_of_the_queues_refuses_names_that_queue() -> None:
    queues = ["spot", "serverless"]
    (one,) = found(a_flow_of(train={"queue": queues, "ephemeral_storage": 30}))
    assert "EC2 jobs have no `ephemeral_storage`, given 30, on queue 'spot'" in one
    (other,) = found(a_flow_of(train={"queue": queues, "gpu": 1}))
    assert "Fargate has no `gpu`, given 1, on queue 'serverless'" in other


def test_what_all_queues_refuse_is_said_once_without_their_names() -> None:
    (problem,) = found(a_flow_of(train={"queue": ["spot", "serverless"], "aws_batch_tags": {"a": "b;"}}))
    assert "on queue" not in problem


def test_a_queue_that_there_is_not_is_a_problem_of_the_step() -> None:
    (problem,) = found(a_flow_of(train={"queue": ["spot", "nowhere"]}))
    assert problem.startswith("steps.train.batch.queue: there is no job queue 'nowhere'")


def test_without_any_queue_it_is_missing_and_what_no_platform_takes_is_said() -> None:
    flow = a_flow_of(train={"gpu": 1, "log_driver": "papyrus", "cpu": 0.5})
    problems = found(flow, Defaults(execution_role="r"))
    assert [problem.split(":")[0] for problem in problems] == [
        "steps.train.batch.queue",
        "steps.train.batch.log_driver",
    ]


def test_the_bootstrap_counts_towards_the_length_of_a_definition() -> None:
    flow = a_flow_of(train={"log_options": {"tag": "x" * 20_000}})
    assert found(flow) == []
    (problem,) = found(flow, bootstrap="pass\n" * 1_000)
    assert problem.startswith("steps.train.batch.log_options: a job definition has at most")


def test_what_else_goes_wrong_while_asking_for_a_platform_goes_through() -> None:
    def unreachable(queue: str) -> Platform:
        raise ConnectionError(queue)

    with pytest.raises(ConnectionError):
        flow_problems(a_flow_of(train={}), unreachable, DEFAULTS)
