"""Runs that are asked for by a message, a schedule or an event, and what is asked of runs that there are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from steprelay_core.commands import Announce
from steprelay_core.inbound import BusEvent, DeadLetter, Request, RunRequested
from steprelay_core.intake.identity import digest12, request_run_id
from steprelay_core.intake.parameters import read_parameters
from steprelay_core.intake.receive import describe_problems
from steprelay_core.ports import Bus, Deployment, Objects, Store
from steprelay_core.spec import Flow, Problem, SpecError
from steprelay_core.state.events import CancelRequested, ResumeRequested, RetryRequested, RunStarted
from steprelay_core.state.model import Origin

Wanted = RunStarted | CancelRequested | ResumeRequested | RetryRequested


class RequestRejected(DeadLetter):
    """A run that was asked for cannot start: its flow is not deployed, or its parameters are wrong."""


@dataclass(frozen=True, slots=True)
class Fulfilled:
    """The runs that a request started, stopped or set going again; `note` says why nothing followed."""

    runs: tuple[str, ...] = ()
    note: str | None = None


class Requests:
    """Turns requests into runs. The same request, delivered twice, is the same run."""

    def __init__(self, store: Store, objects: Objects, bus: Bus, handle: Callable[[Wanted], str | None]) -> None:
        """`handle` hands an event to the engine and returns its note."""
        self._store = store
        self._objects = objects
        self._bus = bus
        self._handle = handle

    def fulfil(self, request: Request) -> Fulfilled:
        """Do what was asked.

        Raises:
            RequestRejected: after a Run Rejected event and after starting what could be started.
        """
        match request:
            case CancelRequested() | ResumeRequested() | RetryRequested():
                return Fulfilled((request.run,), self._handle(request))
            case RunRequested():
                return self._run(request)
            case BusEvent():
                return self._trigger(request)

    def _run(self, request: RunRequested) -> Fulfilled:
        deployment = self._store.deployment(request.flow)
        if deployment is None:
            problem = Problem("", f"flow {request.flow!r} is not deployed", "deploy it: steprelay deploy FLOW.py")
            raise self._rejected(request.flow, request.request, SpecError([problem]))
        try:
            return self._start(deployment, request.request, request.origin, request.parameters)
        except SpecError as error:
            raise self._rejected(request.flow, request.request, error) from None

    def _trigger(self, event: BusEvent) -> Fulfilled:
        started: list[str] = []
        rejected: list[RequestRejected] = []
        origin = Origin("event", {"name": event.name, "source": event.source, "id": event.request})
        subscribers = self._store.subscribers(event.name)
        for deployment in subscribers:
            mapped = map_parameters(self._objects.flow(deployment.digest), event)
            try:
                started += self._start(deployment, event.request, origin, mapped).runs
            except SpecError as error:
                rejected.append(self._rejected(deployment.flow, event.request, error))
        if rejected:
            raise RequestRejected("; ".join(map(str, rejected)))
        return Fulfilled(tuple(started), None if subscribers else f"no deployed flow has a trigger for {event.name!r}")

    def _start(self, deployment: Deployment, request: str, origin: Origin, parameters: Mapping[str, Any]) -> Fulfilled:
        values = read_parameters(self._objects.flow(deployment.digest).spec, parameters)
        run = request_run_id(deployment.flow, request)
        note = self._handle(RunStarted(run, deployment.flow, deployment.digest, origin, values))
        return Fulfilled((run,), note)

    def _rejected(self, flow: str, request: str, error: SpecError) -> RequestRejected:
        """Announce on the bus what is to be raised."""
        rejection = f"rejected-{digest12(f'{flow}|{request}')}"
        detail = {"id": rejection, "flow": flow, "request": request, "problems": describe_problems(error.problems)}
        self._bus.publish([Announce(rejection, "Run Rejected", detail)])
        return RequestRejected(f"flow {flow!r} was not started: {error}")


def map_parameters(flow: Flow, event: BusEvent) -> dict[str, Any]:
    """The parameters that an event gives to a flow, as its trigger says (`spec.models.Trigger`)."""
    trigger = next((trigger for trigger in flow.spec.triggers if trigger.event == event.name), None)
    named = {name: name for name in flow.spec.parameters}
    keys = named if trigger is None or trigger.parameters is None else trigger.parameters
    return {name: event.detail[key] for name, key in keys.items() if key in event.detail}
