"""AWS Batch: jobs and arrays that move and are retried by themselves, and events that may not arrive."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from tests.simulation.actors import Actor, Killed
from tests.simulation.queues import Queue
from tests.simulation.record import JobPlace, Record
from tests.simulation.scheduler import Scheduler
from tests.simulation.user_code import Plan

TERMINAL = ("SUCCEEDED", "FAILED")
WAITING = ("SUBMITTED", "PENDING", "RUNNABLE")
# A queue whose jobs wait for ever, and one whose jobs may wait for long.
FULL, SLOW = "full", "slow"
EXITED = "Essential container in task exited"
SPOT = "Host EC2 (instance i-0123) terminated."
GIVEN_UP = "DockerTimeoutError: Could not transition to started; timed out after waiting 4m0s"
TIMED_OUT = "Job attempt duration exceeded timeout"
NO_CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested"
DEPENDENT = "Dependent Job failed"


@dataclass(eq=False)
class Unit:
    """What runs containers: a single job, or a child of an array.

    `index`: its place in the array; `attempts`: how many Batch-internal ones have begun, `ended`: how many of these are
    over, which is what Batch tells; `dependents`: who waits for its end; `waiting_since`: when it began to wait, first
    or again (seconds since the epoch).
    """

    id: str
    job: "Job"
    index: int | None
    status: str = "SUBMITTED"
    reason: str = ""
    exit_code: int | None = None
    container_reason: str = ""
    attempts: int = 0
    ended: int = 0
    stopping: bool = False
    containers: list[Actor] = field(default_factory=list)
    dependents: list["Unit"] = field(default_factory=list)
    waiting_since: float = 0.0

    @property
    def over(self) -> bool:
        return self.status in TERMINAL

    @property
    def place(self) -> str:
        """What tells it from others, whatever its number."""
        return f"{self.job.request['jobName']} {self.index}"


@dataclass(eq=False)
class Job:
    """What SubmitJob made of a request. `created`: seconds since the epoch."""

    id: str
    request: dict[str, Any]
    created: float
    units: list[Unit] = field(default_factory=list)
    status: str = "SUBMITTED"
    reason: str = ""

    @property
    def array(self) -> bool:
        return "arrayProperties" in self.request

    @property
    def over(self) -> bool:
        return self.status in TERMINAL


# The body of a container: which unit it runs, and its Batch-internal attempt; its exit code.
Container = Callable[[Unit, int], int]


@dataclass(frozen=True)
class Rules:
    """Which queue an event goes to, as the rules of template.yaml have it: of children only the failures, apart."""

    jobs: Queue
    children: Queue

    def queue(self, detail: dict[str, Any]) -> Queue | None:
        """None where no rule wants it."""
        if "index" not in detail.get("arrayProperties", {}):
            return self.jobs
        return self.children if detail["status"] == "FAILED" else None


class Batch:
    """`jobs` by id, in the order submitted."""

    def __init__(self, scheduler: Scheduler, record: Record, events: Rules, plan: Plan, run: Container) -> None:
        self._s, self._record, self._events, self._plan, self._run = scheduler, record, events, plan, run
        self.jobs: dict[str, Job] = {}
        self._ids = itertools.count(1)

    def unit(self, job_id: str) -> Unit | None:
        """A single job, or a child of an array, by its id."""
        parent, _, index = job_id.partition(":")
        job = self.jobs.get(parent)
        return None if job is None else job.units[int(index or 0)]

    def units_of(self, run: str) -> Iterator[Unit]:
        """All jobs and children of jobs that were submitted for a run."""
        for job in self.jobs.values():
            if job.request["parameters"]["run"] == run:
                yield from job.units

    def units_at(self, place: JobPlace) -> Iterator[Unit]:
        """What runs one task's attempt: more than one where a job was submitted twice."""
        for unit in self.units_of(place.run):
            if JobPlace.of(unit.job.request["parameters"], unit.index) == place:
                yield unit

    def take(self, request: dict[str, Any]) -> Job:
        """A job from a SubmitJob request."""
        job = Job(f"job-{next(self._ids)}", request, self._s.now)
        self.jobs[job.id] = job
        size = request.get("arrayProperties", {}).get("size")
        indices: Iterator[int | None] = iter(range(size) if size else (None,))
        job.units = [Unit(job.id if index is None else f"{job.id}:{index}", job, index) for index in indices]
        if size:
            self._s.after(0.1, lambda: self._move_parent(job, "PENDING"))
        for unit in job.units:
            unit.waiting_since = job.created
            self._depend(unit)
        return job

    def _depend(self, unit: Unit) -> None:
        """N_TO_N: a child waits for its opposite number, which may be over."""
        waits = False
        for dependency in unit.job.request.get("dependsOn", ()):
            other = self.jobs[dependency["jobId"]].units[unit.index or 0]
            other.dependents.append(unit)
            waits = True
            if other.over:
                self._s.after(0.1, partial(self._settle, other))
        if not waits:
            self._queue(unit)

    def _settle(self, unit: Unit) -> None:
        """Let those go on that wait for the end of this one, or end them."""
        dependents, unit.dependents = unit.dependents, []
        for dependent in dependents:
            if unit.status == "SUCCEEDED":
                self._queue(dependent)
            else:
                self._end(dependent, DEPENDENT)

    def stop(self, job: Job, reason: str) -> None:
        """TerminateJob: SIGTERM, and a while later it is over."""
        for unit in job.units:
            if not unit.over and not unit.stopping:
                unit.stopping = True
                self._s.after(self._s.random.choice((0.1, 2.0, 40.0)), partial(self._end, unit, reason))

    def cancel(self, unit: Unit, reason: str) -> None:
        """CancelJob: a moment later it is over, unless it has a machine by then."""

        def end() -> None:
            if unit.status in WAITING:
                self._end(unit, reason)

        self._s.after(self._s.random.choice((0.0, 0.1, 2.0)), end)

    # How jobs move.

    def _queue(self, unit: Unit) -> None:
        delay = self._s.random.choice((0.2, 1.0, 30.0))
        self._s.after(delay, lambda: self._move(unit, "RUNNABLE"))
        queue = unit.job.request["jobQueue"]
        if queue == FULL:
            self._s.after(delay + 10.0, partial(self._block, unit, unit.attempts))
            return
        slow = (50.0, 150.0, 400.0) if unit.attempts else (50.0, 50.0, 150.0)
        waits = self._s.random.choice(slow if queue == SLOW else (0.2, 2.0, 200.0))
        if chance := self._s.dice.strike("blocked", f"{unit.place} {unit.attempts}"):
            waits += chance.choice((20.0, 400.0, 1500.0))
            self._s.after(delay + 10.0, partial(self._block, unit, unit.attempts))
        self._s.after(delay + waits, lambda: self._launch(unit))

    def _block(self, unit: Unit, attempts: int) -> None:
        """There is no machine for it, and it is at the head of its queue: its reason says so, and an event."""
        if unit.status != "RUNNABLE" or unit.attempts != attempts:
            return
        unit.reason = NO_CAPACITY
        self._s.say(f"{unit.id} blocks its queue")
        self._record.blocks(unit.id, JobPlace.of(unit.job.request["parameters"], None))
        if not self._s.dice.strike("lost", f"{unit.place} {unit.attempts} BLOCKED"):
            message = {"source": "aws.batch", "detail-type": "Batch Job Queue Blocked", "detail": unit_detail(unit)}
            self._events.jobs.put(message)

    def head(self) -> Unit | None:
        """Who blocks the queue, if anybody does."""
        units = (unit for job in self.jobs.values() for unit in job.units)
        return next((unit for unit in units if unit.status == "RUNNABLE" and unit.reason == NO_CAPACITY), None)

    def _launch(self, unit: Unit) -> None:
        if unit.over:
            return
        unit.reason = ""
        self._move(unit, "STARTING")
        unit.attempts += 1
        attempt = unit.attempts
        if attempt == 1 and (reason := self._plan.keeps_from_starting(unit.job.request["parameters"], unit.index)):
            unit.container_reason = reason
            self._end(unit, "Task failed to start")
            return
        place = f"{unit.place} attempt {attempt}"
        twins = 2 if self._s.dice.strike("twin_container", place) else 1
        seen = self._s.random.randrange(twins)
        for twin in range(twins):
            self._container(unit, attempt, seen=twin == seen)
        self._move(unit, "RUNNING")
        seconds = unit.job.request.get("timeout", {}).get("attemptDurationSeconds")
        if seconds:
            self._s.after(seconds, lambda: self._time_out(unit, attempt))
        if chance := self._s.dice.strike("spot", place):
            self._s.after(chance.choice((0.1, 1.0, 20.0)), lambda: self._lose(unit, attempt, SPOT))
        elif unit.job.request["jobQueue"] == SLOW and Random(place).random() < 0.4:
            # What is hard to get is often taken back, whatever else goes wrong.
            self._s.after(0.05, lambda: self._lose(unit, attempt, SPOT))
        if chance := self._s.dice.strike("given_up", place):
            self._s.after(chance.choice((0.0, 0.1, 30.0)), lambda: self._give_up(unit, attempt))

    def _container(self, unit: Unit, attempt: int, *, seen: bool) -> None:
        """Start a container; of one started by mistake, Batch does not see the end."""
        codes: list[int] = []
        name = f"{unit.id} attempt {attempt}" + ("" if seen else " (unseen twin)")
        place = f"{unit.place} attempt {attempt} {seen}"
        actor = Actor(name, lambda: codes.append(self._run(unit, attempt)), place=place)

        def ended(error: BaseException | None) -> None:
            if error is not None and not isinstance(error, Killed):
                raise error
            if seen:
                self._s.after(0.05, lambda: self._exited(unit, attempt, codes[0] if codes else 137))

        actor.on_end = ended
        if chance := self._s.dice.strike("slow_container", place):
            actor.wake = self._s.now + chance.choice((5.0, 100.0, 1000.0))
            actor.at = "its slow start"
        unit.containers.append(actor)
        self._s.start(actor)

    def _exited(self, unit: Unit, attempt: int, code: int) -> None:
        if unit.over or unit.attempts != attempt:
            return
        unit.exit_code, unit.reason = code, EXITED
        self._move(unit, "SUCCEEDED" if code == 0 else "FAILED")

    def _time_out(self, unit: Unit, attempt: int) -> None:
        """Batch never retries a timeout."""
        if not unit.over and unit.attempts == attempt:
            self._record.timed_out(unit.job.request["parameters"], unit.index)
            self._end(unit, TIMED_OUT)

    def _give_up(self, unit: Unit, attempt: int) -> None:
        """Batch gives a host up that goes on all the same: its containers live, and nobody hears of them."""
        if unit.over or unit.attempts != attempt:
            return
        for actor in unit.containers:
            actor.wake = max(actor.wake, self._s.now + self._s.random.choice((1.0, 60.0, 500.0)))
        unit.containers = []
        unit.container_reason = GIVEN_UP
        self._lose(unit, attempt, "Task failed to start")

    def _lose(self, unit: Unit, attempt: int, reason: str) -> None:
        """The machine is gone; the job's retry strategy may start the same job once more."""
        if unit.over or unit.attempts != attempt:
            return
        if unit.stopping or not retried(unit, reason):
            self._end(unit, reason)
            return
        self._s.say(f"{unit.id} attempt {attempt} is lost: {reason}")
        self._kill_later(unit)
        unit.status, unit.container_reason, unit.ended = "SUBMITTED", "", unit.attempts
        unit.waiting_since = self._s.now
        self._queue(unit)

    def _end(self, unit: Unit, reason: str) -> None:
        if unit.over:
            return
        unit.reason, unit.exit_code = reason, None
        self._kill_later(unit)
        self._move(unit, "FAILED")

    def _kill_later(self, unit: Unit) -> None:
        """A host that is cut off may go on for a while."""
        old, unit.containers = unit.containers, []
        for actor in old:
            self._s.after(self._s.random.choice((0.0, 0.0, 50.0)), partial(self._s.kill, actor))

    def _move(self, unit: Unit, status: str) -> None:
        if unit.over:
            return
        unit.status = status
        if unit.over:
            unit.ended = unit.attempts
        self._s.say(f"{unit.id} is {status}" + (f": {unit.container_reason or unit.reason}" if unit.over else ""))
        if unit.index is None:
            unit.job.status, unit.job.reason = status, unit.reason
            self._tell(job_detail(unit.job))
            if "nodeOverrides" in unit.job.request:
                node = {"container": {"exitCode": unit.exit_code}}
                self._tell(job_detail(unit.job) | node | {"jobId": f"{unit.id}#1"})
            return
        if unit.over:
            # As the template's rules have it: of children that succeed, the array's own event tells.
            if status == "FAILED":
                self._tell(unit_detail(unit))
            self._s.after(0.1, partial(self._settle, unit))
        if all(each.over for each in unit.job.units):
            failed = any(each.status == "FAILED" for each in unit.job.units)
            unit.job.reason = "Array Child Job failed" if failed else ""
            self._move_parent(unit.job, "FAILED" if failed else "SUCCEEDED")

    def _move_parent(self, job: Job, status: str) -> None:
        if not job.over:
            job.status = status
            self._s.say(f"{job.id} (array) is {status}")
            self._tell(job_detail(job))

    def _tell(self, detail: dict[str, Any]) -> None:
        """Send an event. Batch tells of no SUBMITTED; what it tells may be lost on the way."""
        if detail["status"] == "SUBMITTED":
            return
        self._record.told(detail)
        place = f"{detail['jobName']} {detail['jobId'].partition(':')[2]} {len(detail.get('attempts', ()))}"
        if self._s.dice.strike("lost", f"{place} {detail['status']}"):
            self._s.say(f"the event that {detail['jobId']} is {detail['status']} is lost")
            return
        queue = self._events.queue(detail)
        if queue is not None:
            queue.put({"source": "aws.batch", "detail-type": "Batch Job State Change", "detail": detail})


