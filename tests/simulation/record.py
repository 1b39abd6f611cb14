"""What has happened so far, as seen from outside of the relay, and the first promise that was broken."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from steprelay.runner.brief import Task
from steprelay.runner.claim import Claim
from steprelay.runner.parents import places_of
from steprelay_core import keys
from steprelay_core.inbound import Ignored
from steprelay_core.inbound.envelope import Envelope
from steprelay_core.inbound.job import read_job_change
from steprelay_core.state.events import Event, JobChanged
from steprelay_core.state.model import GroupKey, TaskKey
from tests.simulation.actors import Actor
from tests.simulation.facts import Attempted, ClaimPassed, Fact
from tests.simulation.scheduler import Scheduler
from tests.simulation.user_code import FINAL_REASONS

RELAY = "relay"


class Violation(AssertionError):
    """A promise was broken: its number and sentence, and how."""

    def __init__(self, number: int, sentence: str, how: str) -> None:
        super().__init__(f"invariant {number} ({sentence}) {how}")
        self.number = number


@dataclass(frozen=True)
class JobPlace:
    """What a job's parameters say: whose it is; `index`: of an array's child."""

    run: str
    group: GroupKey
    submission: str
    index: int | None = None

    @classmethod
    def of(cls, parameters: dict[str, str], index: int | None) -> "JobPlace":
        path = () if parameters["path"] == "_" else tuple(map(int, parameters["path"].split(".")))
        laps = tuple(map(int, parameters["laps"].split("-"))) if "laps" in parameters else ()
        return cls(parameters["run"], GroupKey(parameters["step"], path, laps), parameters["submission"], index)


@dataclass
class Intent:
    """A submission as it was first saved: by whom, and when."""

    saver: Actor | None
    at: float


@dataclass
class Record:
    """`check` is told of each fact before it is written down, and says which promise it breaks.

    `written`: keys of claims and outcomes that containers wrote; `working`: attempts that light functions are at;
    `resumed`: the requests, by run, that have set one going again; `taken_until`: until when whoever took an
    entry of the outbox up is taken to be at work on it; `calls`: of SubmitJob, in each second;
    `deciding`: what each actor decides on just now; `asked_about`: jobs that somebody asked Batch about;
    `waiting_since`: what each actor was told last of when a job, or a child, began to wait; `blocked`: the jobs and
    children that Batch had no machine for, whose they are; `closed`: the queues that somebody was told to have no
    compute environment that is enabled; `to_be_told`: the ids of announcements that were saved in an outbox.
    """

    scheduler: Scheduler
    check: Callable[["Record", Fact], Violation | None]
    violation: Violation | None = None
    passed: dict[Attempted, list[ClaimPassed]] = field(default_factory=lambda: defaultdict(list))
    intents: dict[tuple[str, GroupKey, str], Intent] = field(default_factory=dict)
    submitted: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    timers: set[str] = field(default_factory=set)
    terminated: set[str] = field(default_factory=set)
    published: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    invoked: dict[Attempted, set[str]] = field(default_factory=lambda: defaultdict(set))
    written: set[str] = field(default_factory=set)
    working: set[Attempted] = field(default_factory=set)
    poison: set[str] = field(default_factory=set)
    buried: set[str] = field(default_factory=set)
    out_of_time: set[tuple[str, GroupKey, int]] = field(default_factory=set)
    unmendable: set[JobPlace] = field(default_factory=set)
    job_events: dict[tuple[str, GroupKey, str], list[JobChanged]] = field(default_factory=lambda: defaultdict(list))
    deciding: dict[Actor | None, tuple[Event, ...]] = field(default_factory=dict)
    resumed: set[tuple[str, str]] = field(default_factory=set)
    taken_until: dict[tuple[str, str], float] = field(default_factory=dict)
    calls: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    asked_about: set[str] = field(default_factory=set)
    waiting_since: dict[tuple[Actor | None, str], float] = field(default_factory=dict)
    looked: dict[str, set[Actor | None]] = field(default_factory=lambda: defaultdict(set))
    blocked: dict[str, JobPlace] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    to_be_told: set[str] = field(default_factory=set)

    @property
    def actor(self) -> Actor | None:
        return self.scheduler.stage.current

    def say(self, text: str) -> None:
        self.scheduler.say(text)

    def happened(self, fact: Fact) -> None:
        """Check a fact; the first violation stays."""
        if self.violation is None:
            self.violation = self.check(self, fact)
            if self.violation is not None:
                self.say(f"VIOLATION: {self.violation}")

    def claim_passed(self, task: Task, claim: Claim) -> None:
        attempted = attempted_by(task)
        self.say(f"  {claim.owner} passes the claim of {attempted}")
        parents = places_of(task)
        inputs = [(TaskKey(group.step, group.path, member, group.laps), attempt) for group, member, attempt in parents]
        fact = ClaimPassed(attempted, claim.owner, claim.job_id, claim.batch_attempt, tuple(inputs))
        self.happened(fact)
        self.passed[attempted].append(fact)

    def sent_to_light(self, message: dict[str, Any]) -> None:
        """A message of the light queue, for one task or for several."""
        brief = message["brief"]
        if isinstance(brief, dict):
            group = GroupKey(brief["step"], tuple(brief["path"]), tuple(brief.get("laps", ())))
            for member in message["members"] if "members" in message else [message["member"]]:
                attempted = Attempted(brief["run"], group, member, brief["attempt"])
                self.invoked[attempted].add(json.dumps(message))

    @contextmanager
    def at_work(self, task: Task) -> Iterator[None]:
        """While a light function runs this attempt."""
        attempted = attempted_by(task)
        self.working.add(attempted)
        try:
            yield
        finally:
            self.working.discard(attempted)

    def timed_out(self, parameters: dict[str, str], index: int | None) -> None:
        place = JobPlace.of(parameters, index)
        self.out_of_time.add((place.run, place.group, int(place.submission.partition("-")[0])))

    def blocks(self, job_id: str, place: JobPlace) -> None:
        """Batch has no machine for this job."""
        self.blocked[job_id] = place

    def gave_up_on_time(self, task: Task) -> None:
        attempted = attempted_by(task)
        self.out_of_time.add((attempted.run, attempted.group, attempted.attempt))

    def told(self, detail: dict[str, Any]) -> None:
        """Batch sends an event, whether or not it arrives."""
        envelope = Envelope.model_validate({"source": "aws.batch", "detail-type": "", "detail": detail})
        change = read_job_change(envelope, RELAY)
        if isinstance(change, Ignored):
            return
        self.job_events[(change.run, change.group, change.submission)].append(change)
        if change.container_reason in FINAL_REASONS:
            self.unmendable.add(JobPlace(change.run, change.group, change.submission, change.index))


def attempted_by(task: Task) -> Attempted:
    brief = task.brief
    return Attempted(brief.run, GroupKey(brief.step, brief.path, brief.laps), task.member, brief.attempt)


def outcome_key(attempted: Attempted) -> str:
    return keys.outcome(attempted.run, attempted.group.task(attempted.member), attempted.attempt)
