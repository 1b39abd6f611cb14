"""Every payload of events/, with its function dying after each of its calls: redelivery and a sweep lead to one end."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.job_changed.app import respond as job_changed
from functions.package_uploaded.app import respond as package_uploaded
from functions.run_requested.app import respond as run_requested
from functions.sweep.app import respond as sweep
from functions.timer_due.app import respond as timer_due
from steprelay.relay.assembly import Relay
from tests.fakes.payloads import cases, payload
from tests.functions import test_job_changed as jobs
from tests.functions import test_run_requested as requests
from tests.functions import test_sweep as sweeps
from tests.functions import test_timer_due as timers
from tests.functions.uploads import CASES
from tests.functions.world import World
from tests.simulation.deaths import deliver, end_of

Respond = Callable[[dict[str, Any], Relay], Any]


def job_world(case: str) -> World:
    """The run that the event speaks of, or one that it does not."""
    told = case not in jobs.IGNORED | jobs.POISON
    event = jobs.first_event(case if told else "running")
    world = jobs.under_way(event)
    if case in jobs.SUCCEEDED:
        jobs.leave_outcomes(world, event)
    return world


def upload_world(case: str) -> World:
    world, expected = World(), CASES.get(case, CASES["run"])
    if expected.package is not None:
        world.upload(expected.package, payload("package_uploaded", case), expected.metadata)
    return world


FUNCTIONS: dict[str, tuple[Respond, Callable[[str], World]]] = {
    "job_changed": (job_changed, job_world),
    "timer_due": (timer_due, timers.waiting),
    "run_requested": (run_requested, lambda case: requests.deployed()),
    "package_uploaded": (package_uploaded, upload_world),
    "sweep": (lambda event, relay: sweep(relay), lambda case: sweeps.abandoned()),
}


@pytest.mark.parametrize(("function", "case"), [(name, case) for name in FUNCTIONS for case in cases(name)])
def test_a_handler_that_dies_after_any_call_leads_to_the_same_end(function: str, case: str) -> None:
    respond, world_of = FUNCTIONS[function]
    event, undisturbed = payload(function, case), world_of(case)
    calls = deliver(undisturbed, respond, event, die_after=None)
    for made in range(calls):
        world = world_of(case)
        deliver(world, respond, event, die_after=made)
        assert end_of(world) == end_of(undisturbed), f"died after {made} of {calls} calls"
