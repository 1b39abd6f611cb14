"""An engine on memory ports, with a Batch and a light function that tests play by hand."""

import itertools
import json
from typing import Any

from steprelay_core import keys
from steprelay_core.effects import Effects
from steprelay_core.engine import Engine
from steprelay_core.handled import Handled
from steprelay_core.ports import Ports, Stored
from steprelay_core.spec import validate_spec
from steprelay_core.state.events import Event, JobChanged, LightEnded, RunStarted
from steprelay_core.state.model import GroupKey, Origin, Run, TaskKey
from steprelay_core.submit import Dispatch
from steprelay_core.sweep import Sweeper, Swept
from steprelay_core.translate import Defaults
from tests.fakes import FakeJobs, FixedClock, MemoryBus, MemoryLight, MemoryObjects, MemoryStore, MemoryTimers

RUN = "Flow-abc"
RELAY = "relay"


class EngineWorld:
    """`steps` as in a spec. A handler that dies is a port that raises: see `Dying`."""

    def __init__(self, steps: dict[str, dict[str, Any]], **more: Any) -> None:
        self.store, self.jobs, self.light = MemoryStore(), FakeJobs(), MemoryLight()
        self.timers, self.bus, self.objects = MemoryTimers(), MemoryBus(), MemoryObjects()
        self.clock = FixedClock()
        given = {name: {"command": ["true"], **step} for name, step in steps.items()}
        document = {"spec_version": 1, "flow": "Flow", "steps": given, **more}
        validate_spec(document)
        self.objects.objects[keys.spec("digest")] = json.dumps(document).encode()
        self.ids = map(str, itertools.count(1))
        self.engine = self.build()

    def build(self, **replaced: Any) -> Engine:
        """An engine on these ports, with some of them replaced."""
        ports: dict[str, Any] = {
            "store": self.store,
            "jobs": self.jobs,
            "light": self.light,
            "timers": self.timers,
            "bus": self.bus,
            "objects": self.objects,
            "clock": self.clock,
        }
        made = Ports(**(ports | replaced))
        dispatch = Dispatch(RELAY, "data", Defaults(queue="queue", image="python:3.13"), "boot", lambda: "runner/x.zip")
        return Engine(made, Effects(made, dispatch), lambda: next(self.ids))

    def start(self) -> Handled:
        return self.engine.handle(RunStarted(RUN, "Flow", "digest", Origin("upload")))

    def handle(self, event: Event) -> Handled:
        return self.engine.handle(event)

    def sweep(self) -> Swept:
        return Sweeper(self.engine, RELAY).sweep()

    @property
    def stored(self) -> Stored:
        return self.store.runs[RUN]

    @property
    def run(self) -> Run:
        return self.stored.run

    def leave_outcome(
        self, step: str, member: int = 0, attempt: int = 1, path: tuple[int, ...] = (), **more: Any
    ) -> None:
        """What a container that did its work leaves in the data bucket."""
        following = self.objects.flow("digest").step(step).next
        outcome = {"outcome_version": 1, "status": "succeeded", "attempt": attempt}
        body = json.dumps(outcome | {"transition": 0 if following else None} | more).encode()
        self.objects.put_once(keys.outcome(RUN, TaskKey(step, path, member), attempt), body)

    def claim(
        self, step: str, member: int = 0, attempt: int = 1, path: tuple[int, ...] = (), **claim: Any
    ) -> dict[str, Any]:
        """What a container does first; the claim that lies there afterwards."""
        key = keys.claim(RUN, TaskKey(step, path, member), attempt)
        self.objects.put_once(key, json.dumps({"owner": "runner:1", **claim}).encode())
        found: dict[str, Any] = json.loads(self.objects.objects[key])
        return found

    def light_ends(self, step: str, member: int = 0, attempt: int = 1) -> LightEnded:
        self.leave_outcome(step, member, attempt)
        return LightEnded(RUN, GroupKey(step), member, attempt)

    def job(self, status: str, job_id: str = "job-1", **more: Any) -> JobChanged:
        """An event of a job as it was submitted."""
        carried = self.jobs.requests[job_id]["parameters"]
        path = () if carried["path"] == "_" else tuple(int(index) for index in carried["path"].split("."))
        group = GroupKey(carried["step"], path)
        return JobChanged(RUN, group, carried["submission"], job_id=job_id, status=status, **more)


class Died(Exception):
    """The function was killed here."""


class Dying:
    """A port whose method raises the first time it is called, before or after doing its work."""

    def __init__(self, port: Any, method: str, *, after: bool) -> None:
        self._port, self._method, self._after = port, method, after
        self._died = False

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._port, name)
        if name != self._method or self._died:
            return real

        def dying(*args: Any, **kwargs: Any) -> Any:
            self._died = True
            if self._after:
                real(*args, **kwargs)
            raise Died(name)

        return dying
