"""A relay whose functions die after so many calls to AWS."""

import itertools
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from steprelay.relay.assembly import Relay, assemble
from steprelay_core.codec import encode, encode_commands
from steprelay_core.ports import Ports, Stored
from steprelay_core.submit import Dispatch
from steprelay_core.translate import Defaults
from tests.fakes.messages import timeless
from tests.functions.world import World
from tests.simulation.actors import Killed

# Longer than any function lives, and than `ports.OUTBOX_ORPHANED_AFTER`.
LATER = 400.0


class Countdown:
    """`left`: how many calls go through before the process is killed; `made`: those that did."""

    def __init__(self, left: int | None = None) -> None:
        self.left = left
        self.made: list[str] = []

    def call(self, name: str, do: Callable[[], Any]) -> Any:
        if self.left == len(self.made):
            raise Killed(name)
        self.made.append(name)
        return do()


class Mortal:
    """A port whose every call counts."""

    def __init__(self, port: Any, countdown: Countdown) -> None:
        self._port = port
        self._countdown = countdown

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._port, name)
        return lambda *args, **kwargs: self._countdown.call(name, lambda: real(*args, **kwargs))


def mortal_relay(world: World, countdown: Countdown, ids: Callable[[], str]) -> Relay:
    """The relay of a world, in a process that will die."""

    def mortal(port: Any) -> Any:
        return Mortal(port, countdown)

    store, jobs, objects = mortal(world.store), mortal(world.jobs), mortal(world.objects)
    light, timers, bus = mortal(world.light), mortal(world.timers), mortal(world.bus)
    ports = Ports(store, jobs, light, timers, bus, objects, world.clock)
    uploads, schedules, letters = mortal(world.uploads), mortal(world.schedules), mortal(world.dead_letters)
    dispatch = Dispatch("steprelay", "steprelay-data", Defaults(queue="queue"), "pass", lambda: "runner/abc.zip")
    return assemble(ports, uploads, schedules, dispatch, letters, ids)


def deliver(
    world: World, respond: Callable[[dict[str, Any], Relay], Any], event: dict[str, Any], die_after: int | None
) -> int:
    """Deliver an event until its handler dies, deliver it once more, and sweep; how many calls the first one made."""
    numbers = itertools.count(1)

    def new_id() -> str:
        return f"entry-{next(numbers)}"

    first = Countdown(die_after)
    with suppress(Killed):
        respond(event, mortal_relay(world, first, new_id))
    for _ in range(2):
        world.clock.advance(LATER)
        respond(event, mortal_relay(world, Countdown(), new_id))
    mortal_relay(world, Countdown(), new_id).sweeper.sweep()
    return len(first.made)


def end_of(world: World) -> dict[str, Any]:
    """All that the world is left with, but for times and how often things were said."""
    runs = {run: _stored(stored) for run, stored in world.store.runs.items()}
    jobs = sorted(json.dumps([request["jobName"], request["parameters"]]) for request in world.jobs.requests.values())
    return {
        "runs": runs,
        "deployments": sorted(world.store.deployments),
        "jobs": jobs,
        "terminated": sorted(world.jobs.terminated),
        "cancelled": sorted(world.jobs.cancelled),
        "light": sorted({json.dumps(_timeless(message), sort_keys=True) for message in world.light.messages}),
        "timers": sorted({timeless(name) for name in world.timers.started}),
        "told": sorted({event.id for event in world.bus.published}),
        "objects": sorted(world.objects.objects),
        "tags": {key: uploaded.tags for key, uploaded in world.uploads.uploaded.items()},
        "schedules": sorted(world.schedules.schedules),
        "buried": sorted({(body, reason) for body, reason, _ in world.dead_letters.letters}),
    }


def _stored(stored: Stored) -> Any:
    told = [json.loads(encode(stored.run)), *(json.loads(encode(group)) for group in stored.groups.values())]
    return [_timeless(part) for part in told] + [encode_commands(entry.commands) for entry in stored.outbox]


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(part) for key, part in value.items() if key != "version"}
    if isinstance(value, list):
        return [_timeless(part) for part in value]
    return 0 if isinstance(value, float) else value
