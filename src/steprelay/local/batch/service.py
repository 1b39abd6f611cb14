"""The local Batch as its owner sees it: start, stop, handle."""

from steprelay.local.batch.api import Answer, Api, Document, Operation
from steprelay.local.batch.arns import Arns
from steprelay.local.batch.catalog import Catalog
from steprelay.local.batch.config import LocalBatchConfig
from steprelay.local.batch.engine import Engine
from steprelay.local.batch.jobs import JobOperations
from steprelay.local.batch.keeping import Forgetful, JobRecords, Keeper
from steprelay.local.batch.launcher import Launcher, ProcessLauncher
from steprelay.local.batch.outbox import EventSink, LogSink, Outbox
from steprelay.local.batch.restore import restore
from steprelay.local.batch.tagging import Tagging

DELIVERY_SECONDS = 5.0


class LocalBatch:
    """An AWS Batch on this machine. Thread-safe.

    `events` receives EventBridge's "Batch Job State Change" events, `logs` a log group, a stream and
    lines as (milliseconds since the epoch, text). Both are called from one thread, in order; what they
    are given is read-only. `launcher` runs the jobs: as processes of this host, if none is given. `keeper` is left what
    `restore` needs, before it takes effect; with none, nothing outlives this process.
    """

    def __init__(
        self,
        config: LocalBatchConfig,
        *,
        events: EventSink,
        logs: LogSink,
        launcher: Launcher | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self._config = config
        self._outbox = Outbox(events, logs)
        self._records = JobRecords(keeper or Forgetful())
        self._engine = Engine(
            config,
            launcher or ProcessLauncher(),
            self._outbox,
            self._records,
            lambda queue: catalog.environments(queue),
            lambda name: catalog.vcpus_of(name),
        )
        catalog = self._catalog = Catalog(
            Arns(config.region, config.account),
            lambda arn: jobs.end_jobs_of(arn),
            self._records,
            makes_up_queues=config.makes_up_queues,
        )
        jobs = JobOperations(self._engine, catalog, config.secrets)
        self._api = Api(self._operations(catalog, jobs), self._engine.lock, config.chaos)

    def start(self) -> None:
        """Start scheduling. Once only: a stopped local Batch stays stopped."""
        self._config.workdir.mkdir(parents=True, exist_ok=True)
        self._outbox.start()
        self._engine.start()

    def restore(self) -> None:
        """Go on with what the keeper has of a local Batch that was killed. Once, when the queues are there.

        Jobs that ran then have lost their attempt to the end of their host. Ends that may not have been told are told
        again.
        """
        with self._engine.lock:
            self._catalog.restore_definitions(self._records)
            restore(self._records, self._catalog, self._engine, self._config.secrets)

    def stop(self) -> None:
        """Kill every job and leave no process, thread or scratch directory behind."""
        self._engine.stop()
        self._outbox.close(DELIVERY_SECONDS)

    def handle(self, method: str, path: str, body: bytes) -> Answer:
        """Answer a request of the Batch API: (status, headers, body). `path` may have a query string."""
        return self._api.handle(method, path, body)

    def _operations(self, catalog: Catalog, jobs: JobOperations) -> dict[str, Operation]:
        tagging = Tagging(catalog, self._engine.jobs)
        return {
            "CreateComputeEnvironment": catalog.create_compute_environment,
            "DescribeComputeEnvironments": catalog.describe_compute_environments,
            "UpdateComputeEnvironment": self._looking_again(catalog.update_compute_environment),
            "DeleteComputeEnvironment": catalog.delete_compute_environment,
            "CreateJobQueue": catalog.create_job_queue,
            "DescribeJobQueues": catalog.describe_job_queues,
            "UpdateJobQueue": self._looking_again(catalog.update_job_queue),
            "DeleteJobQueue": catalog.delete_job_queue,
            "RegisterJobDefinition": catalog.register_job_definition,
            "DescribeJobDefinitions": catalog.describe_job_definitions,
            "DeregisterJobDefinition": catalog.deregister_job_definition,
            "SubmitJob": jobs.submit_job,
            "DescribeJobs": jobs.describe_jobs,
            "ListJobs": jobs.list_jobs,
            "GetJobQueueSnapshot": jobs.get_job_queue_snapshot,
            "CancelJob": jobs.cancel_job,
            "TerminateJob": jobs.terminate_job,
            "CancelJobs": jobs.cancel_jobs,
            "TerminateJobs": jobs.terminate_jobs,
            "TagResource": tagging.tag_resource,
            "UntagResource": tagging.untag_resource,
            "ListTagsForResource": tagging.list_tags_for_resource,
        }

    def _looking_again(self, operation: Operation) -> Operation:
        def changing(request: Document) -> Document:
            answer = operation(request)
            self._engine.look_again()
            return answer

        return changing
