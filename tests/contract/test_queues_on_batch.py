"""What a queue could give its jobs, and who is at its head: AWS Batch's answers as values."""

from typing import Any

import pytest
from botocore.stub import Stubber

from steprelay_core.aws.clients import Clients
from steprelay_core.aws.instances import CATEGORIES, sizes_of
from steprelay_core.aws.queues import REMEMBERED_FOR, BatchQueues
from steprelay_core.ports import Denied
from steprelay_core.state.placement import Environment, Head, InstanceSize, Needs, QueueState
from tests.fakes import FixedClock

HEAD_ID = "75bde587-703d-43a1-a0b8-a33a85286224"
HEAD_ARN = f"arn:aws:batch:eu-west-1:111122223333:job/{HEAD_ID}"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def queues(clients: Clients, clock: FixedClock) -> BatchQueues:
    return BatchQueues(clients, clock.now)


def answer_state(stub: Stubber, *environments: dict[str, Any], **more: Any) -> None:
    names = [environment["computeEnvironmentName"] for environment in environments]
    # AWS answers in any order; the order numbers count.
    order = [{"order": at, "computeEnvironment": name} for at, name in reversed(list(enumerate(names)))]
    known = {"jobQueueName": "q", "jobQueueArn": "arn:q", "state": "ENABLED", "status": "VALID", "priority": 1}
    found = {"jobQueues": [known | {"computeEnvironmentOrder": order} | more]}
    stub.add_response("describe_job_queues", found, {"jobQueues": ["q"]})
    if environments:
        asked = {"computeEnvironments": names}
        stub.add_response("describe_compute_environments", {"computeEnvironments": list(environments)}, asked)


def environment(name: str = "ce", **more: Any) -> dict[str, Any]:
    known = {"computeEnvironmentName": name, "computeEnvironmentArn": f"arn:{name}", "state": "ENABLED"}
    return known | {"status": "VALID", **more}


def machines(*types: str, name: str = "ce", **more: Any) -> dict[str, Any]:
    resources = {"type": "EC2", "maxvCpus": 64, "subnets": [], "instanceTypes": list(types)}
    return environment(name, computeResources=resources, **more)


def answer_head(stub: Stubber, **job: Any) -> None:
    stub.add_response("get_job_queue_snapshot", {"frontOfQueue": {"jobs": [{"jobArn": HEAD_ARN}]}}, {"jobQueue": "q"})
    known = {"jobArn": HEAD_ARN, "jobName": "theirs", "jobId": HEAD_ID, "jobQueue": "arn:q", "startedAt": 0}
    jobs = [known | {"jobDefinition": "d", "status": "RUNNABLE"} | job]
    stub.add_response("describe_jobs", {"jobs": jobs}, {"jobs": [HEAD_ID]})


def test_a_queue_is_described_with_the_sizes_that_its_environments_may_start(
    queues: BatchQueues, stub: Stubber
) -> None:
    unmanaged = environment("cellar", status="INVALID", statusReason="no role")
    answer_state(stub, machines("c6i.large", "g5.xlarge"), unmanaged, state="DISABLED")
    assert queues.state("q") == QueueState(
        "q",
        state="DISABLED",
        environments=(
            Environment(
                "ce",
                max_vcpus=64,
                sizes=(InstanceSize("c6i.large", 2, 4096), InstanceSize("g5.xlarge", 4, 16384, 1)),
            ),
            Environment("cellar", status="INVALID", reason="no role"),
        ),
    )


def test_a_queue_without_environments_asks_for_none(queues: BatchQueues, stub: Stubber) -> None:
    answer_state(stub)
    assert queues.state("q") == QueueState("q")


def test_a_queue_that_is_gone_is_none(queues: BatchQueues, stub: Stubber) -> None:
    stub.add_response("describe_job_queues", {"jobQueues": []})
    assert queues.state("q") is None


def test_fargate_has_no_instance_types(queues: BatchQueues, stub: Stubber) -> None:
    resources = {"type": "FARGATE", "maxvCpus": 16, "subnets": []}
    answer_state(stub, environment(computeResources=resources))
    assert queues.state("q") == QueueState("q", environments=(Environment("ce", max_vcpus=16),))


def test_answers_are_remembered_for_a_minute(queues: BatchQueues, stub: Stubber, clock: FixedClock) -> None:
    answer_state(stub)
    assert queues.state("q") is queues.state("q")
    clock.advance(REMEMBERED_FOR)
    answer_state(stub, state="DISABLED")
    state = queues.state("q")
    assert state is not None
    assert state.state == "DISABLED"


def test_a_relay_that_may_not_look_is_told_so(queues: BatchQueues, stub: Stubber) -> None:
    stub.add_client_error("describe_job_queues", "AccessDeniedException", "not authorized on job-queue/q")
    with pytest.raises(Denied, match="looking up job queue 'q'"):
        queues.state("q")


def test_the_head_of_a_queue_tells_why_it_waits_and_what_it_asks_for(queues: BatchQueues, stub: Stubber) -> None:
    asks = [{"type": "VCPU", "value": "64"}, {"type": "MEMORY", "value": "2048"}]
    answer_head(stub, statusReason="CAPACITY:X", container={"resourceRequirements": asks})
    assert queues.head("q") == Head(HEAD_ID, "theirs", "CAPACITY:X", Needs(64, 2048, 0, 64))


def test_a_head_that_has_started_meanwhile_holds_nobody_up(queues: BatchQueues, stub: Stubber) -> None:
    answer_head(stub, status="STARTING")
    assert queues.head("q") is None


def test_a_queue_in_which_nobody_waits_has_no_head(queues: BatchQueues, stub: Stubber) -> None:
    stub.add_response("get_job_queue_snapshot", {"frontOfQueue": {"jobs": []}})
    assert queues.head("q") is None


def test_a_queue_that_has_no_snapshot_has_no_head_that_is_known(queues: BatchQueues, stub: Stubber) -> None:
    stub.add_client_error("get_job_queue_snapshot", "ClientException", "not supported for this queue")
    assert queues.head("q") is None


def test_a_relay_that_may_not_look_at_the_head_is_told_so(queues: BatchQueues, stub: Stubber) -> None:
    stub.add_client_error("get_job_queue_snapshot", "AccessDeniedException", "not authorized on job-queue/q")
    with pytest.raises(Denied, match="head of job queue 'q'"):
        queues.head("q")


def test_the_local_batch_answers_as_aws_does(batch_clients: Clients) -> None:
    queues = BatchQueues(batch_clients)
    state = queues.state("on-fargate")
    assert state is not None
    assert state.environments == (Environment("on-fargate-machines", reason="ComputeEnvironment Healthy", max_vcpus=8),)
    assert queues.head("on-fargate") is None


def test_a_family_means_all_its_sizes() -> None:
    sizes = sizes_of(["c6i"]) or ()
    assert InstanceSize("c6i.16xlarge", 64, 131072) in sizes
    assert {size.name.partition(".")[0] for size in sizes} == {"c6i"}


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_a_category_means_every_general_family_of_its_architecture_and_no_gpu(category: str) -> None:
    sizes = sizes_of([category]) or ()
    families = {size.name.partition(".")[0] for size in sizes}
    assert ({"m8g", "c7g"} if category == "default_arm64" else {"m4", "c5", "r7i"}) <= families
    assert not any(size.gpus for size in sizes)


@pytest.mark.parametrize("types", [[], ["c6i.large", "c99"], ["c6i.huge"], ["c6i", "anything"]])
def test_sizes_of_which_one_is_unknown_are_not_known(types: list[str]) -> None:
    assert sizes_of(types) is None
