"""The Batch jobs behind a run that goes on: what the relay, which waits for events, does not need to know.

A relay hears of an array of ten thousand children once, when it ends, and of each child that fails. How far the array
is, and what its children print, is asked of Batch itself. So is where the nodes of a multi-node job print, of which no
event tells.
"""

from collections.abc import Iterator, Mapping

from steprelay.client.nodes import followed_nodes, job_of
from steprelay.client.pace import Pace
from steprelay.client.progress import TASK_BY_TASK, child_of
from steprelay.client.relay import JobSeen, RelayClient
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.model import Group, Submission

_ENDED = frozenset({"SUCCEEDED", "FAILED"})


class LiveJobs:
    """Asks for all jobs of interest at a time, and not more often than the slowest pace."""

    def __init__(self, client: RelayClient, flow: Flow, pace: Pace) -> None:
        self._client = client
        self._flow = flow
        self._pace = pace
        self._asked_at = float("-inf")
        self._seen: dict[str, JobSeen] = {}

    def look(self, stored: Stored) -> Mapping[str, JobSeen]:
        """What is known of jobs by their ids, from now or from shortly before."""
        now = self._pace.now()
        wanted = list(self._wanted(stored))
        if wanted and now - self._asked_at >= self._pace.longest:
            self._asked_at = now
            self._seen |= self._client.jobs(wanted)
        return self._seen

    def _wanted(self, stored: Stored) -> Iterator[str]:
        for group in stored.groups.values():
            for submission in group.submissions:
                for job in self._jobs_of(group, submission):
                    known = self._seen.get(job)
                    if known is None or known.status not in _ENDED:
                        yield job

    def _jobs_of(self, group: Group, submission: Submission) -> Iterator[str]:
        """The children of a small array, a large array as a whole, the nodes of a job that has some.

        Of an ordinary single job the relay itself hears enough.
        """
        if submission.job_id is None:
            return
        if len(submission.members) == 1:
            if len(group.members) <= TASK_BY_TASK:
                nodes = followed_nodes(self._flow, group)
                yield from (job_of(submission.job_id, node) for node in nodes if node is not None)
        elif len(group.members) > TASK_BY_TASK:
            yield submission.job_id
        else:
            yield from (child_of(submission.job_id, submission, member) for member in submission.open)
