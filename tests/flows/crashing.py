"""Relays whose processes tests kill: whatever runs is found by the relay's token and killed by its id."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import psutil

from steprelay.local.record import RelayInfo
from steprelay.local.relay import LocalRelay
from tests.flows.conftest import Ended, Project
from tests.local.relay import support
from tests.local.relay.support import Aws, processes_of

T = TypeVar("T")

# What each step writes down when its code begins, and how it waits.
DIARY = """
import os, time
from pathlib import Path
from steprelay import FlowSpec, batch, retry, step, timeout

HERE = Path({folder!r})

def begin(name):
    (HERE / ("runner of " + name)).write_text(str(os.getppid()))
    with (HERE / "diary").open("a") as diary:
        diary.write(name + chr(10))

def first_time(name):
    return (HERE / "diary").read_text().split().count(name) == 1

def wait_for(sign):
    while not (HERE / sign).exists():
        time.sleep(0.02)
"""
DISPATCHERS = ("PackageUploadedFunction", "RunRequestedFunction", "JobChangedFunction", "TimerDueFunction")
# Older than what the dispatcher takes for abandoned.
LONG_AGO_SECONDS = 600
# A machine may be busy with a lot else.
SECONDS = 240.0


def eventually(look: Callable[[], T | None]) -> T:
    """What `look` finds once it finds anything."""
    return support.eventually(look, SECONDS, pause=0.05)


@dataclass(frozen=True)
class Following:
    """A `run` under way, which follows its run."""

    process: subprocess.Popen[str]

    @property
    def over(self) -> bool:
        return self.process.poll() is not None

    def end(self) -> Ended:
        out, errors = self.process.communicate(timeout=SECONDS)
        return Ended(self.process.returncode, [json.loads(line) for line in out.splitlines()], errors)


class CrashLab:
    """A project with a relay of its own."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(folder)
        self.folder = folder
        self.relay = LocalRelay.up(folder)

    @cached_property
    def aws(self) -> Aws:
        return Aws(self.relay)

    def flow(self, name: str, body: str) -> str:
        (self.folder / "diary").touch()
        self.project.write(name, DIARY.format(folder=str(self.folder)) + body)
        return name

    @contextmanager
    def running(self, name: str) -> Iterator[Following]:
        command = [sys.executable, "-c", "from steprelay.cli.app import main; main()"]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "STEPRELAY_"))}
        process = subprocess.Popen(
            [*command, "run", name, "--on", "local", "--json"],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

        try:
            yield Following(process)
        finally:
            process.kill()
            process.communicate()

    @property
    def diary(self) -> Counter[str]:
        """How often each step's code began."""
        return Counter((self.folder / "diary").read_text().split())

    def sign(self, name: str) -> None:
        (self.folder / name).touch()

    def kill_relay(self) -> RelayInfo:
        """SIGKILL to the relay, which takes all it started along; another one is started, as a person would."""
        os.kill(self.relay.pid, signal.SIGKILL)
        self.relay = LocalRelay.up(self.folder)
        self.__dict__.pop("aws", None)
        return self.relay

    def kill_functions(self, *names: str) -> int:
        """SIGKILL to the workers of these functions, and to what they forked; how many there were."""
        found = [process for process in processes_of(self.relay.token) if _is_worker(process, names)]
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        return len(found)

    def sweep(self) -> None:
        """What comes every few minutes, after a few minutes: pending commands are as old as if they had passed."""
        dynamodb = self.aws.dynamodb
        table = self.relay.outputs["Table"]
        for item in dynamodb.scan(TableName=table)["Items"]:
            if item["sk"]["S"].startswith("OUTBOX#"):
                with contextlib.suppress(dynamodb.exceptions.ConditionalCheckFailedException):
                    dynamodb.update_item(
                        TableName=table,
                        Key={"pk": item["pk"], "sk": item["sk"]},
                        UpdateExpression="SET created_at = created_at - :ago",
                        ConditionExpression="attribute_exists(pk)",
                        ExpressionAttributeValues={":ago": {"N": str(LONG_AGO_SECONDS)}},
                    )
        self.aws.lambda_.invoke(FunctionName=self.aws.physical("SweepFunction"))

    def hasten(self, queue: str, seconds: int) -> None:
        """Have a queue deliver again after so many seconds what nobody deleted, as often as that takes: on a busy
        machine a function may well be at work for longer."""
        url = self.aws.physical(queue)
        found = self.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]
        redrive = json.loads(found["RedrivePolicy"]) | {"maxReceiveCount": 1_000}
        attributes = {"VisibilityTimeout": str(seconds), "RedrivePolicy": json.dumps(redrive)}
        self.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)  # type: ignore[arg-type]

    def end_claims(self) -> None:
        """The time is over, for which light functions claimed what they began."""
        bucket = self.relay.outputs["DataBucket"]
        for found in self.aws.s3.list_objects_v2(Bucket=bucket, Prefix="runs/")["Contents"]:
            if found["Key"].endswith("/claim.json"):
                claim = json.loads(self.aws.s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
                body = json.dumps(claim | {"until": time.time()}).encode()
                self.aws.s3.put_object(Bucket=bucket, Key=found["Key"], Body=body)

    def runner(self, begun: str) -> psutil.Process:
        """The runner that watches what has begun under this name."""
        return psutil.Process(int((self.folder / f"runner of {begun}").read_text()))

    def succeeded(self, count: int) -> bool:
        """Whether so many children of the one array that there is have succeeded."""
        queue = self.relay.outputs["JobQueue"]
        arrays = self.aws.batch.list_jobs(jobQueue=queue, jobStatus="PENDING")["jobSummaryList"]
        found = self.aws.batch.describe_jobs(jobs=[job["jobId"] for job in arrays])["jobs"] if arrays else []
        return any(job["arrayProperties"]["statusSummary"]["SUCCEEDED"] == count for job in found)

    def runs(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = json.loads(
            self.project.steprelay("runs", "list", "--on", "local", "--json").stdout
        )
        return listed


def _is_worker(process: psutil.Process, names: tuple[str, ...]) -> bool:
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return any(f"ministack-lambda-steprelay-{name}" in command for name in names)
