"""A relay through AWS's own API: the cloud's and the embedded one differ only in the endpoint."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from steprelay.client.computes import Computes
from steprelay.client.parameters import as_metadata
from steprelay.client.relay import JobSeen, LogPage, Purpose, Unreachable, Upload, Verdict
from steprelay_core import keys
from steprelay_core.aws.errors import error_code
from steprelay_core.aws.objects import S3Objects
from steprelay_core.aws.store import DynamoStore
from steprelay_core.intake.identity import upload_digest, upload_run_id
from steprelay_core.logs import BATCH_LOG_GROUP, console_link
from steprelay_core.spec import Flow, Problem
from steprelay_core.state.claim import decode_claim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from steprelay.client.clients import TargetClients
    from steprelay.client.cost.prices import Compute
    from steprelay.client.target import Target
    from steprelay_core.logs import Log
    from steprelay_core.ports import Deployment, Stored
    from steprelay_core.state.model import Run, TaskKey, TaskSelection

# AWS Batch: DescribeJobs takes 100 ids.
DESCRIBE_LIMIT = 100

_MISSING = frozenset({"404", "NoSuchKey", "NotFound", "ResourceNotFoundException"})


class AwsRelay:
    """Implements `steprelay.client.relay.RelayClient`."""

    def __init__(self, target: Target, clients: TargetClients) -> None:
        self._target = target
        self._clients = clients
        self._store = DynamoStore(clients, target.table)
        self._objects = S3Objects(clients, target.data_bucket)
        self._computes = Computes(clients)

    def upload(self, purpose: Purpose, flow: str, package: Path, parameters: Mapping[str, Any]) -> Upload:
        bucket, key = self._target.package_bucket, f"{purpose}/{flow}/{secrets.token_hex(8)}/package.tar.gz"
        answer = self._clients.s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=package.read_bytes(),
            Metadata=as_metadata(parameters),
            # Tells the relay the digest, so that it need not read the package again.
            ChecksumAlgorithm="SHA256",
        )
        version = answer.get("VersionId", "")
        return Upload(bucket, key, version, upload_run_id(flow, bucket, key, version))

    def verdict(self, upload: Upload) -> Verdict | None:
        tagging = self._clients.s3.get_object_tagging(Bucket=upload.bucket, Key=upload.key)
        said = next((tag["Value"] for tag in tagging["TagSet"] if tag["Key"] == "steprelay"), None)
        if said == "rejected":
            return Verdict(False, self._problems(upload))
        return Verdict(True) if said == "accepted" else None

    def _problems(self, upload: Upload) -> tuple[Problem, ...]:
        record = self._get(keys.rejection(upload_digest(upload.bucket, upload.key, upload.version)))
        told = json.loads(record)["problems"] if record is not None else []
        return tuple(Problem(one["path"], one["message"], one["hint"]) for one in told)

    def deployment(self, flow: str) -> Deployment | None:
        return self._store.deployment(flow)

    def load(self, run: str) -> Stored | None:
        return self._store.load(run)

    def list_runs(self, limit: int) -> list[Run]:
        return self._store.list_runs(limit=limit)

    def flow(self, digest: str) -> Flow:
        try:
            return self._objects.flow(digest)
        except LookupError as error:
            raise Unreachable(str(error), "the data bucket no longer has what this run was started from") from error

    def cancel(self, run: str, reason: str) -> None:
        self._ask("Cancel Requested", {"run": run, "reason": reason})

    def resume(self, run: str) -> str:
        request = secrets.token_hex(8)
        self._ask("Resume Requested", {"run": run, "request": request})
        return request

    def retry(self, run: str, tasks: TaskSelection) -> str:
        request = secrets.token_hex(8)
        self._ask("Retry Requested", {"run": run, "tasks": str(tasks), "request": request})
        return request

    def _ask(self, detail_type: str, detail: dict[str, str]) -> None:
        answer = self._clients.events.put_events(
            Entries=[
                {
                    "EventBusName": self._target.bus,
                    "Source": "steprelay.cli",
                    "DetailType": detail_type,
                    "Detail": json.dumps(detail),
                }
            ]
        )
        if answer["FailedEntryCount"]:
            raise Unreachable(f"the relay's bus refused the request: {answer['Entries'][0].get('ErrorMessage')}")

    def outcome(self, run: str, task: TaskKey, attempt: int) -> dict[str, Any] | None:
        found = self._get(keys.outcome(run, task, attempt))
        return cast("dict[str, Any]", json.loads(found)) if found is not None else None

    def claimed_by(self, run: str, task: TaskKey, attempt: int) -> str | None:
        found = self._get(keys.claim(run, task, attempt))
        return decode_claim(found).job_id if found is not None else None

    def artifact(self, flow: str, sha256: str) -> bytes | None:
        return self._get(f"artifacts/{flow}/{sha256}")

    def light_log(self, run: str, task: TaskKey, attempt: int) -> str | None:
        found = self._get(keys.light_log(run, task, attempt))
        return found.decode("utf-8", "replace") if found is not None else None

    def jobs(self, job_ids: Sequence[str]) -> dict[str, JobSeen]:
        seen: dict[str, JobSeen] = {}
        for start in range(0, len(job_ids), DESCRIBE_LIMIT):
            answer = self._clients.batch.describe_jobs(jobs=list(job_ids[start : start + DESCRIBE_LIMIT]))
            for job in answer["jobs"]:
                children = job.get("arrayProperties", {}).get("statusSummary", {})
                stream = job.get("container", {}).get("logStreamName")
                seen[job["jobId"]] = JobSeen(job["status"], stream, children)
        return seen

    def compute(self, job_id: str) -> Compute | None:
        return self._computes.of_job(job_id)

    def read_stream(self, stream: str, token: str | None) -> LogPage:
        more: Any = {"nextToken": token} if token else {}
        try:
            answer = self._clients.logs.get_log_events(
                logGroupName=BATCH_LOG_GROUP, logStreamName=stream, startFromHead=True, **more
            )
        except ClientError as error:
            if error_code(error) in _MISSING:  # a stream appears with the job's first line
                return LogPage((), token)
            raise
        lines = tuple(event["message"].rstrip("\n") for event in answer["events"])
        return LogPage(lines, answer["nextForwardToken"])

    def log_link(self, log: Log) -> str | None:
        region = self._clients.region
        if self._target.where == "local" or region is None:
            return None
        return console_link(log, region, self._target.data_bucket)

    def _get(self, key: str) -> bytes | None:
        try:
            return self._clients.s3.get_object(Bucket=self._target.data_bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error_code(error) in _MISSING:
                return None
            raise
