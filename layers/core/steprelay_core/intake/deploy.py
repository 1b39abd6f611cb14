"""Deploying a flow: from then on its schedules, events and requests start this version of it."""

import hashlib
import json
import re

from steprelay_core.commands import Announce
from steprelay_core.inbound import Upload
from steprelay_core.inbound.request import SCHEDULE_SOURCE
from steprelay_core.intake.identity import upload_digest
from steprelay_core.intake.parameters import read_parameters
from steprelay_core.ports import Bus, Conflict, Deployment, Objects, Refused, Schedules, Store, WantedSchedule
from steprelay_core.spec import Flow, Problem, SpecError

# EventBridge Scheduler puts the hour that the schedule was due in the keyword's place.
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"

# Each round means that somebody else deployed the same flow in between.
_MAX_ROUNDS = 10


class Deployer:
    """Makes packages the deployed version of their flow, whatever order their events come in: the last upload wins."""

    def __init__(self, relay: str, store: Store, schedules: Schedules, objects: Objects, bus: Bus) -> None:
        self._relay = relay
        self._store = store
        self._schedules = schedules
        self._objects = objects
        self._bus = bus

    def check(self, flow: Flow) -> None:
        """Find out what would keep the flow's schedules from starting it.

        Raises:
            SpecError: with every schedule's missing or wrong parameters.
        """
        problems: list[Problem] = []
        for index, schedule in enumerate(flow.spec.schedules):
            try:
                read_parameters(flow.spec, schedule.parameters, f"schedules.{index}.parameters")
            except SpecError as error:
                problems += error.problems
        if problems:
            raise SpecError(problems)

    def deploy(self, flow: Flow, digest: str, upload: Upload, deployed_at: float) -> str | None:
        """Deploy a stored package that was uploaded at `deployed_at` (seconds); a note where a later one stays.

        Raises:
            SpecError: if EventBridge Scheduler refuses a schedule; the flow then stays deployed as it was.
        """
        wanted = schedules_of(self._relay, flow)
        self._put(flow, wanted)
        triggers = tuple(dict.fromkeys(trigger.event for trigger in flow.spec.triggers))
        names = tuple(schedule.name for schedule in wanted)
        try:
            self._store.deploy(Deployment(flow.name, digest, deployed_at, triggers, names))
        except Conflict:
            self._converge(flow.name)
            return "a later upload of this flow is deployed"
        self._converge(flow.name)
        self._announce(flow, digest, upload, triggers, names)
        return None

    def _put(self, flow: Flow, wanted: list[WantedSchedule]) -> None:
        """Create the schedules before anything else changes: only Scheduler knows whether an expression is valid."""
        problems: list[Problem] = []
        for index, schedule in enumerate(wanted):
            try:
                self._schedules.put(schedule)
            except Refused as error:
                where = f"schedules.{index}.expression"
                problems.append(Problem(where, f"EventBridge Scheduler refuses {schedule.expression!r}: {error}"))
        if problems:
            self._converge(flow.name)
            raise SpecError(problems)

    def _converge(self, flow: str) -> None:
        """Make the schedules be those of the deployment that is stored, whoever stored it."""
        prefix = schedule_prefix(self._relay, flow)
        for _ in range(_MAX_ROUNDS):
            deployment = self._store.deployment(flow)
            there = self._schedules.names(prefix)
            wanted = schedules_of(self._relay, self._objects.flow(deployment.digest)) if deployment else []
            for schedule in wanted:
                if schedule.name not in there:
                    self._schedules.put(schedule)
            for name in set(there) - {schedule.name for schedule in wanted}:
                self._schedules.delete(name)
            if self._store.deployment(flow) == deployment:
                return
        raise Conflict(f"flow {flow} kept being deployed while its schedules were set")

    def _announce(
        self, flow: Flow, digest: str, upload: Upload, triggers: tuple[str, ...], schedules: tuple[str, ...]
    ) -> None:
        version = upload.told_apart_by
        identity = f"deployed-{flow.name}-{upload_digest(upload.bucket, upload.key, version)}"
        detail = {
            "id": identity,
            "flow": flow.name,
            "digest": digest,
            "bucket": upload.bucket,
            "key": upload.key,
            "version": version,
            "triggers": list(triggers),
            "schedules": list(schedules),
        }
        self._bus.publish([Announce(identity, "Flow Deployed", detail)])


def schedule_prefix(relay: str, flow: str) -> str:
    """What the names of a flow's schedules begin with, and those of no other flow or relay.

    Scheduler's names take 64 of `[0-9a-zA-Z-_.]`; a flow's name may be of any script, so a hash stands beside it.
    """
    owner = hashlib.sha256(f"{relay}|{flow}".encode()).hexdigest()[:8]
    return f"{re.sub(r'[^0-9a-zA-Z_-]', '_', flow)[:40]}-{owner}-"


def schedules_of(relay: str, flow: Flow) -> list[WantedSchedule]:
    """The schedules of a flow, named by what they say: one that a new version keeps is not touched, and a `rate`
    keeps its beat. Two that say the same are one."""
    found: dict[str, WantedSchedule] = {}
    for schedule in flow.spec.schedules:
        content = json.dumps(schedule.model_dump(mode="json"), sort_keys=True)
        name = schedule_prefix(relay, flow.name) + hashlib.sha256(content.encode()).hexdigest()[:8]
        detail = {"flow": flow.name, "parameters": schedule.parameters, "schedule": name}
        message = {
            "source": SCHEDULE_SOURCE,
            "detail-type": "Run Requested",
            "detail": detail | {"scheduled-time": SCHEDULED_TIME},
        }
        found[name] = WantedSchedule(name, schedule.expression, schedule.timezone, message)
    return list(found.values())
