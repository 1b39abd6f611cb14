"""The ports of a deployed relay."""

import time

from steprelay_core.aws.bus import EventBridgeBus
from steprelay_core.aws.clients import Clients
from steprelay_core.aws.environment import Settings
from steprelay_core.aws.jobs import BatchJobs
from steprelay_core.aws.light import SqsLight
from steprelay_core.aws.logs import AwsLogs
from steprelay_core.aws.objects import S3Objects
from steprelay_core.aws.pace import DynamoPace, PacedRetries
from steprelay_core.aws.queues import BatchQueues
from steprelay_core.aws.store import DynamoStore
from steprelay_core.aws.timers import AwsTimers, TimerTargets
from steprelay_core.ports import Ports, Unpaced


class SystemClock:
    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def ports_from(settings: Settings, clients: Clients | None = None) -> Ports:
    """Everything the engine needs of AWS, as these settings name it."""
    clients = clients or Clients()
    clock = SystemClock()
    limit = settings.submits_per_second
    pace = DynamoPace(clients, settings.table, limit) if limit else Unpaced()
    targets = TimerTargets(
        queue_url=settings.timers_queue_url,
        queue_arn=settings.timers_queue_arn,
        schedule_group=settings.schedule_group,
        role_arn=settings.scheduler_role_arn,
    )
    return Ports(
        store=DynamoStore(clients, settings.table, settings.runs_expire_days),
        jobs=BatchJobs(clients, PacedRetries(pace, clock)),
        light=SqsLight(clients, settings.light_queue_url),
        timers=AwsTimers(clients, targets, clock),
        bus=EventBridgeBus(clients, settings.bus),
        objects=S3Objects(clients, settings.data_bucket),
        clock=clock,
        pace=pace,
        queues=BatchQueues(clients),
        logs=AwsLogs(clients, settings.data_bucket, settings.region),
    )
