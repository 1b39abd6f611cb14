"""Functions that die: for every payload of events/ and every k, a function dies after k effects, and the payload is
delivered again. The end is the one of a function that nobody disturbed.
"""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from functions.job_changed.app import respond as job_changed
from functions.package_uploaded.app import respond as package_uploaded
from functions.run_requested.app import respond as run_requested
from functions.sweep.app import respond as sweep
from functions.timer_due.app import respond as timer_due
from steprelay.relay.assembly import Relay
from tests.fakes.archives import package, spec_member
from tests.fakes.messages import timeless
from tests.fakes.payloads import cases, payload
from tests.functions.test_job_changed import IGNORED, SUCCEEDED, first_event, leave_outcomes, under_way
from tests.functions.test_run_requested import deployed
from tests.functions.test_sweep import abandoned
from tests.functions.test_timer_due import waiting
from tests.functions.uploads import CASES, GOOD, SCHEDULED
from tests.functions.world import NOW, World

# After this many seconds the queues deliver again what nobody deleted (VisibilityTimeout in template.yaml).
VISIBILITY_SECONDS = 360.0

# What changes the world, by port. Of these, each message counts for itself: a batch may be sent by half.
EFFECTS = {
    "store": {"save", "clear", "deploy", "note_definition", "forget_definition"},
    "jobs": {"ensure_definition", "submit", "terminate", "cancel", "retire_definition"},
    "light": {"invoke"},
    "timers": {"start"},
    "bus": {"publish"},
    "objects": {"put", "put_once"},
    "uploads": {"store", "tag"},
    "schedules": {"put", "delete"},
    "dead_letters": {"put"},
}
IN_PARTS = {("light", "invoke"), ("bus", "publish")}


class Killed(BaseException):
    """The function's sandbox is gone: no handler of exceptions runs in it any more."""


class Life:
    """How many effects a function has left; `used` counts them."""

    def __init__(self, effects: int | None = None) -> None:
        self._effects, self.used = effects, 0

    def spend(self) -> None:
        if self.used == self._effects:
            raise Killed
        self.used += 1


class Mortal:
    """A port of a function that dies when its life is spent."""

    def __init__(self, port: Any, name: str, life: Life) -> None:
        self._port, self._name, self._life = port, name, life

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._port, name)
        if name not in EFFECTS[self._name]:
            return real
        return self._each(real) if (self._name, name) in IN_PARTS else self._once(real)

    def _once(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._life.spend()
            return real(*args, **kwargs)

        return call

    def _each(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(items: Any) -> None:
            for item in items:
                self._life.spend()
                real([item])

        return call


@dataclass(frozen=True)
class Function:
    """A function, its payloads, and the world in which one of them arrives."""

    respond: Callable[[dict[str, Any], Relay], Any]
    world: Callable[[str], World]


def uploaded(case: str) -> World:
    world = World()
    if case == "mixed_batch":
        world.upload(GOOD, payload("package_uploaded", "run"))
        world.upload(package(("x", b"")), payload("package_uploaded", "bad_no_spec"))
        world.upload(package(spec_member(SCHEDULED)), payload("package_uploaded", "deploy"))
    elif (expected := CASES[case]).package is not None:
        world.upload(expected.package, payload("package_uploaded", case), expected.metadata)
    return world


def job_under_way(case: str) -> World:
    spoken_of = "succeeded" if case == "mixed_batch" else "running" if case.startswith("poison") else case
    event = first_event(spoken_of) if spoken_of not in IGNORED else first_event("running")
    world = under_way(event)
    if spoken_of in SUCCEEDED:
        leave_outcomes(world, event)
    return world


FUNCTIONS = {
    "package_uploaded": Function(package_uploaded, uploaded),
    "run_requested": Function(run_requested, lambda _: deployed()),
    "job_changed": Function(job_changed, job_under_way),
    "timer_due": Function(timer_due, waiting),
    "sweep": Function(lambda _, relay: sweep(relay), lambda _: abandoned()),
}
PAYLOADS = [(function, case) for function in FUNCTIONS for case in cases(function)]


def deliver(function: str, case: str, world: World, life: Life) -> bool:
    """Deliver a payload to a new function; whether it came through."""
    relay = world.assembled(partial(Mortal, life=life))
    try:
        FUNCTIONS[function].respond(payload(function, case), relay)
    except Killed:
        return False
    return True


# `version` counts saves, and `seconds` are how long a run took.
HOW_IT_CAME_ABOUT = {"version", "seconds"}


def without_times(value: Any) -> Any:
    """Values as they are, but for points in time and what counts saves and seconds."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return (type(value).__name__, without_times(fields))
    if isinstance(value, dict):
        return {key: without_times(each) for key, each in value.items() if key not in HOW_IT_CAME_ABOUT}
    if isinstance(value, (list, tuple)):
        return [without_times(each) for each in value]
    return "a time" if isinstance(value, float) and abs(value - NOW) < 2_000 else value


def end(world: World) -> dict[str, Any]:
    """All that can be seen of a world; announcements and dead letters by identity, as they may come twice."""
    return {
        "runs": without_times(world.store.runs),
        "deployments": without_times(world.store.deployments),
        "definitions": without_times(world.store.definitions),
        "jobs": without_times(list(world.jobs.requests.values())),
        "terminated": world.jobs.terminated,
        "cancelled": sorted(world.jobs.cancelled),
        "timers": without_times({timeless(name): timer for name, timer in world.timers.started.items()}),
        "announced": without_times({event.id: event for event in world.bus.published}),
        "objects": set(world.objects.objects),
        "tags": {key: upload.tags for key, upload in world.uploads.uploaded.items()},
        "schedules": world.schedules.schedules,
        "dead letters": set(world.dead_letters.letters),
        "light": sorted({str(without_times(message)) for message in world.light.messages}),
    }


def deaths(function: str, case: str) -> Iterator[tuple[int, World]]:
    """(k, the world after a function died with k effects and the payload came again) for every k."""
    whole = Life()
    assert deliver(function, case, FUNCTIONS[function].world(case), whole)
    for effects in range(whole.used + 1):
        world = FUNCTIONS[function].world(case)
        assert deliver(function, case, world, Life(effects)) == (effects == whole.used)
        world.clock.advance(VISIBILITY_SECONDS)
        assert deliver(function, case, world, Life())
        yield effects, world


@pytest.mark.parametrize(("function", "case"), PAYLOADS)
def test_a_function_that_dies_after_any_effect_leaves_nothing_that_a_redelivery_does_not_mend(
    function: str, case: str
) -> None:
    undisturbed = FUNCTIONS[function].world(case)
    assert deliver(function, case, undisturbed, Life())
    for effects, world in deaths(function, case):
        assert end(world) == end(undisturbed), f"{function} died on {case} after {effects} effects"


def test_functions_that_die_one_after_the_other_at_ever_later_effects_come_through() -> None:
    world, tries = uploaded("run"), 0
    while not deliver("package_uploaded", "run", world, Life(tries)):
        tries += 1
        world.clock.advance(VISIBILITY_SECONDS)
    undisturbed = uploaded("run")
    deliver("package_uploaded", "run", undisturbed, Life())
    assert tries > 1
    assert end(world)["jobs"] == end(undisturbed)["jobs"]
    assert end(world)["announced"].keys() == end(undisturbed)["announced"].keys()
    assert [stored.outbox for stored in world.store.runs.values()] == [()]
