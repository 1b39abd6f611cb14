"""What people and schedules do to a relay: uploads, requests, cancellations; and what strays into its queues."""

import json
from random import Random
from typing import Any

from steprelay_core.intake import request_run_id, upload_run_id
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
    """`size`: from 0, one line of steps, to 3, several runs of nested splits. `flows`: by run;
    `ahead`: how many of the things that people will do are still to come."""

    def __init__(self, seed: int, size: int, scheduler: Scheduler, record: Record, relay: SimulatedRelay) -> None:
        self._random = Random(f"work of {seed}")
        self._size = size
        self._s, self._record, self._relay = scheduler, record, relay
        self.flows: dict[str, Flow] = {}
        self.ahead = 0

    def begin(self) -> None:
        """Have everything happen that people will do."""
        random = self._random
        for number in range(random.choice((1, 1, 2)) if self._size > 1 else 1):
            at = random.choice((0.0, 0.0, 10.0))
            run, flow = self._upload(number, at) if random.random() < 0.8 else self._request(number, at)
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
                self.resume(run, at)
            else:
                self.retry(run, self._some_tasks(flow), at)

    def _some_tasks(self, flow: Flow) -> str:
        """A step, or inside a foreach perhaps only one of its tasks."""
        step = self._random.choice(sorted(flow.spec.steps))
        one = flow.graph.depth(step) == 1 and self._random.random() < 0.5
        return f"{step}.{self._random.randrange(3)}" if one else step

    def _document(self, number: int) -> dict[str, Any]:
        depth = self._random.choice((0, 1, 1, min(self._size, 2))) if self._size else 0
        return FlowMaker(self._random, depth).make(f"Flow{number}")

    def _upload(self, number: int, at: float) -> tuple[str, Flow]:
        member = spec_member(self._document(number))
        key, version = f"run/{number}.tar.gz", f"v{number}"
        self._relay.uploads.uploaded[key] = Uploaded(package(member), version)
        object_ = {"key": key, "version-id": version, "sequencer": "1"}
        event = _message("aws.s3", "Object Created", {"bucket": {"name": BUCKET}, "object": object_})
        # S3 tells of an object at least once.
        for _ in range(self._random.choice((1, 1, 2))):
            self._later(at, self._relay.packages, event)
        flow = parse_spec(member[1])
        return upload_run_id(flow.name, BUCKET, key, version), flow

    def _request(self, number: int, at: float) -> tuple[str, Flow]:
        body = spec_member(self._document(number))[1]
        flow, digest, event_id = parse_spec(body), f"{number}" * 64, f"event-{number}"
        self._relay.objects.objects[f"packages/{digest}.json"] = body
        self._relay.store.deploy(Deployment(flow.name, digest, START))
        event = {"id": event_id, "source": "me", "detail-type": "Run Requested", "detail": {"flow": flow.name}}
        self._later(at, self._relay.requests, event)
        return request_run_id(flow.name, event_id), flow

    def cancel(self, run: str, at: float = 0.0) -> None:
        """Have somebody ask for a run to stop, so many seconds after the start, or now."""
        event = _message("me", "Cancel Requested", {"run": run, "reason": "no need"})
        self._later(at, self._relay.requests, event)

    def resume(self, run: str, at: float = 0.0) -> None:
        """Have somebody ask for a run to go on, as in `cancel`."""
        event = _message("me", "Resume Requested", {"run": run})
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
