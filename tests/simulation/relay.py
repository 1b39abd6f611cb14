"""The relay as it is deployed: the real functions behind simulated queues, on simulated ports."""

import itertools
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from functions.job_changed.app import respond as job_changed
from functions.package_uploaded.app import respond as package_uploaded
from functions.run_requested.app import respond as run_requested
from functions.timer_due.app import respond as timer_due
from steprelay.relay.assembly import Relay
from steprelay.relay.telemetry import metrics
from steprelay.runner.brief import BriefError
from steprelay.runner.light import StillRunning
from steprelay.runner.store import Missing
from steprelay_core.intake.deploy import Deployer
from steprelay_core.intake.queues import QueueCheck
from steprelay_core.intake.receive import Intake
from steprelay_core.intake.requests import Requests, Wanted
from steprelay_core.packing import Packing
from steprelay_core.ports import Ports
from steprelay_core.submit import Dispatch
from steprelay_core.translate import Defaults
from tests.fakes import MemoryObjects, MemoryStore
from tests.fakes.schedules import MemorySchedules
from tests.fakes.uploads import MemoryUploads
from tests.simulation.batch import Batch, Rules
from tests.simulation.containers import Containers
from tests.simulation.job_queues import SimulatedJobQueues
from tests.simulation.jobs import SimulatedJobs
from tests.simulation.parts import Parts, WatchedEngine
from tests.simulation.ports import (
    SimulatedBus,
    SimulatedClock,
    SimulatedDeadLetters,
    SimulatedLight,
    SimulatedObjects,
    SimulatedPace,
    SimulatedTimers,
    SimulatedUploads,
)
from tests.simulation.queues import Queue, Settings
from tests.simulation.record import RELAY, Record
from tests.simulation.scheduler import REQUESTS, AnswerLost, Scheduler, Throttled
from tests.simulation.stores import SimulatedStore
from tests.simulation.user_code import Plan

DEFAULTS = Defaults(queue="queue", image="image")
# Three splits share messages, as hundreds do where it is real.
DISPATCH = Dispatch(RELAY, "data", DEFAULTS, "boot", lambda: "runner/x.zip", Packing(alone=2, together=3))


class SimulatedRelay:
    """`store`, `objects` and `uploads` are what AWS really holds; the functions reach it through ports."""

    def __init__(self, scheduler: Scheduler, record: Record, plan: Plan, parts: Parts) -> None:
        self._s, self._record, self._parts = scheduler, record, parts
        self.pace = SimulatedPace(scheduler, plan.submits_per_second)
        self.store, self.objects = MemoryStore(), MemoryObjects()
        self.uploads = MemoryUploads(self.objects)
        self.containers = Containers(scheduler, record, self.objects.objects, plan, looks=parts.looks)
        # As in template.yaml.
        packages = Settings(visibility=1800, timeout=300, batch=2)
        crowded = scheduler.dice.strike("crowded", "account")
        light = Settings(visibility=960, timeout=900, receives=3, batch=1, concurrency=1 if crowded else 1000)
        self.packages = Queue(scheduler, "packages", partial(self._respond, package_uploaded), packages)
        self.requests = Queue(scheduler, REQUESTS, partial(self._respond, run_requested))
        jobs, children = Settings(720, 120), Settings(720, 120, batch=1000, window=1.0)
        self.job_events = Queue(scheduler, "job-events", partial(self._respond, job_changed), jobs)
        self.children = Queue(scheduler, "children", partial(self._respond, job_changed), children)
        self.timers = Queue(scheduler, "timers", partial(self._respond, timer_due))
        self.light = Queue(scheduler, "light", self._light, light)
        self._sender = SimulatedLight(scheduler, record, self.light)
        rules = Rules(self.job_events, self.children)
        self.batch = Batch(scheduler, record, rules, plan, self.containers.batch)
        self.relay = self._assemble()

    @property
    def queues(self) -> list[Queue]:
        return [self.packages, self.requests, self.job_events, self.children, self.timers, self.light]

    def _assemble(self) -> Relay:
        s, record, parts = self._s, self._record, self._parts
        store = SimulatedStore(s, record, self.store, parts.store(self.store))
        objects, bus = SimulatedObjects(s, self.objects), SimulatedBus(s, record)
        jobs, light = SimulatedJobs(s, record, self.batch), self._sender
        timers = SimulatedTimers(s, record, self.timers)
        queues = SimulatedJobQueues(s, record, self.batch)
        ports = Ports(store, jobs, light, timers, bus, objects, SimulatedClock(s), self.pace, queues=queues)
        ids = map(str, itertools.count(1))
        engine = WatchedEngine(parts.engine(ports, parts.effects(ports, DISPATCH), lambda: next(ids)), record)

        def start(event: Wanted) -> str | None:
            return engine.handle(event).note

        check = QueueCheck(jobs, DISPATCH.defaults, DISPATCH.bootstrap).problems
        deployer = Deployer(RELAY, store, MemorySchedules(), objects, bus)
        intake = Intake(SimulatedUploads(s, self.uploads), objects, bus, deployer, start, check)
        dead_letters = SimulatedDeadLetters(s, record) if parts.buries else None
        requests = Requests(store, objects, bus, start)
        return Relay(RELAY, engine, intake, requests, parts.sweeper(engine, RELAY), dead_letters)

    def _respond(self, function: Any, event: dict[str, Any]) -> dict[str, Any]:
        # The functions flush them at the end of each event.
        metrics.clear_metrics()
        answer: dict[str, Any] = function(event, self.relay)
        return answer

    def _report(self, messages: Sequence[dict[str, Any]]) -> None:
        def send() -> None:
            for message in messages:
                self.job_events.put(message)

        self._s.call(f"report {len(messages)}", send, repeat=True)

    def _light(self, event: dict[str, Any]) -> dict[str, Any]:
        """The light function: it knows nothing of the engine, and reports on the queue of job events."""
        failures = []
        for record in event["Records"]:
            try:
                self.containers.light(json.loads(record["body"]), self._report, self._sender.again)
            except (Throttled, AnswerLost, StillRunning, Missing, BriefError, ValueError) as error:
                self._s.say(f"  {self._s.who} ends with {type(error).__name__}: {error}")
                failures.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": failures}
