"""The step spec: what a package says of itself, as strict models.

One object, validated once (`steprelay_core.spec.validate`), from which the graph, the AWS requests and
the runner's brief all follow. Unknown keys are refused everywhere: a misspelt parameter must never be
dropped in silence.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr

SPEC_VERSION = 1
SPEC_NAME = "steprelay.json"


def _text(pattern: str, allowed: str, max_length: int | None = None) -> Any:
    """Text of a form that `allowed` says in words; messages and the JSON Schema carry both."""
    return Field(pattern=pattern, max_length=max_length, json_schema_extra={"allowed": allowed})


def _in(unit: str) -> Any:
    return Field(json_schema_extra={"unit": unit})


# Names become parts of S3 keys, job names and tags: letters of any script, digits, `_` and `-`.
FlowName = Annotated[
    StrictStr, _text(r"^[^\W\d_][\w-]*$", "at most 64 letters, digits, `_` and `-`, a letter first", 64)
]
StepName = Annotated[
    StrictStr, _text(r"^[^\W\d][\w-]*$", "at most 64 letters, digits, `_` and `-`, a letter or `_` first", 64)
]
ParameterName = Annotated[StrictStr, _text(r"^[A-Za-z_]\w*$", "letters, digits and `_`, no digit first")]
EnvironmentName = Annotated[
    StrictStr,
    _text(
        r"^(?!AWS_BATCH)[A-Za-z_][A-Za-z0-9_]*$",
        "letters, digits and `_`, no digit first, not beginning with AWS_BATCH (AWS Batch refuses that)",
    ),
]
TagName = Annotated[
    StrictStr, Field(min_length=1), _text(r"^(?!aws:)", "1 to 128 characters, not beginning with `aws:`", 128)
]
# Bounds stand on both arms, so that the JSON Schema states them too.
PositiveNumber = Annotated[StrictInt, Field(gt=0)] | Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0)]
Minutes = (
    Annotated[StrictInt, Field(ge=0), _in("minutes")]
    | Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0), _in("minutes")]
)
Factor = Annotated[StrictInt, Field(ge=1)] | Annotated[float, Field(strict=True, allow_inf_nan=False, ge=1)]
Mebibytes = Annotated[StrictInt, Field(ge=1), _in("MiB")]


class Model(BaseModel):
    """Strict, frozen, and without room for unknown keys."""

    # The default regex engine has no look-ahead.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, regex_engine="python-re")


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


class Batch(Model):
    """What a step asks of AWS Batch; names, units and defaults are those of the `@batch` decorator."""

    cpu: Annotated[PositiveNumber, Field(description="vCPUs; fractions on Fargate only")] = 1
    memory: Annotated[StrictInt, Field(ge=4, description="Memory in MiB."), _in("MiB")] = 4096
    gpu: Annotated[StrictInt, Field(ge=0, description="GPUs; EC2 only")] = 0
    image: Annotated[StrictStr, Field(min_length=1, max_length=255)] | None = None
    queue: Annotated[StrictStr, Field(min_length=1)] | None = None
    iam_role: Annotated[StrictStr, Field(min_length=1)] | None = None
    execution_role: Annotated[StrictStr, Field(min_length=1)] | None = None
    shared_memory: Annotated[Mebibytes | None, Field(description="Size of /dev/shm in MiB; EC2 only")] = None
    max_swap: Annotated[
        Annotated[StrictInt, Field(ge=0), _in("MiB")] | None,
        Field(description="Swap in MiB beside the memory; 0 disables swap; EC2 only"),
    ] = None
    swappiness: Annotated[StrictInt, Field(ge=0, le=100)] | None = None
    inferentia: Annotated[StrictInt, Field(ge=0, description="Inferentia or Trainium chips; EC2 only")] = 0
    efa: Annotated[StrictInt, Field(ge=0, description="Elastic fabric adapters; EC2 only")] = 0
    use_tmpfs: StrictBool = False
    tmpfs_tempdir: Annotated[StrictBool, Field(description="The tmpfs is the step's temporary folder")] = True
    tmpfs_size: Annotated[Mebibytes | None, Field(description="In MiB; half of the memory unless given")] = None
    tmpfs_path: Annotated[StrictStr, _text(r"^/", "an absolute path")] = "/steprelay_temp"
    ephemeral_storage: Annotated[
        Annotated[StrictInt, Field(ge=21, le=200), _in("GiB")] | None, Field(description="In GiB; Fargate only")
    ] = None
    aws_batch_tags: dict[TagName, Annotated[StrictStr, Field(max_length=256)]] = {}
    log_driver: Annotated[StrictStr, Field(min_length=1)] | None = None
    log_options: dict[StrictStr, StrictStr] = {}
    privileged: StrictBool = False


class Retry(Model):
    """The step's own retries: attempts after the first, and the wait before each."""

    times: Annotated[StrictInt, Field(ge=0, le=99)] = 3
    minutes_between_retries: Minutes = 2
    backoff: Annotated[Factor, Field(description="each wait is this many times the one before")] = 1


class Catch(Model):
    """After the last attempt, go on with the exception in artifact `var`."""

    var: StrictStr | None = None
    print_exception: StrictBool = True


class Transition(Model):
    """One way on from a step: to one step, to several at once, or to one step for each item of `foreach`."""

    to: Annotated[list[StepName], Field(min_length=1)]
    foreach: StrictStr | None = None
    when: Annotated[StrictStr | None, Field(description="the value of `condition` that takes this way")] = None


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


class Entrypoint(Model):
    """The Python class that holds the steps: a file of the package, and the class in it."""

    file: StrictStr
    class_name: StrictStr
    python: Annotated[StrictStr, Field(description="the submitter's Python"), _text(r"^3\.\d+$", "a version like 3.12")]


class Schedule(Model):
    """When a deployed flow starts by itself: an EventBridge Scheduler expression and its time zone."""

    expression: Annotated[
        StrictStr,
        _text(r"^(cron|rate)\(.+\)$", "cron(<six fields>) or rate(<number> <unit>), as in EventBridge Scheduler"),
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
    schedules: list[Schedule] = []
    triggers: list[Trigger] = []
