"""The API's operations on jobs."""

from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any

from steprelay.local.batch.arns import short_name
from steprelay.local.batch.catalog import Catalog
from steprelay.local.batch.dependencies import N_TO_N
from steprelay.local.batch.engine import Engine
from steprelay.local.batch.errors import BatchError, ClientError, refuse
from steprelay.local.batch.events import array_properties, job_detail
from steprelay.local.batch.model import Dependency, Job, Status
from steprelay.local.batch.nodes import check_node_overrides, check_node_sizes, nodes_of
from steprelay.local.batch.paging import make_token, page_size, read_token, take
from steprelay.local.batch.rules import check_resources, check_submission, resources
from steprelay.local.batch.submission import job_spec, job_tags

Document = dict[str, Any]

NOT_OFFERED = (
    "eksPropertiesOverride",
    "ecsPropertiesOverride",
    "consumableResourcePropertiesOverride",
)
MOST_DESCRIBED = 100
MOST_LISTED = 1000
MOST_IN_SNAPSHOT = 100
MOST_FILTERED = 100
MOST_STOPPED = 50
LONGEST_REASON = 1024


class JobOperations:
    """SubmitJob, DescribeJobs, ListJobs, and the four ways to stop jobs. Callers hold the engine's lock.

    `secrets`: the variables whose value is known here.
    """

    def __init__(self, engine: Engine, catalog: Catalog, secrets: Container[str]) -> None:
        self._engine = engine
        self._catalog = catalog
        self._secrets = secrets

    def submit_job(self, request: Document) -> Document:
        problems = check_submission(request)
        problems += [f"{name} is not offered by the local Batch" for name in NOT_OFFERED if name in request]
        refuse(problems)
        queue = self._catalog.queue(request["jobQueue"])
        definition = self._catalog.definition(request["jobDefinition"])
        if queue["state"] != "ENABLED":
            raise ClientError(f"JobQueue {queue['jobQueueName']} is DISABLED and takes no jobs.")
        refuse(_problems_of(request, definition))
        dependencies = self._dependencies(request)
        spec = job_spec(request, definition, queue, self._secrets)
        job = self._engine.submit(spec, job_tags(request), dependencies, request)
        return {"jobArn": job.arn, "jobName": job.spec.name, "jobId": job.id}

    def _dependencies(self, request: Document) -> list[Dependency]:
        size = request.get("arrayProperties", {}).get("size")
        found: list[Dependency] = []
        problems: list[str] = []
        for given in request.get("dependsOn", ()):
            job_id, kind = given.get("jobId"), given.get("type")
            job = None if job_id is None else self._engine.jobs.get(job_id)
            if job_id is not None and (job is None or job.node is not None):
                problems.append(f"dependsOn names the job {job_id}, which does not exist")
            elif job is not None and kind == N_TO_N and job.spec.array_size != size:
                problems.append(
                    f"N_TO_N needs two arrays of one size: this job has {size}, {job_id} has {job.spec.array_size}"
                )
            found.append(Dependency(job, kind))
        refuse(problems)
        return found

    def describe_jobs(self, request: Document) -> Document:
        ids = request["jobs"]
        if len(ids) > MOST_DESCRIBED:
            raise ClientError(f"DescribeJobs takes at most {MOST_DESCRIBED} jobs; given {len(ids)}")
        found = (self._job(reference) for reference in ids)
        return {"jobs": [job_detail(job) for job in found if job is not None]}

    def get_job_queue_snapshot(self, request: Document) -> Document:
        """The first RUNNABLE jobs of a queue; nothing of how much of it is in use."""
        line = self._engine.line(self._catalog.queue(request["jobQueue"])["jobQueueArn"])
        jobs = [{"jobArn": job.arn, "earliestTimeAtPosition": job.created_at} for job in line[:MOST_IN_SNAPSHOT]]
        return {"frontOfQueue": {"jobs": jobs, "lastUpdatedAt": max((job.created_at for job in line), default=0)}}

    def list_jobs(self, request: Document) -> Document:
        given = [key for key in ("jobQueue", "arrayJobId", "multiNodeJobId") if key in request]
        if len(given) != 1:
            raise ClientError(f"ListJobs takes one of jobQueue, arrayJobId and multiNodeJobId; given {given or 'none'}")
        newest_first = given == ["jobQueue"]
        jobs = reversed(list(self._in_queue(request))) if newest_first else self._parts(request)
        size = page_size(request, MOST_FILTERED if "filters" in request else MOST_LISTED)
        after = read_token(request.get("nextToken"))
        # By each job's number, not by offset: a job that changes its state between two pages hides no other.
        rest = (
            job for job in jobs if after is None or (job.sequence < after if newest_first else job.sequence > after)
        )
        taken, more = take(rest, size)
        answer: Document = {"jobSummaryList": [_summary(job) for job in taken]}
        if more:
            answer["nextToken"] = make_token(taken[-1].sequence)
        return answer

    def _parts(self, request: Document) -> Iterator[Job]:
        """An array's children, or the nodes of a multi-node parallel job."""
        kind, job_id = ("array", "arrayJobId") if "arrayJobId" in request else ("multi-node parallel", "multiNodeJobId")
        job = self._engine.jobs.get(request[job_id])
        if job is None or not (job.is_array if kind == "array" else job.nodes):
            raise ClientError(f"{request[job_id]} is not {'an' if kind == 'array' else 'a'} {kind} job.")
        status = request.get("jobStatus", Status.RUNNING)
        return (part for part in job.family[1:] if part.status == status)

    def _in_queue(self, request: Document) -> Iterable[Job]:
        arn = self._catalog.queue(request["jobQueue"])["jobQueueArn"]
        filters = request.get("filters", [])
        if not filters:
            status = request.get("jobStatus", Status.RUNNING)
            return (job for job in self._engine.jobs.submissions(arn) if job.status == status)
        if len(filters) > 1 or len(filters[0].get("values", [])) != 1:
            raise ClientError("ListJobs takes one filter with one value")
        return self._filtered(arn, filters[0].get("name"), filters[0]["values"][0], request.get("jobStatus"))

    def _filtered(self, arn: str, name: str | None, value: str, status: str | None) -> Iterable[Job]:
        if name == "JOB_NAME":
            return self._engine.jobs.named(arn, value)
        submissions = self._engine.jobs.submissions(arn)
        match name:
            case "JOB_DEFINITION":
                return (job for job in submissions if _of_definition(job, value))
            case "BEFORE_CREATED_AT":
                at = _milliseconds(value)
                return (job for job in submissions if job.created_at < at)
            case "AFTER_CREATED_AT":
                at = _milliseconds(value)
                return (job for job in submissions if job.created_at > at)
            case "SHARE_IDENTIFIER":
                shared = (job for job in submissions if job.spec.share_identifier == value)
                return (job for job in shared if status in (None, job.status))
        allowed = "JOB_NAME, JOB_DEFINITION, BEFORE_CREATED_AT, AFTER_CREATED_AT, SHARE_IDENTIFIER"
        raise ClientError(f"ListJobs filters by {allowed}; given {name}")

    def cancel_job(self, request: Document) -> Document:
        return self._stop_one(request, self._engine.cancel)

    def terminate_job(self, request: Document) -> Document:
        return self._stop_one(request, self._engine.terminate)

    def cancel_jobs(self, request: Document) -> Document:
        return self._stop_many(request, self._engine.cancel)

    def terminate_jobs(self, request: Document) -> Document:
        return self._stop_many(request, self._engine.terminate)

    def _stop_one(self, request: Document, stop: Callable[[Job, str], None]) -> Document:
        job = self._job(request["jobId"])
        if job is None:
            raise ClientError(f"Job {request['jobId']} does not exist.")
        if job.node is not None and job.parent is not None:
            raise ClientError(f"{job.id} is a node, and ends with its job: stop {job.parent.id}.")
        if len(request["reason"]) > LONGEST_REASON:
            raise ClientError(f"a reason has at most {LONGEST_REASON} characters; given {len(request['reason'])}")
        stop(job, request["reason"])
        return {}

    def _stop_many(self, request: Document, stop: Callable[[Job, str], None]) -> Document:
        ids = request["jobs"]
        if len(ids) > MOST_STOPPED:
            raise ClientError(f"at most {MOST_STOPPED} jobs at once; given {len(ids)}")
        successful, errors = [], []
        for job_id in ids:
            try:
                self._stop_one({"jobId": job_id, "reason": request["reason"]}, stop)
                successful.append(job_id)
            except BatchError as error:
                errors.append({"job": job_id, "code": error.code, "message": str(error)})
        return {"successful": successful, "errors": errors}

    def end_jobs_of(self, queue_arn: str) -> None:
        """What happens to the jobs of a queue that is deleted."""
        for job in list(self._engine.jobs.submissions(queue_arn)):
            self._engine.terminate(job, "JobQueue deleted")

    def _job(self, reference: str) -> Job | None:
        """A job by id or ARN."""
        return self._engine.jobs.get(short_name(reference))


