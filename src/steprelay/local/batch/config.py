"""What a local Batch is told when it is made."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from steprelay.local.batch.chaos import Chaos

SEVEN_DAYS = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class LocalBatchConfig:
    """The machine as the local Batch sees it.

    `workdir`: where jobs get their scratch directories (created; each goes when its attempt ends).
    `vcpus`, `memory_mib`: what jobs may use together; a job that asks for more than this machine has
    runs alone. `environment`: the base environment of every job (endpoint, credentials, PATH); nothing
    of this process's own environment is passed on. `stop_grace_seconds`: between SIGTERM and SIGKILL
    (ECS: 30). `time_scale`: what one second of a job's `attemptDurationSeconds` lasts here.
    `memory_sample_seconds`: how often memory is measured. `retention_seconds`: how long a finished job
    stays readable (Batch: about 7 days). `clock`: wall time, seconds since the epoch.
    `secrets`: the values of jobs' secrets by the name of their variable, as no secret's ARN leads anywhere here;
    nothing else of it reaches a job. `makes_up_queues`: whether a queue that does not exist is made when it is asked
    for, so that flows that name the queues of an account run here. `blocked_after_seconds`: how long a job that its
    queue cannot start is at its head before that is told (Batch: some minutes). `survives_memory_kill`: whether
    something would follow if an attempt of a job with these parameters were killed for its memory.
    """

    workdir: Path
    vcpus: float
    memory_mib: int
    environment: Mapping[str, str]
    region: str = "us-east-1"
    account: str = "000000000000"
    chaos: Chaos = field(default_factory=Chaos)
    stop_grace_seconds: float = 30.0
    time_scale: float = 1.0
    memory_sample_seconds: float = 0.25
    retention_seconds: float = SEVEN_DAYS
    clock: Callable[[], float] = time.time
    secrets: Mapping[str, str] = field(default_factory=dict)
    makes_up_queues: bool = False
    blocked_after_seconds: float = 2.0
    survives_memory_kill: Callable[[Mapping[str, str]], bool] = lambda _parameters: True
