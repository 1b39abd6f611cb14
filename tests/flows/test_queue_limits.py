"""`@timeout(queue_minutes=…)` on the embedded relay: jobs that find no machine go to the next queue, or fail."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steprelay.local.record import RelayInfo
from steprelay.local.relay import LocalRelay
from tests.flows.conftest import Project
from tests.local.relay.support import Aws, eventually

# Whoever has the only vCPU of the full queue keeps it until the others have given up on that queue.
FALLS_OVER = """
import os, pathlib, time
from steprelay import FlowSpec, batch, step, timeout

DONE = pathlib.Path("FOLDER")

class FallsOver(FlowSpec):
    @step
    def start(self):
        self.xs = list(range(3))
        self.next(self.work, foreach="xs")

    @timeout(queue_seconds=4)
    @batch(cpu=1, memory=128, queue=["FULL", "free"])
    @step
    def work(self):
        self.queue = os.environ["AWS_BATCH_JQ_NAME"]
        if self.queue == "free":
            (DONE / f"done-{self.input}").touch()
        deadline = time.monotonic() + 45
        while self.queue != "free" and len(list(DONE.glob("done-*"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.queues = sorted(task.queue for task in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass
"""

WAITS = """
from steprelay import FlowSpec, batch, step, timeout

class Waits(FlowSpec):
    @timeout(queue_seconds=5)
    @batch(cpu=1, memory=128, queue="FULL")
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.fixture(scope="module")
def relay_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("queues")


@pytest.fixture(scope="module")
def relay(relay_project: Path) -> Iterator[RelayInfo]:
    """One of their own: jobs of other tests would have these wait."""
    yield LocalRelay.up(relay_project)
    LocalRelay.down(relay_project)


@pytest.fixture
def full(aws: Aws) -> str:
    """A queue whose machines have one vCPU together."""
    name = f"full-{uuid.uuid4().hex[:8]}"
    resources: Any = {"type": "EC2", "maxvCpus": 1, "subnets": [], "instanceTypes": ["optimal"]}
    aws.batch.create_compute_environment(computeEnvironmentName=name, type="MANAGED", computeResources=resources)
    aws.batch.create_job_queue(
        jobQueueName=name, priority=1, computeEnvironmentOrder=[{"order": 1, "computeEnvironment": name}]
    )
    return name


@pytest.fixture
def taken(aws: Aws, full: str) -> Iterator[str]:
    """The same queue, with a job that has its vCPU."""
    sizes: Any = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
    container: Any = {"image": "busybox", "command": ["sleep", "120"], "resourceRequirements": sizes}
    aws.batch.register_job_definition(jobDefinitionName=full, type="container", containerProperties=container)
    job = aws.batch.submit_job(jobName=full, jobQueue=full, jobDefinition=full)["jobId"]
    eventually(lambda: aws.batch.describe_jobs(jobs=[job])["jobs"][0]["status"] == "RUNNING")
    yield full
    aws.batch.terminate_job(jobId=job, reason="the test is over")


def test_tasks_that_find_no_machine_go_to_the_next_queue_and_the_one_that_runs_stays(
    project: Project, full: str
) -> None:
    project.write("falls_over.py", FALLS_OVER.replace("FULL", full).replace("FOLDER", str(project.folder)))
    ended = project.run("falls_over.py")
    assert ended.code == 0, ended.errors
    assert ended.artifacts["queues"] == repr(sorted([full, "free", "free"]))
    failed = ended.of_kind("attempt_failed")
    told = [(change["failure_class"], change["queue"], change["budget"]) for change in failed]
    assert told == [("queue_timeout", "free", "free: the next queue")] * 2


def test_a_job_that_waits_is_shown_with_its_limit_and_fails_with_how_long_it_waited(
    project: Project, taken: str
) -> None:
    project.write("waits.py", WAITS.replace("FULL", taken))
    started = project.steprelay("run", "waits.py", "--on", "local", "--no-follow", "--json")
    run = json.loads(started.stdout.splitlines()[-1])["run"]

    def shown() -> dict[str, Any]:
        answer = project.steprelay("runs", "show", run, "--on", "local", "--json")
        return json.loads(answer.stdout) if answer.returncode in (0, 1) and answer.stdout else {}

    (queued,) = eventually(lambda: shown().get("queued"))
    assert (queued["task"], queued["queue"], queued["limit"]) == ("start", taken, 5)
    eventually(lambda: shown().get("status") == "FAILED")
    failure = shown()["failure"]
    assert failure["failure_class"] == "queue_timeout"
    assert f"in queue {taken}, at most 5 s allowed" in failure["reason"]
