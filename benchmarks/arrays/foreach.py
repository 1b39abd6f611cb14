"""One foreach of N tasks, played by the real functions and adapters: what it costs in requests, whatever the time.

A light step starts it, a light step joins it. Containers run a thousand at a time for a minute each; of the first
attempts some fail, of the second ones none. Events come as the rules and queues of template.yaml deliver them.
"""

import heapq
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.arrays.cloud import CountedClients
from functions.job_changed.app import respond as job_changed
from functions.timer_due.app import respond as timer_due
from steprelay.relay.assembly import Relay
from steprelay.relay.telemetry import metrics
from steprelay_core import keys
from steprelay_core.aws.objects import S3Objects
from steprelay_core.aws.store import DynamoStore
from steprelay_core.commands import Announce
from steprelay_core.effects import Effects
from steprelay_core.engine import Engine
from steprelay_core.ports import FailedChild, Platform, Ports
from steprelay_core.state.events import RunStarted
from steprelay_core.state.model import GroupKey, Origin
from steprelay_core.submit import Dispatch
from steprelay_core.translate import Defaults

RUN, DIGEST, RELAY = "Flow-abc", "d" * 64, "relay"
SPEC = {
    "spec_version": 1,
    "flow": "Flow",
    "start": "start",
    "steps": {
        "start": {"command": ["true"], "next": {"to": ["work"], "foreach": "items"}},
        "work": {"command": ["true"], "batch": {}, "retry": {"times": 3, "minutes_between_retries": 0}, "next": "join"},
        "join": {"command": ["true"], "join": True},
    },
}
# How many containers run at once, for how long (seconds); what a queue hands over at once; EventBridge and SQS.
AT_ONCE, SECONDS, CHILDREN_AT_ONCE, ON_THE_WAY = 1000, 60.0, 1000, 0.2
_LISTED_AT_ONCE = 1000


@dataclass
class Counts:
    """`calls`: by kind; `largest`: bytes of the largest item; `tasks`, `failing`: what was asked for."""

    tasks: int
    failing: float
    calls: Counter[str] = field(default_factory=Counter)
    largest: int = 0


@dataclass
class Job:
    """An array, or a single job: its request, its members, and how many of them still run."""

    id: str
    request: dict[str, Any]
    members: list[int]
    attempt: int
    failed: list[int] = field(default_factory=list)
    ended: int = 0


