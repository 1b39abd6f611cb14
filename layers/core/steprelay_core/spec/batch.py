"""What a step asks of AWS Batch: the parameters of `@batch`, each with its bounds, its meaning and its place.

The table of docs/batch.md is written from these fields. `platforms` are those that take a parameter; `request` is
where it goes: a path into the requests as `steprelay plan` prints them.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from steprelay_core.spec.limits import Ulimits
from steprelay_core.spec.problems import Problem
from steprelay_core.spec.types import AbsolutePath, EnvironmentName, Mebibytes, Model, PositiveNumber, Text
from steprelay_core.spec.types import in_unit as _in
from steprelay_core.spec.types import text_like as _text
from steprelay_core.spec.volumes import EfsVolumes, HostVolumes

BOTH = ("ec2", "fargate")
EC2 = ("ec2",)
FARGATE = ("fargate",)

_CONTAINER = "register_job_definition.containerProperties"
_LINUX = f"{_CONTAINER}.linuxParameters"
_SIZES = "submit_job.containerOverrides.resourceRequirements"

TagName = Annotated[
    StrictStr, Field(min_length=1), _text(r"^(?!aws:)", "1 to 128 characters, not beginning with `aws:`", 128)
]
# CreateJobQueue.jobQueueName, or the queue's ARN. `$` alone would let a line end pass.
Queue = Annotated[
    StrictStr,
    _text(
        r"^([A-Za-z0-9_-]{1,128}|arn:aws[a-z-]*:batch:[a-z0-9-]+:\d{12}:job-queue/[A-Za-z0-9_-]{1,128})$(?!\n)",
        "a job queue's name (1 to 128 letters, digits, `-` and `_`) or ARN",
    ),
]
Role = Annotated[StrictStr, _text(r"^\S+$(?!\n)", "a role's ARN, without white space")]
# Amazon ECS, ContainerDefinition.secrets: an ARN of Secrets Manager (with a key, version or stage behind it) or of
# Systems Manager's parameters.
SecretArn = Annotated[
    StrictStr,
    _text(
        r"^arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:\d{12}:secret:|ssm:[a-z0-9-]+:\d{12}:parameter/).+$",
        "the ARN of a secret (arn:aws:secretsmanager:…) or of an SSM parameter (arn:aws:ssm:…)",
    ),
]


def _about(text: str, request: str, example: Any, platforms: tuple[str, ...] = BOTH) -> Any:
    """What people read of a parameter."""
    return Field(
        description=text, examples=[example], json_schema_extra={"platforms": list(platforms), "request": request}
    )


def _queues(given: Any) -> Any:
    if isinstance(given, tuple):
        given = list(given)
    return given[0] if isinstance(given, list) and len(given) == 1 else given


def _log_options(given: Any) -> Any:
    """A list of "key:value", as the reference has it, or a mapping; a value may hold colons of its own."""
    if not isinstance(given, (list, tuple)):
        return given
    options: dict[str, str] = {}
    for entry in given:
        name, colon, value = entry.partition(":") if isinstance(entry, str) else ("", "", "")
        if not name or not colon:
            hint = 'write "key:value", for example "awslogs-group:aws/batch/job"'
            raise PydanticCustomError("said", "{message}", {"message": f"holds {entry!r}", "hint": hint})
        options[name] = value
    return options


QueueList = Annotated[list[Queue], Field(min_length=1, json_schema_extra={"allowed": "a list of such"})]
Queues = Annotated[Queue | QueueList, BeforeValidator(_queues, json_schema_input_type=Queue | QueueList)]
LogOptions = Annotated[
    dict[StrictStr, StrictStr], BeforeValidator(_log_options, json_schema_input_type=list[str] | dict[str, str])
]


class Batch(Model):
    """What a step asks of AWS Batch; names, units and defaults are those of the `@batch` decorator."""

    cpu: Annotated[
        PositiveNumber,
        _about("Processors: whole vCPUs on EC2; 0.25, 0.5, 1, 2, 4, 8, 16 or 32 on Fargate", f"{_SIZES}[VCPU]", 4),
    ] = 1
    memory: Annotated[
        Annotated[StrictInt, Field(ge=4), _in("MiB")],
        _about("Memory; what takes more is killed", f"{_SIZES}[MEMORY]", 16384),
    ] = 4096
    gpu: Annotated[StrictInt, Field(ge=0), _about("GPUs, for this job alone", f"{_SIZES}[GPU]", 1, EC2)] = 0
    image: Annotated[
        Annotated[StrictStr, Field(min_length=1, max_length=255)] | None,
        _about(
            "Docker image; unless given, the official Python image of the version that packed the flow",
            f"{_CONTAINER}.image",
            "my-registry.com/ml-image:latest",
        ),
    ] = None
    queue: Annotated[
        Queues | None,
        _about(
            "Job queue, by name or ARN; or a list of queues, in order of fallback",
            "submit_job.jobQueue",
            ["spot", "on-demand"],
        ),
    ] = None
    iam_role: Annotated[
        Role | None,
        _about(
            "Role that the step's code has, by its ARN",
            f"{_CONTAINER}.jobRoleArn",
            "arn:aws:iam::123456789012:role/step",
        ),
    ] = None
    execution_role: Annotated[
        Role | None,
        _about(
            "Role, by its ARN, that pulls the image, opens the log and reads `secrets`; Fargate always needs one",
            f"{_CONTAINER}.executionRoleArn",
            "arn:aws:iam::123456789012:role/execution",
        ),
    ] = None
    shared_memory: Annotated[
        Mebibytes | None, _about("Size of /dev/shm (`--shm-size` in Docker)", f"{_LINUX}.sharedMemorySize", 16384, EC2)
    ] = None
    max_swap: Annotated[
        Annotated[StrictInt, Field(ge=0), _in("MiB")] | None,
        _about(
            "Swap beside the memory (`--memory-swap` in Docker is the sum of both); 0 disables swap",
            f"{_LINUX}.maxSwap",
            2048,
            EC2,
        ),
    ] = None
    swappiness: Annotated[
        Annotated[StrictInt, Field(ge=0, le=100)] | None,
        _about(
            "How readily memory is swapped: 0 hardly ever, 100 eagerly; AWS heeds it beside `max_swap` only",
            f"{_LINUX}.swappiness",
            60,
            EC2,
        ),
    ] = None
    inferentia: Annotated[
        StrictInt, Field(ge=0), _about("AWS Inferentia chips: /dev/neuron0 and so on", f"{_LINUX}.devices", 1, EC2)
    ] = 0
    trainium: Annotated[
        StrictInt,
        Field(ge=0),
        _about("AWS Trainium chips: `inferentia` under another name, give one of the two", f"{_LINUX}.devices", 1, EC2),
    ] = 0
    efa: Annotated[
        StrictInt,
        Field(ge=0),
        _about("Elastic fabric adapters: /dev/infiniband/uverbs0 and so on", f"{_LINUX}.devices", 1, EC2),
    ] = 0
    use_tmpfs: Annotated[
        StrictBool, _about("Mount a file system that lives in memory", f"{_LINUX}.tmpfs", True, EC2)
    ] = False
    tmpfs_tempdir: Annotated[
        StrictBool,
        _about(
            "Make the tmpfs the step's temporary folder (TMPDIR, STEPRELAY_TEMPDIR, METAFLOW_TEMPDIR)",
            "the job's environment",
            False,
            EC2,
        ),
    ] = True
    tmpfs_size: Annotated[
        Mebibytes | None,
        _about(
            "Size of the tmpfs; to give a size is to want a tmpfs",
            f"{_LINUX}.tmpfs[0].size",
            4096,
            EC2,
        ),
    ] = None
    tmpfs_path: Annotated[
        AbsolutePath, _about("Where the tmpfs is mounted", f"{_LINUX}.tmpfs[0].containerPath", "/scratch", EC2)
    ] = "/steprelay_temp"
    ephemeral_storage: Annotated[
        Annotated[StrictInt, Field(ge=21, le=200), _in("GiB")] | None,
        _about(
            "Size of the disk that lives as long as the job; Fargate gives 20 GiB unless asked",
            f"{_CONTAINER}.ephemeralStorage.sizeInGiB",
            100,
            FARGATE,
        ),
    ] = None
    aws_batch_tags: Annotated[
        dict[TagName, Annotated[StrictStr, Field(max_length=256)]],
        _about("AWS tags of the job and of its ECS task: name to text", "submit_job.tags", {"Project": "DataPipeline"}),
    ] = {}
    log_driver: Annotated[
        Text | None,
        _about(
            "Log driver of the container; on Fargate awslogs or splunk",
            f"{_CONTAINER}.logConfiguration.logDriver",
            "awslogs",
        ),
    ] = None
    log_options: Annotated[
        LogOptions,
        _about(
            'Options of the log driver (awslogs unless given): a list of "key:value", or a mapping',
            f"{_CONTAINER}.logConfiguration.options",
            ["awslogs-group:aws/batch/job"],
        ),
    ] = {}
    privileged: Annotated[
        StrictBool, _about("Give the container the rights of the host's root", f"{_CONTAINER}.privileged", True, EC2)
    ] = False
    host_volumes: Annotated[
        HostVolumes,
        _about(
            'Folders of the instance: "/data", "/data:/mnt/data:ro", a list of such, or a mapping',
            f"{_CONTAINER}.volumes",
            ["/data:/mnt/data:ro"],
            EC2,
        ),
    ] = []
    efs_volumes: Annotated[
        EfsVolumes,
        _about(
            'EFS file systems: "fs-0123abcd" (at /mnt/fs-0123abcd), "fs-0123abcd:/data:ro", a list or a mapping',
            f"{_CONTAINER}.volumes",
            ["fs-0123abcd:/data"],
        ),
    ] = []
    secrets: Annotated[
        dict[EnvironmentName, SecretArn],
        _about(
            "Environment variables filled from Secrets Manager or SSM as the job starts: name to ARN",
            f"{_CONTAINER}.secrets",
            {"TOKEN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:token-a1b2c3"},
        ),
    ] = {}
    architecture: Annotated[
        Literal["x86_64", "arm64"] | None,
        _about(
            "Processor architecture; on EC2 the instances of the queue decide",
            f"{_CONTAINER}.runtimePlatform.cpuArchitecture",
            "arm64",
            FARGATE,
        ),
    ] = None
    ulimits: Annotated[
        Ulimits,
        _about(
            "Limits of the container's processes: name to a limit, or to [soft, hard]",
            f"{_CONTAINER}.ulimits",
            {"nofile": [1024, 65536]},
            EC2,
        ),
    ] = {}
    share_identifier: Annotated[
        Annotated[StrictStr, _text(r"^[A-Za-z0-9]{1,255}\*?$", "at most 255 letters and digits, and `*` at the end")]
        | None,
        _about("Whose share of a fair-share queue the job uses", "submit_job.shareIdentifier", "research"),
    ] = None
    scheduling_priority: Annotated[
        Annotated[StrictInt, Field(ge=0, le=9999)] | None,
        _about(
            "Priority among the jobs of one share; higher goes first",
            "submit_job.schedulingPriorityOverride",
            10,
        ),
    ] = None
    num_parallel: Annotated[
        StrictInt,
        Field(ge=0),
        _about(
            "Nodes that run the step together, as a multi-node parallel job; 0 and 1 are an ordinary job",
            "register_job_definition.nodeProperties.numNodes",
            4,
            EC2,
        ),
    ] = 0
    max_memory: Annotated[
        Annotated[StrictInt, Field(ge=4), _in("MiB")] | None,
        _about(
            "How far memory may grow: each attempt after one that ran out of it gets twice as much, up to this; "
            "`@retry(memory_factor=…)` for another factor than 2",
            f"{_SIZES}[MEMORY] of later attempts",
            65536,
        ),
    ] = None
    round_up: Annotated[
        StrictBool,
        _about(
            "Take the next valid size where the platform does not have the one asked for: on Fargate the smallest pair "
            "of vCPU and memory that has enough of both, on EC2 whole vCPUs",
            f"{_SIZES}",
            True,
        ),
    ] = False

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues in order of fallback; none where the step names none."""
        if self.queue is None:
            return ()
        return (self.queue,) if isinstance(self.queue, str) else tuple(self.queue)

    @property
    def last_queue(self) -> int:
        """The position of the queue that nothing is left to fall back to from; 0 where the step names none."""
        return max(len(self.queues) - 1, 0)

    def queue_at(self, position: int) -> str | None:
        """The queue at this position, the last one for any beyond; None where the step names none."""
        return self.queues[min(position, self.last_queue)] if self.queues else None

    @property
    def neuron_chips(self) -> int:
        """Inferentia or Trainium: the same devices under two names."""
        return self.inferentia or self.trainium

    @property
    def has_tmpfs(self) -> bool:
        """Metaflow's rule: to give a size is to want it."""
        return self.use_tmpfs or self.tmpfs_size is not None

    @property
    def nodes(self) -> int:
        """Nodes of a multi-node parallel job; 1 for an ordinary one."""
        return max(1, self.num_parallel)


