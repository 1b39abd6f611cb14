"""The step spec: what a package says of itself, as strict models.

One object, validated once (`steprelay_core.spec.validate`), from which the graph, the AWS requests and
the runner's brief all follow. Unknown keys are refused everywhere: a misspelt parameter must never be
dropped in silence.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StrictStr

from steprelay_core.spec.batch import Batch
from steprelay_core.spec.hooks import Hooks
from steprelay_core.spec.memory import Memory
from steprelay_core.spec.retry import Retry
from steprelay_core.spec.types import (
    ArtifactName,
    EnvironmentName,
    FlowName,
    Model,
    ParameterName,
    StepName,
    text_like,
)

SPEC_VERSION = 1
SPEC_NAME = "steprelay.json"


class Source(Model):
    """Where a step was written, so that problems can name file and line."""

    file: StrictStr
    line: StrictInt


class Parameter(Model):
    """A value a run is started with. `type` names how text from the outside is read."""

    type: Literal["str", "int", "float", "bool", "json"] = "str"
    default: Any = None
    required: StrictBool = False
    help: StrictStr | None = None


class Catch(Model):
    """After the last attempt, go on with the exception in artifact `var`."""

    var: ArtifactName | None = None
    print_exception: StrictBool = True


class Transition(Model):
    """One way on from a step: to one step, to several at once, or to one step for each item of `foreach`."""

    to: Annotated[list[StepName], Field(min_length=1)]
    foreach: StrictStr | None = None
    empty: Annotated[
        Literal["join", "fail"],
        Field(description="a foreach without items: go straight to its join, or fail the step that starts it"),
    ] = "join"
    when: Annotated[StrictStr | None, Field(description="the value of `condition` that takes this way")] = None
    max_workers: Annotated[
        StrictInt | None,
        Field(ge=1, description="of each step of the foreach's body, at most so many tasks are in flight at a time"),
    ] = None


def _transitions(given: Any) -> Any:
    """Let people write `"next": "end"` or `"next": ["a", "b"]` for the common cases."""
    if isinstance(given, str):
        return [{"to": [given]}]
    if isinstance(given, list) and given and all(isinstance(item, str) for item in given):
        return [{"to": given}]
    if isinstance(given, dict):
        return [given]
    return given


class Step(Model):
    """One step. More than one entry in `next` means that the step itself chooses one as it runs."""

    next: Annotated[
        list[Transition],
        BeforeValidator(_transitions, json_schema_input_type=str | list[str] | Transition | list[Transition]),
    ] = []
    condition: StrictStr | None = None
    join: StrictBool = False
    command: Annotated[list[StrictStr], Field(min_length=1)] | None = None
    package: Annotated[
        StrictBool, Field(description="false: run the command as it is, without our runner; exit code decides")
    ] = True
    batch: Batch | None = None
    retry: Retry | None = None
    timeout_seconds: Annotated[StrictInt, Field(ge=1)] | None = None
    catch: Catch | None = None
    environment: dict[EnvironmentName, StrictStr] = {}
    doc: StrictStr | None = None
    source: Source | None = None
    queue_timeout_seconds: Annotated[
        StrictInt | None,
        Field(
            ge=1,
            description="how long a job may wait for a machine; then it is tried on the next queue, or fails",
        ),
    ] = None

    @property
    def never_again(self) -> bool:
        """Whether no second attempt may be made, by whomever: `@retry(times=0)`."""
        return self.retry is not None and self.retry.times == 0

    @property
    def memory(self) -> Memory | None:
        """What its jobs have, and how far that grows; None for a light step."""
        if self.batch is None:
            return None
        return Memory.of(self.batch, self.retry.memory_factor if self.retry else None)


class Entrypoint(Model):
    """The Python class that holds the steps: a file of the package, and the class in it."""

    file: StrictStr
    class_name: StrictStr
    python: Annotated[
        StrictStr, Field(description="the submitter's Python"), text_like(r"^3\.\d+$", "a version like 3.12")
    ]


class Schedule(Model):
    """When a deployed flow starts by itself: an EventBridge Scheduler expression and its time zone."""

    expression: Annotated[
        StrictStr,
        text_like(r"^(cron|rate)\(.+\)$", "cron(<six fields>) or rate(<number> <unit>), as in EventBridge Scheduler"),
    ]
    timezone: StrictStr = "UTC"
    parameters: dict[StrictStr, Any] = {}


class Trigger(Model):
    """The name (EventBridge `detail-type`) of an event on the relay's bus that starts the deployed flow.

    `parameters` maps a parameter to the key of the event's `detail` it is read from; without it, keys of
    `detail` that are named like a parameter are taken.
    """

    event: Annotated[StrictStr, Field(min_length=1, max_length=128)]
    parameters: dict[StrictStr, StrictStr] | None = None


class Spec(Model):
    """A whole flow: `steprelay.json`, the first member of a package."""

    schema_: Annotated[
        StrictStr | None, Field(alias="$schema", exclude=True, description="for editors; not part of the flow")
    ] = None
    spec_version: Literal[1]
    flow: FlowName
    doc: StrictStr | None = None
    entrypoint: Entrypoint | None = None
    parameters: dict[ParameterName, Parameter] = {}
    steps: Annotated[dict[StepName, Step], Field(min_length=1)]
    start: StepName = "start"
    timeout_seconds: Annotated[
        StrictInt | None,
        Field(ge=1, description="the limit of a whole run; then all that runs is stopped, and it fails"),
    ] = None
    max_workers: Annotated[
        StrictInt | None, Field(ge=1, description="`max_workers` for every foreach that has none of its own")
    ] = None
    schedules: list[Schedule] = []
    triggers: list[Trigger] = []
    hooks: Hooks = []
