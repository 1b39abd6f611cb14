"""A run as it is now, with all that `runs show` and the report tell of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from steprelay.client.changes import RunEnded, StepProgress
from steprelay.client.cost.estimate import RunCost
from steprelay.client.cost.reading import cost_of
from steprelay.client.follow import describe_end, stored_run
from steprelay.client.jobs import LiveJobs
from steprelay.client.pace import Pace
from steprelay.client.progress import step_progress
from steprelay.client.relay import JobSeen, RelayClient
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow


@dataclass(frozen=True, slots=True)
class RunView:
    """`jobs`: what AWS Batch says of its tasks, while it runs; `ended`: how it ended, if it did."""

    flow: Flow
    stored: Stored
    steps: list[StepProgress]
    cost: RunCost
    jobs: Mapping[str, JobSeen]
    ended: RunEnded | None


def look_at(client: RelayClient, run: str, pace: Pace) -> RunView:
    """Read all of it.

    Raises:
        NoSuchRun: if the relay has no such run.
    """
    stored = stored_run(client, run)
    flow = client.flow(stored.run.digest)
    ended = describe_end(client, flow, stored) if stored.run.status.terminal else None
    jobs: Mapping[str, JobSeen] = {} if ended else LiveJobs(client, flow, pace).look(stored)
    return RunView(flow, stored, step_progress(flow, stored, jobs), cost_of(client, flow, stored), jobs, ended)
