"""The jobs of a chain: submitted together, each array depending on the one before, whatever happens in between."""

import json
from typing import Any

import pytest

from steprelay_core import keys
from steprelay_core.commands import SubmitJob
from steprelay_core.effects import PUT_OFF_FOR, PUT_OFF_SPREAD
from steprelay_core.ports import OUTBOX_ORPHANED_AFTER, Refused
from steprelay_core.state.events import OutboxDue
from steprelay_core.state.model import GroupKey, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.fakes.pace import MemoryPace
from tests.unit.engine.world import RUN, Died, Dying, EngineWorld

PATH = (0,)
CHAIN: dict[str, dict[str, Any]] = {
    "start": {"next": {"to": ["a"], "foreach": "xs"}},
    "a": {"batch": {}, "next": "b"},
    "b": {"batch": {}, "next": "c"},
    "c": {"batch": {}, "next": "join"},
    "join": {"join": True},
}


def begun(of: int = 3) -> EngineWorld:
    """A run whose first step is about to start its foreach."""
    world = EngineWorld(CHAIN)
    world.start()
    world.leave_outcome("start", foreach_count=of)
    return world


def depends_on(world: EngineWorld) -> dict[str, Any]:
    """What the job of each step depends on."""
    requests = world.jobs.requests.values()
    return {request["parameters"]["step"]: request.get("dependsOn") for request in requests}


def n_to_n(job_id: str) -> list[dict[str, str]]:
    return [{"jobId": job_id, "type": "N_TO_N"}]


def test_each_array_depends_on_that_of_the_step_before_child_by_child() -> None:
    world = begun()
    world.handle(world.light_ends("start"))
    assert depends_on(world) == {"a": None, "b": n_to_n("job-1"), "c": n_to_n("job-2")}
    assert world.stored.outbox == ()


def test_the_brief_names_the_attempt_that_is_presumed_to_win() -> None:
    world = begun()
    world.handle(world.light_ends("start"))
    brief = json.loads(world.objects.objects[keys.brief(RUN, GroupKey("b", PATH), "1-0")])
    (group,) = brief["inputs"]["groups"]
    assert group == {"step": "a", "path": [0], "won": {"1": [[0, 2]]}, "presumed": True}
    first = json.loads(world.objects.objects[keys.brief(RUN, GroupKey("a", PATH), "1-0")])
    assert "presumed" not in first["inputs"]["groups"][0]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", [1, 2])
def test_a_handler_that_died_between_the_submissions_leaves_one_chain(dies_at: int, after: bool) -> None:
    world = begun()
    dying = DyingAt(world.jobs, dies_at, after=after)
    with pytest.raises(Died):
        world.build(jobs=dying).handle(world.light_ends("start"))
    world.clock.advance(OUTBOX_ORPHANED_AFTER + 1)
    world.sweep()
    assert depends_on(world) == {"a": None, "b": n_to_n("job-1"), "c": n_to_n("job-2")}
    assert len(world.jobs.requests) == 3


def test_what_is_behind_a_submission_that_was_put_off_is_put_off_with_it() -> None:
    world = begun()
    world.jobs.throttled = True
    world.handle(world.light_ends("start"))
    assert world.jobs.requests == {}
    world.jobs.throttled = False
    world.clock.advance(PUT_OFF_FOR + PUT_OFF_SPREAD)
    world.handle(OutboxDue(RUN))
    assert depends_on(world) == {"a": None, "b": n_to_n("job-1"), "c": n_to_n("job-2")}


def test_nothing_is_submitted_behind_a_submission_that_was_refused() -> None:
    world = begun()
    world.jobs.refuse = "no such thing"
    world.handle(world.light_ends("start"))
    assert (world.jobs.requests, world.run.status) == ({}, RunStatus.FAILED)


def test_what_is_submitted_after_the_one_ahead_has_won_depends_on_nobody() -> None:
    world = begun()
    refusing = RefusesDependents(world)
    with pytest.raises(Died):
        world.build(jobs=DyingAt(world.jobs, 2, after=False)).handle(world.light_ends("start"))
    for member in range(3):
        world.leave_outcome("a", member, path=PATH)
    world.handle(world.job("SUCCEEDED", size=3))
    world.clock.advance(OUTBOX_ORPHANED_AFTER + 1)
    world.build(jobs=refusing).handle(OutboxDue(RUN))
    assert depends_on(world)["b"] is None


def test_a_dependency_that_batch_has_forgotten_costs_the_chain_and_not_the_run() -> None:
    world = begun()
    world.build(jobs=RefusesDependents(world)).handle(world.light_ends("start"))
    assert depends_on(world) == {"a": None}
    for member in range(3):
        world.leave_outcome("a", member, path=PATH)
    world.handle(world.job("SUCCEEDED", size=3))
    assert depends_on(world) == {"a": None, "b": None, "c": n_to_n("job-2")}
    assert world.run.status is RunStatus.RUNNING


def test_the_sweep_makes_up_for_a_chain_whose_events_were_lost() -> None:
    world = begun()
    world.handle(world.light_ends("start"))
    for step in "abc":
        for member in range(3):
            world.leave_outcome(step, member, path=PATH)
    for job_id in world.jobs.jobs:
        world.jobs.move(job_id, "SUCCEEDED", arrayProperties={"size": 3})
    world.clock.advance(400)
    world.sweep()
    assert [message["brief"]["step"] for message in world.light.messages] == ["start", "join"]


@pytest.mark.parametrize("of", [10, 60])
def test_the_end_of_an_array_tells_of_those_ahead_whose_own_event_is_late(of: int) -> None:
    world = begun(of)
    world.handle(world.light_ends("start"))
    for step in "ab":
        for member in range(of):
            world.leave_outcome(step, member, path=PATH)
    world.handle(world.job("SUCCEEDED", "job-2", size=of, failed=0))
    groups = world.stored.groups
    assert [groups[GroupKey(step, PATH)].won for step in "ab"] == [{1: Ranges.upto(of)}] * 2
    assert groups[GroupKey("c", PATH)].live == Ranges.upto(of)
    assert world.handle(world.job("SUCCEEDED", "job-1", size=of, failed=0)).note is not None


class DyingAt:
    """Dies at the n-th SubmitJob, before or after Batch has taken it."""

    def __init__(self, port: Any, number: int, *, after: bool) -> None:
        self._port, self._left, self._dying = port, number, Dying(port, "submit", after=after)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def submit(self, request: dict[str, Any]) -> str:
        self._left -= 1
        job_id: str = (self._port if self._left else self._dying).submit(request)
        return job_id


class RefusesDependents:
    """A Batch that knows none of the jobs that others depend on."""

    def __init__(self, world: EngineWorld) -> None:
        self._jobs = world.jobs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._jobs, name)

    def submit(self, request: dict[str, Any]) -> str:
        if "dependsOn" in request:
            raise Refused(f"job {request['dependsOn'][0]['jobId']} does not exist")
        return self._jobs.submit(request)


def test_what_waits_for_a_booked_second_is_booked_for_a_later_one() -> None:
    world = begun()
    pace = MemoryPace(1)
    now = int(world.clock.now())
    for second in range(now, now + 60):
        pace.taken[second] = 1
    world.build(pace=pace).handle(world.light_ends("start"))
    left = [command for entry in world.stored.outbox for command in entry.commands]
    due = {command.group.step: command.due or 0.0 for command in left if isinstance(command, SubmitJob)}
    assert now < due["a"] < due["b"] < due["c"]
    assert world.jobs.requests == {}