def overrides(request: dict[str, Any]) -> dict[str, Any]:
    """Of the container, or of the main node's: the others wait for it, and end with it."""
    nodes = request.get("nodeOverrides")
    found: dict[str, Any] = nodes["nodePropertyOverrides"][0] if nodes else request
    return dict(found["containerOverrides"])


def retried(unit: Unit, reason: str) -> bool:
    """AWS Batch: entries are tried in order, each with all its patterns; where none matches, the job is retried."""
    strategy = unit.job.request["retryStrategy"]
    if unit.attempts >= strategy["attempts"]:
        return False
    texts = {"onStatusReason": reason, "onReason": unit.container_reason, "onExitCode": str(unit.exit_code or "")}
    for entry in strategy.get("evaluateOnExit", []):
        patterns = {name: pattern for name, pattern in entry.items() if name != "action"}
        if all(_matches(pattern, texts[name]) for name, pattern in patterns.items()):
            return bool(entry["action"] == "RETRY")
    return True


def _matches(pattern: str, text: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


def job_detail(job: Job) -> dict[str, Any]:
    """What DescribeJobs and events say of a job."""
    if not job.array:
        return unit_detail(job.units[0])
    statuses = [unit.status for unit in job.units]
    summary = {status: statuses.count(status) for status in sorted(set(statuses))}
    return _common(job) | {
        "jobId": job.id,
        "status": job.status,
        "statusReason": job.reason or None,
        "arrayProperties": {"size": len(job.units), "statusSummary": summary},
    }


def unit_detail(unit: Unit) -> dict[str, Any]:
    """The same of a single job or a child."""
    container = {"exitCode": unit.exit_code, "reason": unit.container_reason or None}
    detail = _common(unit.job) | {
        "jobId": unit.id,
        "status": unit.status,
        "statusReason": unit.reason or None,
        "attempts": [{"container": container, "stoppedAt": unit.waiting_since * 1000} for _ in range(unit.ended)],
        "container": container,
    }
    if "nodeOverrides" in unit.job.request:
        # Which has none of its own: its last attempt tells.
        del detail["container"]
    return detail | ({"arrayProperties": {"index": unit.index}} if unit.index is not None else {})


def _common(job: Job) -> dict[str, Any]:
    told = {name: job.request[name] for name in ("jobName", "jobQueue", "parameters")}
    return told | {"createdAt": int(job.created * 1000)}
