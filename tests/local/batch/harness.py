"""A local Batch with one queue, recording sinks, and short ways to submit and to wait."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from steprelay.local.batch import Chaos, Launcher, LocalBatch, LocalBatchConfig
from steprelay.local.batch.keeping import Keeper

Document = dict[str, Any]
DEADLINE_SECONDS = 30.0
REQUEST_MEMBERS = frozenset(
    {"parameters", "retryStrategy", "timeout", "tags", "propagateTags", "platformCapabilities", "schedulingPriority"}
)
CONTAINER: Document = {
    "image": "python:3.13",
    "command": ["true"],
    "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "256"}],
}


def wait_until(predicate: Callable[[], Any], what: str = "") -> Any:
    """Poll until the predicate is true; its value. Fails loudly at the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        value = predicate()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"not within {DEADLINE_SECONDS:.0f} s: {what or predicate}")


class Refused(Exception):
    """An error answer of the API."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Lab:
    """A running local Batch on a small imaginary machine, with everything it emitted."""

    def __init__(
        self,
        workdir: Path,
        *,
        chaos: Chaos | None = None,
        launcher: Launcher | None = None,
        keeper: Keeper | None = None,
        **config: Any,
    ) -> None:
        settings: Document = {"vcpus": 4, "memory_mib": 4096, "memory_sample_seconds": 0.05, **config}
        settings.setdefault("environment", {"PATH": os.environ["PATH"], "BASE": "from-the-relay"})
        self.config = LocalBatchConfig(
            workdir=workdir,
            account="123456789012",
            chaos=chaos or Chaos(),
            **settings,
        )
        self.events: list[Document] = []
        self.log: list[tuple[str, str, int, str]] = []
        self.log_gate = threading.Event()  # cleared: the log sink takes nothing
        self.log_gate.set()
        self.batch = LocalBatch(
            self.config, events=self.events.append, logs=self._record_lines, launcher=launcher, keeper=keeper
        )

    def _record_lines(self, group: str, stream: str, lines: list[tuple[int, str]]) -> None:
        self.log_gate.wait(DEADLINE_SECONDS)
        self.log.extend((group, stream, at, text) for at, text in lines)

    def call(self, operation: str, **request: Any) -> Document:
        """Call a POST operation by its route; raises Refused."""
        body = json.dumps(request).encode()
        status, headers, answer = self.batch.handle("POST", f"/v1/{operation.lower()}", body)
        document: Document = json.loads(answer)
        if status != 200:
            raise Refused(status, headers["x-amzn-errortype"], document["message"])
        return document

    def prepare(self) -> None:
        """A compute environment `ce`, a queue `queue` and a definition `job` that succeeds."""
        self.prepare_queue()
        self.define("job")

    def prepare_queue(self) -> None:
        resources = {"type": "EC2", "maxvCpus": 256}
        self.call("CreateComputeEnvironment", computeEnvironmentName="ce", type="MANAGED", computeResources=resources)
        order = [{"order": 1, "computeEnvironment": "ce"}]
        self.call("CreateJobQueue", jobQueueName="queue", priority=1, computeEnvironmentOrder=order)

    def define(self, name: str, **changes: Any) -> Document:
        """Register a definition; keywords other than request members go to containerProperties."""
        container = {**CONTAINER, **{key: value for key, value in changes.items() if key not in REQUEST_MEMBERS}}
        rest = {key: value for key, value in changes.items() if key in REQUEST_MEMBERS}
        return self.call(
            "RegisterJobDefinition", jobDefinitionName=name, type="container", containerProperties=container, **rest
        )

    def define_nodes(self, name: str, *groups: Document, nodes: int = 3, main: int = 0, **rest: Any) -> Document:
        """Register a multi-node definition; each group has `targetNodes`, the others of its members are a container's.

        Without groups, all nodes are alike.
        """
        ranges = []
        for group in groups or ({"targetNodes": "0:"},):
            own = {key: value for key, value in group.items() if key != "targetNodes"}
            ranges.append({"targetNodes": group["targetNodes"], "container": {**CONTAINER, **own}})
        properties = {"numNodes": nodes, "mainNode": main, "nodeRangeProperties": ranges}
        return self.call(
            "RegisterJobDefinition", jobDefinitionName=name, type="multinode", nodeProperties=properties, **rest
        )

    def submit_nodes(self, script: str, **request: Any) -> str:
        """Submit a shell script that runs on every node of the definition `nodes`; the job's id."""
        overrides: Document = request.pop("nodeOverrides", {})
        everywhere = {"targetNodes": ":", "containerOverrides": {"command": ["sh", "-c", script]}}
        request = {"jobName": "a-job", "jobQueue": "queue", "jobDefinition": "nodes", **request}
        answer = self.call("SubmitJob", nodeOverrides={"nodePropertyOverrides": [everywhere], **overrides}, **request)
        return str(answer["jobId"])

    def submit(self, command: list[str] | None = None, **request: Any) -> str:
        """Submit `command` (or the definition's own); the job's id."""
        overrides: Document = request.pop("containerOverrides", {})
        if command is not None:
            overrides = {"command": command, **overrides}
        request = {"jobName": "a-job", "jobQueue": "queue", "jobDefinition": "job", **request}
        answer = self.call("SubmitJob", containerOverrides=overrides, **request)
        return str(answer["jobId"])

    def shell(self, script: str, **request: Any) -> str:
        return self.submit(["sh", "-c", script], **request)

    def python(self, code: str, **request: Any) -> str:
        return self.submit([sys.executable, "-c", code], **request)

    def needing(self, vcpus: int, memory_mib: int) -> Document:
        """A containerOverrides that asks for this much."""
        return {
            "resourceRequirements": [
                {"type": "VCPU", "value": str(vcpus)},
                {"type": "MEMORY", "value": str(memory_mib)},
            ]
        }

    def describe(self, job_id: str) -> Document:
        (job,) = self.call("DescribeJobs", jobs=[job_id])["jobs"]
        return dict(job)

    def exists(self, job_id: str) -> bool:
        """Whether the job can be described: an array's children can't until it has spawned them."""
        return bool(self.call("DescribeJobs", jobs=[job_id])["jobs"])

    def status(self, job_id: str) -> str:
        return str(self.describe(job_id)["status"])

    def reaches(self, job_id: str, *statuses: str) -> Document:
        """Wait until the job is in one of those states."""
        wait_until(lambda: self.exists(job_id) and self.status(job_id) in statuses, f"{job_id} in {statuses}")
        return self.describe(job_id)

    def ends(self, job_id: str) -> Document:
        """Wait for the job's terminal event; the job as it then is."""
        wait_until(lambda: self.history(job_id)[-1:] in (["SUCCEEDED"], ["FAILED"]), f"{job_id} ends")
        return self.describe(job_id)

    def history(self, job_id: str) -> list[str]:
        """The states of the job's events, in order of arrival."""
        return [each["detail"]["status"] for each in list(self.events) if each["detail"]["jobId"] == job_id]

    def event(self, job_id: str, status: str) -> Document:
        """The first event that tells of that state."""
        detail = (job_id, status)
        return next(e for e in list(self.events) if (e["detail"]["jobId"], e["detail"]["status"]) == detail)

    def output(self, job_id: str) -> list[str]:
        """The lines of all the job's attempts."""
        job = self.describe(job_id)
        containers = [*(attempt["container"] for attempt in job["attempts"]), job.get("container", {})]
        streams = {container.get("logStreamName") for container in containers}
        return [text for _, stream, _, text in list(self.log) if stream in streams]
