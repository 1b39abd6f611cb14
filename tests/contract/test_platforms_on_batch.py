"""Whose jobs run where: every compute environment of a queue is looked at, and no answer is believed for ever."""

from typing import Any

import pytest
from botocore.stub import Stubber

from steprelay_core.aws.clients import Clients
from steprelay_core.aws.platforms import REMEMBERED_FOR, Platforms
from steprelay_core.ports import Denied, QueueRefused, Unavailable
from tests.fakes import FixedClock


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def platforms(clients: Clients, clock: FixedClock) -> Platforms:
    return Platforms(clients, clock.now)


def queue(*environments: str, **more: Any) -> dict[str, Any]:
    order = [{"order": index, "computeEnvironment": name} for index, name in enumerate(environments)]
    known = {"jobQueueName": "q", "jobQueueArn": "arn:q", "state": "ENABLED", "status": "VALID", "priority": 1}
    return {"jobQueues": [known | {"computeEnvironmentOrder": order} | more]}


def environment(name: str = "ce", **more: Any) -> dict[str, Any]:
    return {"computeEnvironmentName": name, "computeEnvironmentArn": f"arn:{name}", **more}


def managed(kind: str, name: str = "ce", **more: Any) -> dict[str, Any]:
    return environment(name, computeResources={"type": kind, "maxvCpus": 1, "subnets": []}, **more)


def answer(stub: Stubber, *environments: dict[str, Any]) -> None:
    names = [environment["computeEnvironmentName"] for environment in environments]
    stub.add_response("describe_job_queues", queue(*names), {"jobQueues": ["q"]})
    if environments:
        asked = {"computeEnvironments": names}
        stub.add_response("describe_compute_environments", {"computeEnvironments": list(environments)}, asked)


@pytest.mark.parametrize(
    ("kinds", "platform"),
    [(["EC2", "SPOT"], "ec2"), (["SPOT", "SPOT", "EC2"], "ec2"), (["FARGATE_SPOT", "FARGATE"], "fargate")],
)
def test_environments_of_one_platform_agree(
    platforms: Platforms, stub: Stubber, kinds: list[str], platform: str
) -> None:
    answer(stub, *(managed(kind, f"ce{index}") for index, kind in enumerate(kinds)))
    assert platforms.of("q") == platform


def test_an_unmanaged_environment_is_on_ec2_and_agrees_with_a_managed_one(platforms: Platforms, stub: Stubber) -> None:
    answer(stub, environment("cellar", type="UNMANAGED"), managed("SPOT", "cloud"))
    assert platforms.of("q") == "ec2"


def test_environments_that_disagree_are_named(platforms: Platforms, stub: Stubber) -> None:
    answer(stub, managed("FARGATE", "a"), environment("b", type="UNMANAGED"))
    with pytest.raises(QueueRefused, match=r"'q' mixes platforms \(a is fargate, b is ec2\)"):
        platforms.of("q")


def test_environments_on_a_second_page_count(platforms: Platforms, stub: Stubber) -> None:
    stub.add_response("describe_job_queues", queue("a", "b"))
    first = {"computeEnvironments": [managed("FARGATE", "a")], "nextToken": "more"}
    stub.add_response("describe_compute_environments", first)
    second = {"computeEnvironments": [managed("EC2", "b")]}
    stub.add_response("describe_compute_environments", second, {"computeEnvironments": ["a", "b"], "nextToken": "more"})
    with pytest.raises(QueueRefused, match="mixes platforms"):
        platforms.of("q")


def test_a_queue_without_compute_environments_is_refused(platforms: Platforms, stub: Stubber) -> None:
    answer(stub)
    with pytest.raises(QueueRefused, match="'q' has no compute environment"):
        platforms.of("q")


def test_a_queue_that_is_not_there_is_refused(platforms: Platforms, stub: Stubber) -> None:
    stub.add_response("describe_job_queues", {"jobQueues": []})
    with pytest.raises(QueueRefused, match="there is no job queue 'q'"):
        platforms.of("q")


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"state": "DISABLED"}, "'q' is DISABLED and takes no jobs; enable it"),
        ({"status": "INVALID", "statusReason": "its role is gone"}, "'q' is INVALID: its role is gone"),
        ({"status": "DELETING"}, "'q' is DELETING: AWS Batch does not say why"),
    ],
)
def test_a_queue_that_takes_no_jobs_is_refused_with_what_to_do(
    platforms: Platforms, stub: Stubber, state: dict[str, str], says: str
) -> None:
    stub.add_response("describe_job_queues", queue("ce", **state))
    with pytest.raises(QueueRefused, match=says):
        platforms.of("q")


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        (environment(containerOrchestrationType="EKS"), "'ce' runs on EKS; the relay needs one on ECS"),
        (
            environment(eksConfiguration={"eksClusterArn": "arn:eks", "kubernetesNamespace": "batch"}),
            "'ce' runs on EKS; the relay needs one on ECS",
        ),
        (managed("ECS_MANAGED_INSTANCES"), "'ce' runs on ECS Managed Instances, which the relay does not know"),
        (managed("MOON"), "'ce' has type MOON; known: EC2, SPOT, FARGATE, FARGATE_SPOT"),
    ],
)
def test_environments_of_other_kinds_are_refused(
    platforms: Platforms, stub: Stubber, odd: dict[str, Any], says: str
) -> None:
    answer(stub, managed("EC2", "known"), odd)
    with pytest.raises(QueueRefused, match=says):
        platforms.of("q")


def test_an_answer_is_remembered_for_minutes_and_then_asked_for_again(
    platforms: Platforms, stub: Stubber, clock: FixedClock
) -> None:
    answer(stub, managed("FARGATE"))
    assert [platforms.of("q"), platforms.of("q")] == ["fargate", "fargate"]
    clock.advance(REMEMBERED_FOR)
    answer(stub, managed("EC2"))
    assert platforms.of("q") == "ec2"


def test_a_refusal_is_not_remembered(platforms: Platforms, stub: Stubber) -> None:
    stub.add_response("describe_job_queues", {"jobQueues": []})
    answer(stub, managed("EC2"))
    with pytest.raises(QueueRefused):
        platforms.of("q")
    assert platforms.of("q") == "ec2"


def test_a_relay_that_may_not_look_does_not_blame_the_queue(platforms: Platforms, stub: Stubber) -> None:
    stub.add_client_error("describe_job_queues", "AccessDeniedException", "not authorized on job-queue/q")
    with pytest.raises(Denied, match="looking up job queue 'q'"):
        platforms.of("q")


def test_a_name_that_batch_does_not_take_is_the_queues_fault(platforms: Platforms, stub: Stubber) -> None:
    stub.add_client_error("describe_job_queues", "ClientException", "q is not a legal name")
    with pytest.raises(QueueRefused, match="not a legal name"):
        platforms.of("q")


def test_throttling_is_no_refusal(platforms: Platforms, stub: Stubber) -> None:
    stub.add_client_error("describe_job_queues", "TooManyRequestsException", "later")
    with pytest.raises(Unavailable, match="later"):
        platforms.of("q")
