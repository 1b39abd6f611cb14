"""What decorators take beyond what the spec's own models say."""

from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictInt, StrictStr

from steprelay_core.spec.types import ArtifactName, EnvironmentName, Mebibytes, Model, PositiveNumber

Duration = Annotated[StrictInt, Field(ge=0)] | Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0)]

TextOrNumber = StrictStr | StrictInt | Annotated[float, Field(strict=True, allow_inf_nan=False)]


class ResourcesArguments(Model):
    """`@resources`. Its defaults count when it is combined with `@batch`, as Metaflow has it."""

    cpu: PositiveNumber = 1
    gpu: Annotated[StrictInt, Field(ge=0)] | None = None
    memory: Annotated[StrictInt, Field(ge=4, json_schema_extra={"unit": "MiB"})] = 4096
    disk: Mebibytes | None = None
    shared_memory: Mebibytes | None = None


class TimeoutArguments(Model):
    """`@timeout`: the sum of three is the time of an attempt, that of the others its time in the queue."""

    seconds: Duration = 0
    minutes: Duration = 0
    hours: Duration = 0
    queue_seconds: Duration = 0
    queue_minutes: Duration = 0
    queue_hours: Duration = 0

    @property
    def total(self) -> float:
        return self.seconds + 60 * self.minutes + 3600 * self.hours

    @property
    def queue_total(self) -> float:
        return self.queue_seconds + 60 * self.queue_minutes + 3600 * self.queue_hours


QUEUE_TIMES = tuple(name for name in TimeoutArguments.model_fields if name.startswith("queue_"))


class EnvironmentArguments(Model):
    """`@environment`: numbers become their text."""

    vars: dict[EnvironmentName, TextOrNumber] = Field(default_factory=dict)


class CatchArguments(Model):
    """`@catch`: the artifact that holds the exception must be a name."""

    var: ArtifactName | None = None
    print_exception: StrictBool = True


class ScheduleArguments(Model):
    """`@schedule`: one of the first four; with none of them, daily."""

    cron: StrictStr | None = None
    hourly: StrictBool = False
    daily: StrictBool = False
    weekly: StrictBool = False
    timezone: StrictStr = "UTC"
    parameters: dict[StrictStr, Any] = Field(default_factory=dict)


class EventArguments(Model):
    """One event of `@trigger` given as a dictionary; `parameters` maps a parameter to a key of the event's detail."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=128)]
    parameters: dict[StrictStr, StrictStr] | None = None
