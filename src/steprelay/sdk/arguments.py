"""The keywords of each decorator, for editors and type checkers.

At run time every keyword is accepted and recorded: the compiler checks names and values, so that a person
learns of all problems at once.
"""

from typing import Any, TypedDict


class BatchArguments(TypedDict, total=False):
    """`memory`, `shared_memory`, `max_swap`, `tmpfs_size` in MiB; `ephemeral_storage` in GiB."""

    cpu: float
    memory: int
    gpu: int
    image: str
    queue: str
    iam_role: str
    execution_role: str
    shared_memory: int
    max_swap: int
    swappiness: int
    inferentia: int
    trainium: int
    efa: int
    use_tmpfs: bool
    tmpfs_tempdir: bool
    tmpfs_size: int
    tmpfs_path: str
    ephemeral_storage: int
    aws_batch_tags: dict[str, str]
    log_driver: str
    log_options: list[str] | dict[str, str]
    privileged: bool


class ResourcesArguments(TypedDict, total=False):
    """`memory` and `shared_memory` in MiB; `disk` is understood, and left out with a warning."""

    cpu: float
    memory: int
    gpu: int
    disk: int
    shared_memory: int


class RetryArguments(TypedDict, total=False):
    """`times`: attempts after the first."""

    times: int
    minutes_between_retries: float
    backoff: float


class TimeoutArguments(TypedDict, total=False):
    """Added together."""

    seconds: float
    minutes: float
    hours: float


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
