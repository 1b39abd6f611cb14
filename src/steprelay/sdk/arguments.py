"""The keywords of each decorator, for editors and type checkers.

At run time every keyword is accepted and recorded: the compiler checks names and values, so that a person
learns of all problems at once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from steprelay.sdk.hooks import Hook


class BatchArguments(TypedDict, total=False):
    """`memory`, `max_memory`, `shared_memory`, `max_swap`, `tmpfs_size` in MiB; `ephemeral_storage` in GiB.

    None is as good as not given. docs/batch.md has the table of all parameters.
    """

    cpu: float | None
    memory: int | None
    gpu: int | None
    image: str | None
    queue: str | list[str] | tuple[str, ...] | None
    iam_role: str | None
    execution_role: str | None
    shared_memory: int | None
    max_swap: int | None
    swappiness: int | None
    inferentia: int | None
    trainium: int | None
    efa: int | None
    use_tmpfs: bool | None
    tmpfs_tempdir: bool | None
    tmpfs_size: int | None
    tmpfs_path: str | None
    ephemeral_storage: int | None
    aws_batch_tags: dict[str, str] | None
    log_driver: str | None
    log_options: list[str] | tuple[str, ...] | dict[str, str] | None
    privileged: bool | None
    host_volumes: str | Sequence[str | Mapping[str, Any]] | Mapping[str, Any] | None
    efs_volumes: str | Sequence[str | Mapping[str, Any]] | Mapping[str, Any] | None
    secrets: dict[str, str] | None
    architecture: Literal["x86_64", "arm64"] | None
    ulimits: Mapping[str, int | str | Sequence[int] | Mapping[str, int]] | Sequence[str | Mapping[str, Any]] | None
    share_identifier: str | None
    scheduling_priority: int | None
    num_parallel: int | None
    max_memory: int | None
    round_up: bool | None


class ResourcesArguments(TypedDict, total=False):
    """`memory` and `shared_memory` in MiB; `disk` is understood, and left out with a warning."""

    cpu: float
    memory: int
    gpu: int
    disk: int
    shared_memory: int


class RetryArguments(TypedDict, total=False):
    """`times`: attempts after the first; 0: never again, whatever happened. `jitter`: from 0 to 1.

    `on`: ids of the failure classes that are retried (docs/failures.md); all that can be, unless given.
    """

    times: int
    minutes_between_retries: float
    backoff: float
    jitter: float
    memory_factor: float
    on: str | Sequence[str]
    exit_codes_no_retry: int | Sequence[int]


class TimeoutArguments(TypedDict, total=False):
    """The first three are added together, and so are the others: of one attempt, and of its job's waiting."""

    seconds: float
    minutes: float
    hours: float
    queue_seconds: float
    queue_minutes: float
    queue_hours: float


class CatchArguments(TypedDict, total=False):
    """`var`: the artifact that holds the exception."""

    var: str
    print_exception: bool


class EnvironmentArguments(TypedDict, total=False):
    """`vars`: names to text."""

    vars: dict[str, str | int | float]


class ScheduleArguments(TypedDict, total=False):
    """One of `cron`, `hourly`, `daily`, `weekly`."""

    cron: str
    hourly: bool
    daily: bool
    weekly: bool
    timezone: str
    parameters: dict[str, Any]


class TriggerArguments(TypedDict, total=False):
    """One of `event`, `events`."""

    event: str | dict[str, Any]
    events: list[str | dict[str, Any]]
    parameters: dict[str, str]


class ExitHookArguments(TypedDict, total=False):
    """Functions of the flow's file, each called with the run that has ended, or with nothing."""

    on_success: Sequence[Hook] | Hook
    on_error: Sequence[Hook] | Hook
