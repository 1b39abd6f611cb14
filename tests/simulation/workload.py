"""What people and schedules do to a relay: uploads, requests, cancellations; and what strays into its queues."""

import json
from random import Random
from typing import Any

from steprelay_core.decide.draft import GROUPS_AT_ONCE
from steprelay_core.intake import request_run_id, upload_run_id
from steprelay_core.intake.deploy import SCHEDULED_TIME, schedules_of
from steprelay_core.ports import Deployment
from steprelay_core.spec import Flow, parse_spec
from tests.fakes.archives import package, spec_member
from tests.fakes.uploads import Uploaded
from tests.simulation.flows import FlowMaker
from tests.simulation.queues import Queue
from tests.simulation.record import RELAY, Record
from tests.simulation.relay import SimulatedRelay
from tests.simulation.scheduler import START, Scheduler

BUCKET = "packages"


def _message(source: str, kind: str, detail: dict[str, Any]) -> str:
    return json.dumps({"source": source, "detail-type": kind, "detail": detail})


POISON = {
    "job_events": (
        "{not json",
        _message("aws.batch", "Batch Job State Change", {"parameters": {"relay": RELAY}}),
        _message("steprelay.light", "Light Step Ended", {"run": "x"}),
    ),
    "children": ("{also not json",),
    "timers": ("[]", _message("steprelay.timer", "Timer Due", {"attempt": -1})),
    "requests": ("", _message("me", "Cancel Requested", {})),
    "packages": (_message("aws.s3", "Object Created", {"bucket": {"name": "x"}}),),
}


