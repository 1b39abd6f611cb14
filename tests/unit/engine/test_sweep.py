"""The sweep: what it makes up for, how much it does at a time, and what cannot stop it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from steprelay_core import keys
from steprelay_core.decide.job import FORGOTTEN, FORGOTTEN_AFTER
from steprelay_core.decide.overdue import JOB_SILENCE
from steprelay_core.state.events import LightEnded, RunStarted
from steprelay_core.state.model import GroupKey, Origin, RunStatus, TaskKey
from steprelay_core.sweep import Sweeper, SweepLimits, Swept
from tests.unit.engine.world import RELAY, RUN, EngineWorld

START = GroupKey("start")
ONE_JOB: dict[str, dict[str, Any]] = {"start": {"batch": {}}}
RETRYING: dict[str, dict[str, Any]] = {"start": {"batch": {}, "retry": {"times": 1, "minutes_between_retries": 0}}}
FAN_OUT: dict[str, dict[str, Any]] = {
    "start": {"next": {"to": ["work"], "foreach": "xs"}},
    "work": {"batch": {}, "next": "join"},
    "join": {"join": True},
}


def started(*runs: str, steps: dict[str, dict[str, Any]] = ONE_JOB) -> EngineWorld:
    """Runs of one job each, a second apart, silent for so long that the sweep looks their jobs up."""
    world = EngineWorld(steps)
    for run in runs or (RUN,):
        world.handle(RunStarted(run, "Flow", "digest", Origin("upload")))
        world.clock.advance(1)
    world.clock.advance(JOB_SILENCE)
    return world


def sweep(world: EngineWorld, **limits: Any) -> Swept:
    return Sweeper(world.engine, RELAY, limits=SweepLimits(**limits)).sweep()


def forget(world: EngineWorld, *job_ids: str) -> None:
    for job_id in job_ids or tuple(world.jobs.jobs):
        del world.jobs.jobs[job_id]


def wait_until_it_is_believed(world: EngineWorld) -> None:
    world.sweep()
    world.clock.advance(FORGOTTEN_AFTER)
    world.sweep()


def statuses(world: EngineWorld) -> list[RunStatus]:
    return [stored.run.status for stored in world.store.runs.values()]


def test_a_forgotten_job_that_left_an_outcome_has_succeeded() -> None:
    world = started()
    world.leave_outcome("start")
    forget(world)
    wait_until_it_is_believed(world)
    assert world.run.status is RunStatus.SUCCEEDED


def test_a_forgotten_job_without_an_outcome_has_failed_by_its_host_and_is_tried_again() -> None:
    world = started(steps=RETRYING)
    forget(world)
    wait_until_it_is_believed(world)
    (line,) = world.stored.groups[START].history
    assert (line.failure.class_, line.failure.reason) == ("host", "Batch no longer knows the job")
    assert len(world.jobs.requests) == 2


def test_a_job_that_is_missing_once_may_turn_up_again() -> None:
    world = started()
    kept = dict(world.jobs.jobs)
    forget(world)
    world.sweep()
    world.jobs.jobs = kept
    world.jobs.move("job-1", "RUNNABLE")
    world.sweep()
    world.clock.advance(FORGOTTEN_AFTER)
    forget(world)
    world.sweep()
    assert world.run.status is RunStatus.RUNNING
    assert world.stored.groups[START].history == ()


def test_a_describe_jobs_that_fails_says_nothing_of_any_job() -> None:
    world = started()
    world.engine = world.build(jobs=Throttled(world))
    for _ in range(5):
        swept = world.sweep()
        world.clock.advance(FORGOTTEN_AFTER)
    assert [what for what, _ in swept.failures] == ["DescribeJobs"]
    assert world.stored.groups[START].submissions[0].missing_since is None


def test_forgotten_children_of_an_array_are_judged_each_by_its_own_outcome() -> None:
    world = EngineWorld(FAN_OUT)
    world.start()
    world.leave_outcome("start", foreach_count=3)
    world.handle(LightEnded(RUN, START, 0, 1))
    world.clock.advance(JOB_SILENCE + 1)
    forget(world)
    for member in (0, 2):
        world.leave_outcome("work", member, path=(0,))
    wait_until_it_is_believed(world)
    work = world.stored.groups[GroupKey("work", (0,))]
    assert (list(work.succeeded), list(work.live)) == ([0, 2], [1])
    assert [(line.member, line.failure.reason) for line in work.history] == [(1, FORGOTTEN)]


def test_how_long_a_job_may_be_silent_is_for_the_relay_to_say() -> None:
    world = EngineWorld(ONE_JOB)
    world.start()
    world.leave_outcome("start")
    world.jobs.move("job-1", "SUCCEEDED")
    world.clock.advance(10)
    assert sweep(world).events == 0
    assert sweep(world, silence=9.0).events == 1
    assert statuses(world) == [RunStatus.SUCCEEDED]


def test_a_submission_without_a_job_that_nobody_is_submitting_is_submitted() -> None:
    world = started()
    lose_the_job_id(world)
    forget(world)
    world.sweep()
    assert len(world.jobs.requests) == 2
    assert world.stored.groups[START].submissions[0].job_id is not None


def test_a_submission_whose_job_was_never_recorded_is_given_it_instead_of_a_second_one() -> None:
    world = started()
    lose_the_job_id(world)
    world.sweep()
    assert len(world.jobs.requests) == 1
    assert world.stored.groups[START].submissions[0].job_id == "job-1"


def lose_the_job_id(world: EngineWorld) -> None:
    group = world.stored.groups[START]
    (submission,) = group.submissions
    world.store.save(world.run, [replace(group, submissions=(replace(submission, job_id=None),))])


def test_jobs_of_many_runs_are_looked_up_a_hundred_at_a_time() -> None:
    world = started(*(f"run-{number:03}" for number in range(250)))
    asking = Asking(world)
    world.engine = world.build(jobs=asking)
    sweep(world, together=250)
    assert [len(asked) for asked in asking.asked] == [100, 100, 50]


def test_a_job_of_which_there_is_no_news_costs_no_load_and_no_save() -> None:
    world = started(*(f"run-{number}" for number in range(3)))
    world.jobs.move("job-1", "RUNNABLE")
    counting = Counting(world)
    world.engine = world.build(store=counting)
    assert world.sweep().events == 1
    assert counting.calls.count("save") == 1
    assert counting.calls.count("load") == 3 + 1
    assert world.sweep().events == 0


def test_one_broken_run_does_not_stop_the_sweep_of_the_others() -> None:
    world = started("a", "b", "c")
    for run in "abc":
        world.objects.put_once(keys.outcome(run, TaskKey("start", (), 0), 1), outcome())
    for job in world.jobs.jobs:
        world.jobs.move(job, "SUCCEEDED")
    world.engine = world.build(store=Broken(world, "b"))
    swept = world.sweep()
    assert statuses(world) == [RunStatus.SUCCEEDED, RunStatus.RUNNING, RunStatus.SUCCEEDED]
    assert [(what, type(error)) for what, error in swept.failures] == [("b", ValueError)]


def outcome() -> bytes:
    return b'{"outcome_version": 1, "status": "succeeded", "attempt": 1, "transition": null}'


@pytest.mark.parametrize("limits", [{"runs": 2, "together": 1}, {"calls": 2, "together": 1}, {"calls": 1, "ids": 2}])
def test_a_sweep_that_is_cut_short_is_gone_on_with_by_the_next(limits: dict[str, Any]) -> None:
    world = started("a", "b", "c", "d", "e")
    asking = Asking(world)
    world.engine = world.build(jobs=asking)
    cut_short = [sweep(world, **limits).cut_short for _ in range(3)]
    assert [job for asked in asking.asked for job in asked] == ["job-1", "job-2", "job-3", "job-4", "job-5"]
    assert cut_short == [True, True, False]
    sweep(world, **limits)
    assert asking.asked[-1][0] in ("job-1", "job-2")


def test_a_sweep_that_runs_out_of_time_is_gone_on_with_by_the_next() -> None:
    world = started("a", "b", "c")
    asking = Asking(world, seconds=100)
    world.engine = world.build(jobs=asking)
    for _ in range(2):
        sweep(world, seconds=150.0, together=1)
    assert asking.asked == [["job-1"], ["job-2"], ["job-3"]]


def test_a_run_that_makes_the_function_die_is_passed_over_by_the_next_sweep() -> None:
    world = started("a", "b", "c")
    world.engine = world.build(store=Deadly(world, "a"))
    with pytest.raises(KeyboardInterrupt):
        sweep(world, together=1)
    assert sweep(world, together=1).runs == 2


class Throttled:
    """A Batch that does not answer DescribeJobs."""

    def __init__(self, world: EngineWorld) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.jobs, name)

    def describe(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        raise ConnectionError("TooManyRequestsException")


class Asking:
    """A Batch that remembers which jobs were asked for, each time some seconds long."""

    def __init__(self, world: EngineWorld, seconds: float = 0.0) -> None:
        self._world, self._seconds = world, seconds
        self.asked: list[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.jobs, name)

    def describe(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        self.asked.append(list(job_ids))
        self._world.clock.advance(self._seconds)
        return self._world.jobs.describe(job_ids)


class Counting:
    """A store that remembers its calls."""

    def __init__(self, world: EngineWorld) -> None:
        self._world = world
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self._world.store, name)


class Broken:
    """A store that cannot read one run."""

    def __init__(self, world: EngineWorld, run: str) -> None:
        self._world, self._run = world, run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.store, name)

    def load(self, run: str) -> Any:
        if run == self._run:
            raise ValueError("nonsense")
        return self._world.store.load(run)


class Deadly(Broken):
    """A store from which one run is so large that the function dies."""

    def load(self, run: str) -> Any:
        if run == self._run:
            raise KeyboardInterrupt
        return self._world.store.load(run)