class Foreach:
    """`count()` plays it to its end."""

    def __init__(self, tasks: int, failing: float) -> None:
        self.clients = CountedClients()
        self.counts = Counts(tasks, failing, self.clients.calls)
        self.now = 1_790_000_000.0
        self._every = round(1 / failing) if failing else 0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = itertools.count()
        self.jobs: dict[str, Job] = {}
        self.relay = self._relay()

    def count(self) -> Counts:
        """What it took."""
        self.clients.objects[keys.spec(DIGEST)] = json.dumps(SPEC).encode()
        self.relay.engine.handle(RunStarted(RUN, "Flow", DIGEST, Origin("upload")))
        while self._due:
            self.now, _, do = heapq.heappop(self._due)
            do()
        (run,) = (item for (_, sk), item in self.clients.table.items.items() if sk == "RUN")
        if run["status"]["S"] != "SUCCEEDED":
            raise AssertionError(f"the run has not succeeded: {run}")
        self.counts.largest = self.clients.table.largest
        return self.counts

    def _relay(self) -> Relay:
        store, objects = DynamoStore(self.clients, "table"), S3Objects(self.clients, "data")
        ports = Ports(store, CountedJobs(self), Light(self), Timers(self), Bus(self), objects, Clock(self))
        dispatch = Dispatch(RELAY, "data", Defaults(queue="queue", image="image"), "boot", lambda: "runner/x.zip")
        ids = map(str, itertools.count(1))
        engine = Engine(ports, Effects(ports, dispatch), lambda: next(ids))
        nothing: Any = None
        return Relay(RELAY, engine, nothing, nothing, nothing, None)

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + seconds, next(self._serial), do))

    # Containers.

    def begin(self, job: Job) -> None:
        """Run a job's children, as many at a time as there is room for."""
        for wave, first in enumerate(range(0, len(job.members), AT_ONCE)):
            indices = range(first, min(first + AT_ONCE, len(job.members)))
            self.after(SECONDS * (wave + 1), lambda indices=indices: self._end(job, indices))  # type: ignore[misc]

    def _end(self, job: Job, indices: Sequence[int]) -> None:
        failed = [index for index in indices if self._fails(job, index)]
        for index in indices:
            self._leave(job, index, failed=index in set(failed) if len(failed) < len(indices) else True)
        job.failed += failed
        job.ended += len(indices)
        if len(job.members) == 1:
            self._tell([self._event(job, "FAILED" if failed else "SUCCEEDED", exitCode=1 if failed else 0)])
            return
        events = [self._child(job, index) for index in failed]
        for first in range(0, len(events), CHILDREN_AT_ONCE):
            part = events[first : first + CHILDREN_AT_ONCE]
            self.after(1.0 + ON_THE_WAY, lambda part=part: self._respond(job_changed, part))  # type: ignore[misc]
        if job.ended == len(job.members):
            summary = {"SUCCEEDED": len(job.members) - len(job.failed), "FAILED": len(job.failed)}
            array = {"size": len(job.members), "statusSummary": summary}
            self._tell([self._event(job, "FAILED" if job.failed else "SUCCEEDED", array)])

    def _fails(self, job: Job, index: int) -> bool:
        return job.attempt == 1 and bool(self._every) and job.members[index] % self._every == 0

    def _leave(self, job: Job, index: int, *, failed: bool) -> None:
        task = GroupKey("work", (0,)).task(job.members[index])
        status = "failed" if failed else "succeeded"
        outcome: dict[str, Any] = {"outcome_version": 1, "status": status, "attempt": job.attempt}
        outcome |= {"transition": None if failed else 0}
        if failed:
            self.clients.objects[keys.failed_mark(RUN, task, job.attempt)] = b""
            outcome["failure"] = {"class_": "program", "type": "ValueError", "message": f"not item {task.member}"}
        owner = {"job_id": f"{job.id}:{index}", "batch_attempt": 1, "owner": "runner:1"}
        self.clients.objects[keys.claim(RUN, task, job.attempt)] = json.dumps(owner).encode()
        self.clients.objects[keys.outcome(RUN, task, job.attempt)] = json.dumps(outcome).encode()

    def _child(self, job: Job, index: int) -> dict[str, Any]:
        return self._event(job, "FAILED", {"index": index}, child=f":{index}", exitCode=1)

    def _event(
        self, job: Job, status: str, array: dict[str, Any] | None = None, *, child: str = "", **container: Any
    ) -> dict[str, Any]:
        detail = {"jobId": job.id + child, "status": status, "parameters": job.request["parameters"]}
        detail |= {"container": container, "statusReason": "Essential container in task exited"}
        detail |= {"arrayProperties": array} if array else {}
        return {"source": "aws.batch", "detail-type": "Batch Job State Change", "detail": detail}

    # Light steps.

    def light(self, message: dict[str, Any]) -> None:
        """A light step begins and ends."""
        given = message["brief"]
        brief = given if isinstance(given, dict) else json.loads(self.clients.objects[given])
        key, attempt, starts = GroupKey(brief["step"], tuple(brief["path"])), brief["attempt"], brief["step"] == "start"
        outcome = {"outcome_version": 1, "status": "succeeded", "attempt": attempt}
        outcome |= {"transition": 0, "foreach_count": self.counts.tasks} if starts else {"transition": None}
        self.clients.objects[keys.outcome(RUN, key.task(0), attempt)] = json.dumps(outcome).encode()
        detail = {"run": RUN, "step": key.step, "path": list(key.path), "member": 0, "attempt": attempt, "lost": None}
        self._tell([{"source": "steprelay.light", "detail-type": "Light Step Ended", "detail": detail}])

    # Queues.

    def _tell(self, messages: list[dict[str, Any]]) -> None:
        self.after(ON_THE_WAY, lambda: self._respond(job_changed, messages))

    def due(self, message: dict[str, Any], seconds: float) -> None:
        """A timer's message arrives."""
        self.after(seconds, lambda: self._respond(timer_due, [message]))

    def _respond(self, function: Callable[..., dict[str, Any]], messages: list[dict[str, Any]]) -> None:
        self.counts.calls["SQS messages"] += len(messages)
        self.counts.calls["invocations"] += 1
        self.counts.calls["events"] += len(messages)
        records = [
            {"messageId": str(place), "body": json.dumps(message), "eventSource": "aws:sqs"}
            for place, message in enumerate(messages)
        ]
        # The functions flush them at the end of each event.
        metrics.clear_metrics()
        answer = function({"Records": records}, self.relay)
        if answer["batchItemFailures"]:
            raise AssertionError(f"{len(answer['batchItemFailures'])} of {len(messages)} messages failed")


