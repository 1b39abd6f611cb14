"""An AWS Batch on this machine: its REST API, and an engine that runs jobs as processes.

`service` puts it together; `api` → `jobs`, `catalog`, `tagging` answer requests; `submission` merges one
into a `model.JobSpec` (with `nodes` for multi-node parallel jobs, `surroundings` for what a container would have
around its command); `engine` takes jobs to RUNNABLE, `execution` from there to their end, through `transitions`, with
`dependencies`, `placement`, `capacity`, `retry` and `outcome` as their pure rules and `attempts` running the
processes; `outbox` hands `events` and log lines on.

Where it differs from AWS: images, job roles, volumes, GPUs and other devices are ignored, which a job's log says
(see `surroundings`); a tmpfs is a folder of any size; resources are ready at once; jobs share a compute environment's
maxvCpus, but one that is larger than that, or than the machine, runs alone; queues are first in, first out, whatever
their shares weigh, but that scheduling priority counts within a share; a queue's jobStateTimeLimitActions are kept, not
acted on; memory is sampled, so a short peak may pass; all nodes of a multi-node parallel job are this machine;
EKS and ECS properties, consumable resources and scheduling policies are refused.
"""

from steprelay.local.batch.chaos import Chaos
from steprelay.local.batch.config import LocalBatchConfig
from steprelay.local.batch.launcher import Launcher, ProcessLauncher
from steprelay.local.batch.service import LocalBatch

__all__ = ["Chaos", "Launcher", "LocalBatch", "LocalBatchConfig", "ProcessLauncher"]