def batch_problems(batch: Batch, path: str, step: str) -> Iterator[Problem]:
    """What no parameter can know by itself, on any platform; every message names its parameters.

    Others than that of the path are named as `name=value`: who gave them is to blame as well.
    """
    if batch.inferentia and batch.trainium:
        message = f"inferentia={batch.inferentia} and trainium={batch.trainium} cannot go together"
        yield Problem(f"{path}.trainium", message, "they are two names for the same devices: keep one", step)
    if batch.scheduling_priority is not None and batch.share_identifier is None:
        message = f"scheduling_priority={batch.scheduling_priority} means nothing without a share"
        yield Problem(f"{path}.scheduling_priority", message, "give share_identifier as well", step)
    if batch.max_memory is not None and batch.max_memory < batch.memory:
        message = f"max_memory={batch.max_memory} MiB is less than what it starts with, memory={batch.memory} MiB"
        yield Problem(f"{path}.max_memory", message, "raise it, or lower memory", step)
    if len(set(batch.queues)) < len(batch.queues):
        message = f"queue names one twice: {', '.join(batch.queues)}"
        yield Problem(f"{path}.queue", message, "name each once", step)
    yield from _volume_problems(batch, path, step)


def _volume_problems(batch: Batch, path: str, step: str) -> Iterator[Problem]:
    taken = {batch.tmpfs_path: f"the tmpfs (tmpfs_path={batch.tmpfs_path})"} if batch.has_tmpfs else {}
    for name, volumes in (("host_volumes", batch.host_volumes), ("efs_volumes", batch.efs_volumes)):
        for volume in volumes:
            if volume.target in taken:
                message = f"{name}: {volume.target} is the place of {taken[volume.target]} already"
                yield Problem(f"{path}.{name}", message, "mount it elsewhere", step)
            taken[volume.target] = "another volume"
    for efs in batch.efs_volumes:
        if efs.access_point and efs.root != "/":
            message = f"efs_volumes: {efs.filesystem} has an access point and the root {efs.root!r}"
            yield Problem(f"{path}.efs_volumes", message, "an access point brings its own root: leave `root` out", step)
