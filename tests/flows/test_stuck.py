"""Jobs that do not start on the embedded relay: what the run says of them, and that it goes on once they can."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from steprelay.local.record import RelayInfo
from tests.flows.conftest import Project
from tests.local.relay.support import Aws, eventually

FLOW = """
from steprelay import FlowSpec, batch, step

class {name}(FlowSpec):
    @step
    def start(self):
        self.shards = list(range(2))
        self.next(self.work, foreach="shards")

    @batch(queue="{queue}", cpu={cpu}, memory=128)
    @step
    def work(self):
        self.done = self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.done = [task.done for task in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    {name}()
"""
LONG_AGO_SECONDS = 200.0


@pytest.fixture
def queue(aws: Aws) -> Iterator[str]:
    """A queue on c6i.large machines, which have 2 vCPU."""
    name = f"tight-{uuid.uuid4().hex[:8]}"
    resources: Any = {"type": "EC2", "maxvCpus": 64, "subnets": ["subnet-1"], "instanceTypes": ["c6i.large"]}
    aws.batch.create_compute_environment(computeEnvironmentName=name, type="MANAGED", computeResources=resources)
    order: Any = [{"order": 1, "computeEnvironment": name}]
    aws.batch.create_job_queue(jobQueueName=name, priority=1, computeEnvironmentOrder=order)
    yield name
    # Whatever a test left waiting goes with its queue.
    aws.batch.update_job_queue(jobQueue=name, state="DISABLED")
    aws.batch.delete_job_queue(jobQueue=name)


def start(project: Project, name: str, queue: str, cpu: int) -> str:
    """Start a run and leave it to itself; its id."""
    project.write(f"{name}.py", FLOW.format(name=name, queue=queue, cpu=cpu))
    done = project.steprelay("run", f"{name}.py", "--on", "local", "--no-follow", "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout.splitlines()[-1])["run"])


def shown(project: Project, run: str) -> dict[str, Any]:
    return dict(json.loads(project.steprelay("runs", "show", run, "--on", "local", "--json").stdout))


def state(aws: Aws, relay: RelayInfo, run: str) -> dict[str, Any]:
    """What the table has of a run: less work than a command for whoever looks again and again."""
    key = {"pk": {"S": f"RUN#{run}"}, "sk": {"S": "RUN"}}
    item = aws.dynamodb.get_item(TableName=relay.outputs["Table"], Key=key).get("Item")
    return dict(json.loads(item["data"]["S"])) if item else {}


def stuck(project: Project, aws: Aws, relay: RelayInfo, run: str) -> dict[str, Any]:
    """What keeps the one step of a run, once that is noticed."""
    eventually(lambda: state(aws, relay, run).get("notices"))
    (found,) = shown(project, run)["stuck"]
    return dict(found)


def succeeded(aws: Aws, relay: RelayInfo, run: str) -> bool:
    return bool(state(aws, relay, run).get("status") == "SUCCEEDED")


def let_minutes_pass(aws: Aws, relay: RelayInfo, run: str) -> None:
    """All submissions of a run are as old as if some minutes had passed, and a sweep comes by."""
    table = relay.outputs["Table"]
    of_run = {":run": {"S": f"RUN#{run}"}, ":group": {"S": "GROUP#"}}
    found = aws.dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :run AND begins_with(sk, :group)",
        ExpressionAttributeValues=of_run,
    )
    for item in found["Items"]:
        group = json.loads(item["data"]["S"])
        for submission in group["submissions"]:
            submission["submitted_at"] -= LONG_AGO_SECONDS
        aws.dynamodb.put_item(TableName=table, Item=item | {"data": {"S": json.dumps(group)}})
    aws.lambda_.invoke(FunctionName=aws.physical("SweepFunction"))


def test_a_job_that_its_queue_cannot_start_is_explained_announced_and_goes_on_once_it_can(
    project: Project, relay: RelayInfo, aws: Aws, queue: str
) -> None:
    with aws.queue() as (url, arn):
        pattern = json.dumps({"source": ["steprelay"], "detail-type": ["Step Stuck"]})
        bus = relay.outputs["BusName"]
        aws.events.put_rule(Name=queue, EventBusName=bus, EventPattern=pattern)
        aws.events.put_targets(Rule=queue, EventBusName=bus, Targets=[{"Id": "test", "Arn": arn}])
        run = start(project, "TooLarge", queue, cpu=8)
        found = stuck(project, aws, relay, run)
        told = eventually(lambda: [json.loads(body)["detail"] for body in aws.receive(url)])
        aws.events.remove_targets(Rule=queue, EventBusName=bus, Ids=["test"])
        aws.events.delete_rule(Name=queue, EventBusName=bus)
    assert (found["task"], found["tasks"], found["queue"], found["failure_class"]) == ("work", 2, queue, "config")
    wanted = f"no instance type of queue {queue} has 8 vCPU; the largest is c6i.large with 2; MISCONFIGURATION:"
    assert found["reason"].startswith(wanted)
    assert [(one["run"], one["step"], one["reason"]) for one in told] == [(run, "work", found["reason"])]
    assert f"work (2 tasks) waits in queue {queue}" in project.steprelay("runs", "show", run, "--on", "local").stdout

    larger: Any = {"instanceTypes": ["c6i.2xlarge"]}
    aws.batch.update_compute_environment(computeEnvironment=queue, computeResources=larger)
    eventually(lambda: succeeded(aws, relay, run))
    assert shown(project, run)["stuck"] == []


def test_a_job_behind_one_that_does_not_start_is_told_of_it_by_the_sweep(
    project: Project, relay: RelayInfo, aws: Aws, queue: str
) -> None:
    first = start(project, "Ahead", queue, cpu=8)
    stuck(project, aws, relay, first)
    behind = start(project, "Behind", queue, cpu=1)
    eventually(lambda: len(aws.batch.get_job_queue_snapshot(jobQueue=queue)["frontOfQueue"]["jobs"]) == 4)
    assert not state(aws, relay, behind)["notices"]
    let_minutes_pass(aws, relay, behind)
    found = stuck(project, aws, relay, behind)
    assert found["reason"].startswith("job Ahead-")
    assert f"is ahead of it in queue {queue} and does not start: no instance type of queue {queue}" in found["reason"]

    assert project.steprelay("runs", "cancel", first, "--on", "local").returncode == 0
    eventually(lambda: succeeded(aws, relay, behind))
    assert shown(project, behind)["stuck"] == []
