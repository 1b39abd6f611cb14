"""What the template tells the functions, read once from their environment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from steprelay_core.decide.overdue import JOB_SILENCE
from steprelay_core.translate import Defaults

# Field → variable. The template sets them all on every dispatching function.
_REQUIRED = {
    "relay": "STEPRELAY_RELAY",
    "table": "STEPRELAY_TABLE",
    "package_bucket": "STEPRELAY_PACKAGE_BUCKET",
    "data_bucket": "STEPRELAY_DATA_BUCKET",
    "bus": "STEPRELAY_BUS",
    "job_events_queue_url": "STEPRELAY_JOB_EVENTS_QUEUE_URL",
    "timers_queue_url": "STEPRELAY_TIMERS_QUEUE_URL",
    "timers_queue_arn": "STEPRELAY_TIMERS_QUEUE_ARN",
    "light_queue_url": "STEPRELAY_LIGHT_QUEUE_URL",
    "requests_queue_arn": "STEPRELAY_REQUESTS_QUEUE_ARN",
    "schedule_group": "STEPRELAY_SCHEDULE_GROUP",
    "scheduler_role_arn": "STEPRELAY_SCHEDULER_ROLE_ARN",
}


class IncompleteEnvironment(Exception):
    """A function without the variables that the template gives it, or with one that says nothing usable."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One relay: its name, where its things are, and the defaults of its `@batch` steps.

    `runs_expire_days`: how long the state of runs is kept after its last change; 0 keeps it for good.
    `definitions_expire_days`: after how long without use job definitions are deregistered; 0 keeps them.
    `submits_per_second`: how many jobs all its functions together submit at most; 0 is no limit.
    `region`: the one whose console shows what is there; None beside an emulator, which has none.
    `job_silence_seconds`: how long a job may have been with Batch before the sweep asks for it.
    """

    relay: str
    table: str
    package_bucket: str
    data_bucket: str
    bus: str
    job_events_queue_url: str
    timers_queue_url: str
    timers_queue_arn: str
    light_queue_url: str
    requests_queue_arn: str
    schedule_group: str
    scheduler_role_arn: str
    defaults: Defaults
    runs_expire_days: int = 0
    definitions_expire_days: int = 0
    submits_per_second: int = 0
    region: str | None = None
    job_silence_seconds: float = JOB_SILENCE


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in an environment (`os.environ`).

    Raises:
        IncompleteEnvironment: naming every variable that is missing or empty, or one that cannot be read.
    """
    missing = [variable for variable in _REQUIRED.values() if not environment.get(variable)]
    if missing:
        raise IncompleteEnvironment(
            f"this function needs the environment variables {', '.join(missing)}; deploy it with template.yaml"
        )
    values = {field: environment[variable] for field, variable in _REQUIRED.items()}
    # An empty default means that there is none.
    defaults = Defaults(
        queue=environment.get("STEPRELAY_BATCH_JOB_QUEUE") or None,
        image=environment.get("STEPRELAY_BATCH_CONTAINER_IMAGE") or None,
        iam_role=environment.get("STEPRELAY_ECS_S3_ACCESS_IAM_ROLE") or None,
        execution_role=environment.get("STEPRELAY_ECS_FARGATE_EXECUTION_ROLE") or None,
        registry=environment.get("STEPRELAY_BATCH_CONTAINER_REGISTRY") or None,
        tags=_tags(environment.get("STEPRELAY_BATCH_DEFAULT_TAGS") or "{}"),
    )
    return Settings(
        **values,
        defaults=defaults,
        runs_expire_days=int(environment.get("STEPRELAY_RUNS_EXPIRE_DAYS") or 0),
        definitions_expire_days=int(environment.get("STEPRELAY_DEFINITIONS_EXPIRE_DAYS") or 0),
        submits_per_second=int(environment.get("STEPRELAY_SUBMITS_PER_SECOND") or 0),
        region=None if environment.get("AWS_ENDPOINT_URL") else environment.get("AWS_REGION") or None,
        job_silence_seconds=float(environment.get("STEPRELAY_JOB_SILENCE_SECONDS") or JOB_SILENCE),
    )


def _tags(text: str) -> dict[str, str]:
    try:
        tags = json.loads(text)
    except ValueError:
        tags = None
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise IncompleteEnvironment(
            f'STEPRELAY_BATCH_DEFAULT_TAGS must be a JSON object of text, for example {{"Team": "data"}}; '
            f"given {text!r}; deploy the relay with another DefaultTags"
        )
    return tags