class CountedJobs:
    """AWS Batch, of which the engine asks little."""

    def __init__(self, foreach: Foreach) -> None:
        self._foreach, self._calls = foreach, foreach.counts.calls

    def platform(self, queue: str) -> Platform:
        return "ec2"

    def ensure_definition(self, request: dict[str, Any], *, anew: bool = False) -> str:
        return "arn:definition"

    def retire_definition(self, name: str) -> int:
        return 0

    def submit(self, request: dict[str, Any]) -> str:
        self._calls["SubmitJob"] += 1
        variables = {each["name"]: each["value"] for each in request["containerOverrides"]["environment"]}
        brief = json.loads(self._foreach.clients.objects[variables["STEPRELAY_BRIEF"].split("/", 3)[3]])
        members = [member for first, last in brief["members"] for member in range(first, last + 1)]
        job = Job(f"job-{len(self._foreach.jobs) + 1}", request, members, brief["attempt"])
        self._foreach.jobs[job.id] = job
        self._foreach.begin(job)
        return job.id

    def find(self, queue: str, job_name: str) -> list[str]:
        self._calls["ListJobs"] += 1
        return []

    def terminate(self, job_id: str, reason: str) -> None:
        self._calls["TerminateJob"] += 1

    def cancel(self, job_id: str, reason: str) -> None:
        self._calls["CancelJob"] += 1

    def waiting_children(self, job_id: str) -> list[int]:
        return []

    def describe(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        return []

    def failed_children(self, job_id: str) -> list[FailedChild]:
        """As `aws.jobs`: pages of a listing, and one look at the first of them."""
        failed = self._foreach.jobs[job_id].failed
        self._calls["ListJobs"] += -(-len(failed) // _LISTED_AT_ONCE)
        self._calls["DescribeJobs"] += 1
        return [FailedChild(index, "Essential container in task exited", 1) for index in failed]


class Light:
    def __init__(self, foreach: Foreach) -> None:
        self._foreach = foreach

    def invoke(self, messages: Sequence[dict[str, Any]]) -> None:
        for message in messages:
            self._foreach.counts.calls["SQS messages"] += 1
            self._foreach.light(message)


class Timers:
    def __init__(self, foreach: Foreach) -> None:
        self._foreach = foreach

    def start(self, name: str, message: dict[str, Any], due: float) -> None:
        self._foreach.due(message, due - self._foreach.now)


class Bus:
    def __init__(self, foreach: Foreach) -> None:
        self._foreach = foreach

    def publish(self, events: Sequence[Announce]) -> None:
        self._foreach.counts.calls["announcements"] += len(events)


class Clock:
    def __init__(self, foreach: Foreach) -> None:
        self._foreach = foreach

    def now(self) -> float:
        return self._foreach.now

    def sleep(self, seconds: float) -> None:
        self._foreach.now += seconds


def count(tasks: int, failing: float) -> Counts:
    """What a foreach of so many tasks takes, of whose first attempts this share fails."""
    return Foreach(tasks, failing).count()


def counts(sizes: Sequence[int], shares: Sequence[float]) -> Iterator[Counts]:
    """Of each size with each share."""
    for tasks, failing in itertools.product(sizes, shares):
        yield count(tasks, failing)