def _summary(job: Job) -> Document:
    last = job.attempts[-1] if job.attempts else None
    container = {"exitCode": last and last.exit_code, "reason": last and last.reason}
    summary = {
        "jobArn": job.arn,
        "jobId": job.id,
        "jobName": job.spec.name,
        "createdAt": job.created_at,
        "status": job.status.value,
        "statusReason": job.status_reason,
        "startedAt": job.started_at,
        "stoppedAt": job.stopped_at,
        "container": {key: value for key, value in container.items() if value is not None},
        "arrayProperties": array_properties(job),
        "nodeProperties": _node_summary(job),
        "jobDefinition": job.spec.definition_arn,
        "shareIdentifier": job.spec.share_identifier,
        "isCancelled": job.cancelled,
        "isTerminated": job.terminated,
    }
    return {key: value for key, value in summary.items() if value is not None}


def _node_summary(job: Job) -> Document | None:
    if job.node is not None and job.parent is not None:
        return {"isMainNode": job.is_main_node, "numNodes": len(job.parent.nodes), "nodeIndex": job.node}
    return {"numNodes": len(job.nodes)} if job.nodes else None


def _problems_of(request: Document, definition: Document) -> list[str]:
    """What only the definition can tell of a submission."""
    if "nodeProperties" in definition:
        problems = list(check_node_overrides(request, definition))
        return problems or check_node_sizes(nodes_of(request, definition))
    problems = ["nodeOverrides can be used with multi-node parallel jobs only"] if request.get("nodeOverrides") else []
    asked = {**resources(definition["containerProperties"]), **resources(request.get("containerOverrides", {}))}
    return problems + check_resources(asked, definition["platformCapabilities"])


def _of_definition(job: Job, value: str) -> bool:
    if value.startswith("arn:"):
        return job.spec.definition_arn == value
    name = short_name(job.spec.definition_arn).partition(":")[0]
    return name.startswith(value[:-1]) if value.endswith("*") else name == value


def _milliseconds(value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise ClientError(f"the filter's value is a time in milliseconds; given {value!r}") from error
