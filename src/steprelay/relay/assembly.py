"""A relay put together: from settings to ports, engine, intake and requests."""

import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from steprelay.relay.records import DeadLetters
from steprelay_core.effects import Effects
from steprelay_core.engine import Engine
from steprelay_core.intake.deploy import Deployer
from steprelay_core.intake.queues import QueueCheck
from steprelay_core.intake.receive import Intake
from steprelay_core.intake.requests import Requests, Wanted
from steprelay_core.ports import Ports, Schedules, Uploads
from steprelay_core.submit import Dispatch
from steprelay_core.sweep import Sweeper, SweepLimits


@dataclass(frozen=True)
class Relay:
    """What the functions call. `name` is the stack's, which jobs carry; `dead_letters` is None without a queue."""

    name: str
    engine: Engine
    intake: Intake
    requests: Requests
    sweeper: Sweeper
    dead_letters: DeadLetters | None


def assemble(
    ports: Ports,
    uploads: Uploads,
    schedules: Schedules,
    dispatch: Dispatch,
    dead_letters: DeadLetters | None,
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    definitions_expire_days: int = 0,
    sweep_limits: SweepLimits | None = None,
) -> Relay:
    """A relay on these ports; job definitions unused for some days are deregistered, for 0 days never."""
    engine = Engine(ports, Effects(ports, dispatch), new_id)

    def start(event: Wanted) -> str | None:
        return engine.handle(event).note

    queues = QueueCheck(ports.jobs, dispatch.defaults, dispatch.bootstrap)
    deployer = Deployer(dispatch.relay, ports.store, schedules, ports.objects, ports.bus)
    return Relay(
        name=dispatch.relay,
        engine=engine,
        intake=Intake(uploads, ports.objects, ports.bus, deployer, start, queues.problems),
        requests=Requests(ports.store, ports.objects, ports.bus, start),
        sweeper=Sweeper(engine, dispatch.relay, definitions_expire_days, sweep_limits or SweepLimits()),
        dead_letters=dead_letters,
    )


@cache
def relay() -> Relay:
    """The deployed relay that this function belongs to: made at the first event, kept as long as the container.

    Raises:
        IncompleteEnvironment: if the function lacks what the template gives it.
    """
    # Imported at the first event, not by the function's module: botocore takes as long as all the rest.
    from steprelay.relay.bundle import BundlePublisher
    from steprelay.runner.bootstrap import bootstrap_source
    from steprelay_core.aws.clients import Clients
    from steprelay_core.aws.dead_letters import SqsDeadLetters
    from steprelay_core.aws.environment import read_settings
    from steprelay_core.aws.schedules import SchedulerSchedules, ScheduleTarget
    from steprelay_core.aws.uploads import S3Uploads
    from steprelay_core.aws.wiring import ports_from

    settings, clients = read_settings(os.environ), Clients()
    ports = ports_from(settings, clients)
    target = ScheduleTarget(settings.schedule_group, settings.requests_queue_arn, settings.scheduler_role_arn)
    dispatch = Dispatch(
        relay=settings.relay,
        data_bucket=settings.data_bucket,
        defaults=settings.defaults,
        bootstrap=bootstrap_source(),
        bundle=BundlePublisher(ports.objects),
    )
    buried_at = os.environ.get("STEPRELAY_DEAD_LETTER_QUEUE_URL")
    return assemble(
        ports,
        S3Uploads(clients, settings.data_bucket),
        SchedulerSchedules(clients, target),
        dispatch,
        SqsDeadLetters(clients, buried_at) if buried_at else None,
        definitions_expire_days=settings.definitions_expire_days,
        sweep_limits=SweepLimits(silence=settings.job_silence_seconds),
    )
