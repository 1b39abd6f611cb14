"""An AWS Batch on this machine: its REST API, and an engine that runs jobs as processes.

`service` puts it together; `api` → `jobs`, `catalog`, `tagging` answer requests; `submission` merges one
into a `model.JobSpec`; `engine` moves jobs through their states, with `dependencies`, `capacity`, `retry`
and `outcome` as its pure rules and `attempts` running the processes; `outbox` hands `events` and log lines on.

Where it differs from AWS: images, job roles, volumes and GPUs are ignored (see `launcher`); resources are
ready at once; the machine, not a compute environment's maxvCpus, is the limit, and a job larger than the
machine runs alone; queues are first in, first out; a queue's jobStateTimeLimitActions are kept, not acted
on; memory is sampled, so a short peak may pass; multi-node, EKS and ECS properties, consumable resources
and scheduling policies are refused.
"""

from steprelay.local.batch.chaos import Chaos
from steprelay.local.batch.config import LocalBatchConfig
from steprelay.local.batch.launcher import Launcher, ProcessLauncher
from steprelay.local.batch.service import LocalBatch

__all__ = ["Chaos", "Launcher", "LocalBatch", "LocalBatchConfig", "ProcessLauncher"]