class Workload:
    """`size`: from 0, one line of steps, to 3, several runs of nested splits; `wide`: one run of more
    groups than go into one save, which is cancelled. `flows`: by run;
    `ahead`: how many of the things that people will do are still to come."""

    def __init__(
        self, seed: int, size: int, scheduler: Scheduler, record: Record, relay: SimulatedRelay, *, wide: bool = False
    ) -> None:
        self._random = Random(f"work of {seed}")
        self._size, self._wide = size, wide
        self._s, self._record, self._relay = scheduler, record, relay
        self.flows: dict[str, Flow] = {}
        self.ahead = 0

    def begin(self) -> None:
        """Have everything happen that people will do."""
        random = self._random
        if self._wide:
            self.flows = self._upload(0, 0.0)
            for run in self.flows:
                self._cancel_when_wide(run)
            return
        for number in range(random.choice((1, 1, 2)) if self._size > 1 else 1):
            at = random.choice((0.0, 0.0, 10.0))
            way = random.choices((self._upload, self._upload_twice, self._request, self._deploy), (16, 1, 2, 3))[0]
            for run, flow in way(number, at).items():
                self.flows[run] = flow
                if random.random() < 0.2:
                    self.cancel(run, at + random.choice((3.0, 50.0, 300.0)))
        if random.random() < 0.2:
            self._stray()
        for run, flow in self.flows.items():
            if random.random() < 0.3:
                self._go_on(run, flow)

    def _go_on(self, run: str, flow: Flow) -> None:
        """Whoever asks for it may come too early, or twice."""
        for at in self._random.sample((60.0, 400.0, 900.0, 2000.0), self._random.choice((1, 1, 2))):
            if self._random.random() < 0.7:
                request = f"resume-{run}-{at:.0f}"
                self.resume(run, at, request)
                if self._random.random() < 0.8:
                    # Whoever got no answer sends the same request once more.
                    self.resume(run, at + self._random.choice((5.0, 700.0, 1500.0, 2000.0)), request)
            else:
                self.retry(run, self._some_tasks(flow), at)

    def _some_tasks(self, flow: Flow) -> str:
        """A step, or inside a foreach perhaps only one of its tasks, perhaps of one lap only."""
        step = self._random.choice(sorted(flow.spec.steps))
        one = flow.graph.depth(step) == 1 and self._random.random() < 0.5
        lap = self._random.choice(("", "", "@0", "@1")) if flow.graph.back else ""
        return (f"{step}.{self._random.randrange(3)}" if one else step) + lap

    def _document(self, number: int) -> dict[str, Any]:
        if self._wide:
            return FlowMaker(self._random, 0).make_wide(f"Flow{number}")
        depth = self._random.choice((0, 1, 1, min(self._size, 2))) if self._size else 0
        return FlowMaker(self._random, depth).make(f"Flow{number}")

    def _upload(self, number: int, at: float) -> dict[str, Flow]:
        key = f"run/{number}.tar.gz"
        return self._put(self._document(number), key, at)

    def _upload_twice(self, number: int, at: float) -> dict[str, Flow]:
        """The same package under two names is two runs."""
        document = self._document(number)
        again = at + self._random.choice((0.0, 0.0, 5.0))
        return self._put(document, f"run/{number}.tar.gz", at) | self._put(
            document, f"run/{number}-again.tar.gz", again
        )

    def _put(self, document: dict[str, Any], key: str, at: float) -> dict[str, Flow]:
        """Upload a package; the run that it is, if it is put under `run/`."""
        member, version = spec_member(document), f"v of {key}"
        self._relay.uploads.uploaded[key] = Uploaded(package(member), version)
        object_ = {"key": key, "version-id": version, "sequencer": "1"}
        event = _message("aws.s3", "Object Created", {"bucket": {"name": BUCKET}, "object": object_})
        # S3 tells of an object at least once.
        for _ in range(self._random.choice((1, 1, 2))):
            self._later(at, self._relay.packages, event)
        flow = parse_spec(member[1])
        return {upload_run_id(flow.name, BUCKET, key, version): flow}

    def _deploy(self, number: int, at: float) -> dict[str, Flow]:
        """A flow with a schedule and a trigger; once it is deployed, the hour comes and the event happens."""
        starts = {"schedules": [{"expression": "rate(1 hour)"}], "triggers": [{"event": f"Data {number} Arrived"}]}
        document = self._document(number) | starts
        (flow,) = self._put(document, f"deploy/{number}.tar.gz", at).values()
        (schedule,) = schedules_of(RELAY, flow)
        hour = json.dumps(schedule.message).replace(SCHEDULED_TIME, "2026-09-21T14:00:00Z")
        event = json.dumps(
            {"id": f"data-{number}", "source": "me", "detail-type": f"Data {number} Arrived", "detail": {}}
        )
        runs = {f"{schedule.name}@2026-09-21T14:00:00Z": hour, f"data-{number}": event}
        chosen = self._random.sample(sorted(runs), self._random.choice((1, 1, 2)))
        for name in chosen:
            # Scheduler and EventBridge deliver at least once.
            for _ in range(self._random.choice((1, 2))):
                self._once_deployed(flow.name, runs[name], self._random.choice((0.0, 0.0, 20.0)))
        return {request_run_id(flow.name, name): flow for name in chosen}

    def _once_deployed(self, flow: str, body: str, later: float) -> None:
        self.ahead += 1

        def look() -> None:
            if self._relay.store.deployment(flow) is None:
                self._s.after(10.0, look)
                return
            self.ahead -= 1
            self._relay.requests.put(body, later)

        self._s.at(START, look)

    def _request(self, number: int, at: float) -> dict[str, Flow]:
        body = spec_member(self._document(number))[1]
        flow, digest, event_id = parse_spec(body), f"{number}" * 64, f"event-{number}"
        self._relay.objects.objects[f"packages/{digest}.json"] = body
        self._relay.store.deploy(Deployment(flow.name, digest, START))
        event = {"id": event_id, "source": "me", "detail-type": "Run Requested", "detail": {"flow": flow.name}}
        self._later(at, self._relay.requests, event)
        return {request_run_id(flow.name, event_id): flow}

    def cancel(self, run: str, at: float = 0.0) -> None:
        """Have somebody ask for a run to stop, so many seconds after the start, or now."""
        event = _message("me", "Cancel Requested", {"run": run, "reason": "no need"})
        self._later(at, self._relay.requests, event)

    def _cancel_when_wide(self, run: str) -> None:
        """As soon as more groups are live than go into one save."""
        self.ahead += 1

        def look() -> None:
            stored = self._relay.store.runs.get(run)
            live = [group for group in stored.groups.values() if len(group.live)] if stored else []
            ended = stored is not None and stored.run.status.terminal
            if len(live) > GROUPS_AT_ONCE * 3 // 2 or ended:
                self.ahead -= 1
                self.cancel(run, self._s.now - START)
            else:
                self._s.after(1.0, look)

        self._s.at(START, look)

    def resume(self, run: str, at: float = 0.0, request: str | None = None) -> None:
        """Have somebody ask for a run to go on, as in `cancel`."""
        event = _message("me", "Resume Requested", {"run": run} | ({"request": request} if request else {}))
        self._later(at, self._relay.requests, event)

    def retry(self, run: str, tasks: str, at: float = 0.0) -> None:
        """Have somebody ask for another attempt of a step, or of one of its tasks, as in `cancel`."""
        event = _message("me", "Retry Requested", {"run": run, "tasks": tasks})
        self._later(at, self._relay.requests, event)

    def _stray(self) -> None:
        queues = {name: getattr(self._relay, name) for name in ("job_events", "children", "timers")}
        queues |= {"requests": self._relay.requests, "packages": self._relay.packages}
        for name in self._random.sample(sorted(queues), 2):
            body = self._random.choice(POISON[name])
            self._record.poison.add(body)
            self._later(self._random.choice((0.0, 2.0, 60.0)), queues[name], body)

    def _later(self, at: float, queue: Queue, message: dict[str, Any] | str) -> None:
        self.ahead += 1

        def do() -> None:
            self.ahead -= 1
            queue.put(message)

        self._s.at(START + at, do)
