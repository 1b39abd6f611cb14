"""Jobs that wait for a machine for too long are cancelled by what Batch says of them at that time."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from steprelay_core.inbound import read_timer_due
from steprelay_core.queue_limit import LOOKED_AT_ONCE
from steprelay_core.state.events import LightEnded, QueueTimerDue
from steprelay_core.state.model import Group, GroupKey, RunStatus
from tests.unit.engine.world import RUN, Died, Dying, EngineWorld

TRAIN, WORK = GroupKey("train"), GroupKey("work", (0,))
LIMIT = 600
STEP = {"batch": {"queue": "queue"}, "queue_timeout_seconds": LIMIT}
RETRY = {"times": 2, "minutes_between_retries": 0, "on": ["queue_timeout"]}


class World(EngineWorld):
    """`size` tasks of a foreach wait as one array, job-1; or, without it, the only step's only task."""

    def __init__(self, size: int | None = None, **more: Any) -> None:
        step = STEP | more
        if size is None:
            super().__init__({"train": step}, start="train")
            self.start()
        else:
            start = {"next": {"to": ["work"], "foreach": "items"}}
            super().__init__({"start": start, "work": step | {"next": "join"}, "join": {"join": True}})
            self.start()
            self.leave_outcome("start", foreach_count=size)
            self.handle(LightEnded(RUN, GroupKey("start"), 0, 1))
        self.key = TRAIN if size is None else WORK
        self.jobs.move("job-1", "RUNNABLE" if size is None else "PENDING", createdAt=self.milliseconds)
        for index in range(size or 0):
            child = self.jobs.jobs["job-1"] | {"jobId": f"job-1:{index}", "arrayProperties": {"index": index}}
            self.jobs.jobs[f"job-1:{index}"] = child | {"status": "RUNNABLE"}

    @property
    def milliseconds(self) -> float:
        return self.clock.now() * 1000

    @property
    def group(self) -> Group:
        return self.stored.groups[self.key]

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and every timer that is due by then go off."""
        self.clock.advance(seconds)
        while messages := self.timers.pop_due(self.clock.now()):
            for message in messages:
                timer = read_timer_due(json.dumps(message))
                assert isinstance(timer, QueueTimerDue)
                self.handle(timer)


class Before:
    """A port to whose method something happens first."""

    def __init__(self, port: Any, method: str, do: Callable[[], None]) -> None:
        self._port, self._method, self._do = port, method, do

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            self._do()
        return getattr(self._port, name)


def test_a_job_that_has_waited_for_too_long_is_cancelled_with_how_long_and_where() -> None:
    world = World()
    world.pass_time(LIMIT)
    told = "steprelay: queue timeout: waited 10 min in queue queue, at most 10 min allowed"
    assert world.jobs.cancelled == {"job-1": told}


def test_nothing_is_cancelled_before_its_time() -> None:
    world = World()
    world.pass_time(LIMIT - 1)
    assert world.jobs.cancelled == {}


@pytest.mark.parametrize("status", ["STARTING", "RUNNING"])
def test_a_job_that_has_started_is_left_alone_although_nobody_told(status: str) -> None:
    world = World()
    world.jobs.move("job-1", status)
    world.pass_time(10 * LIMIT)
    assert (world.jobs.cancelled, world.jobs.terminated) == ({}, {})
    assert world.group.submissions[0].queue_due is None


def test_a_job_that_starts_while_it_is_looked_lives() -> None:
    world = World()
    world.clock.advance(LIMIT)
    engine = world.build(jobs=Before(world.jobs, "cancel", lambda: world.jobs.move("job-1", "STARTING")))
    engine.handle(QueueTimerDue(RUN, TRAIN, "1-0", world.clock.now()))
    assert world.jobs.jobs["job-1"]["status"] == "STARTING"


def test_a_job_that_batch_tries_again_has_its_whole_time_again() -> None:
    world = World()
    world.jobs.move("job-1", "RUNNABLE", attempts=[{"stoppedAt": world.milliseconds + 500_000}])
    world.pass_time(LIMIT)
    assert world.jobs.cancelled == {}
    world.pass_time(499)
    assert world.jobs.cancelled == {}
    world.pass_time(1)
    assert set(world.jobs.cancelled) == {"job-1"}


def test_only_the_children_that_still_wait_are_cancelled() -> None:
    world = World(size=5)
    for index, status in ((0, "RUNNING"), (2, "SUCCEEDED"), (4, "STARTING")):
        world.jobs.move(f"job-1:{index}", status)
    world.pass_time(LIMIT)
    assert set(world.jobs.cancelled) == {"job-1:1", "job-1:3"}


def test_a_child_that_goes_back_to_waiting_is_found_at_a_later_look() -> None:
    world = World(size=2)
    for index in range(2):
        world.jobs.move(f"job-1:{index}", "RUNNING")
    world.pass_time(LIMIT)
    world.jobs.move("job-1:1", "RUNNABLE", attempts=[{"stoppedAt": world.milliseconds}])
    world.pass_time(LIMIT)
    assert set(world.jobs.cancelled) == {"job-1:1"}


def test_the_children_of_a_large_array_are_cancelled_in_portions() -> None:
    size = 2 * LOOKED_AT_ONCE + 1
    world = World(size=size)
    world.clock.advance(LIMIT)
    world.handle(QueueTimerDue(RUN, WORK, "1-0", world.clock.now()))
    assert len(world.jobs.cancelled) == LOOKED_AT_ONCE
    world.pass_time(0)
    assert len(world.jobs.cancelled) == size


def test_a_timer_that_was_lost_is_made_up_for_by_the_sweep() -> None:
    world = World()
    world.clock.advance(LIMIT + 121)
    world.sweep()
    assert set(world.jobs.cancelled) == {"job-1"}


def test_a_timer_that_comes_twice_cancels_once() -> None:
    world = World(retry=RETRY)
    world.clock.advance(LIMIT)
    event = QueueTimerDue(RUN, TRAIN, "1-0", world.clock.now())
    world.handle(event)
    world.handle(world.job("FAILED", reason=world.jobs.cancelled["job-1"], stopped=True))
    world.handle(event)
    assert set(world.jobs.cancelled) == {"job-1"}
    assert [item.attempt for item in world.group.submissions] == [2]


def test_a_handler_that_dies_before_it_cancels_is_made_up_for() -> None:
    world = World()
    world.clock.advance(LIMIT)
    engine = world.build(jobs=Dying(world.jobs, "cancel", after=False))
    with pytest.raises(Died):
        engine.handle(QueueTimerDue(RUN, TRAIN, "1-0", world.clock.now()))
    assert world.jobs.cancelled == {}
    world.clock.advance(200)
    world.sweep()
    assert set(world.jobs.cancelled) == {"job-1"}


def test_a_submission_that_was_put_off_has_its_time_from_when_batch_took_it() -> None:
    world = EngineWorld({"train": STEP}, start="train")
    world.jobs.throttled = True
    world.start()
    world.clock.advance(LIMIT)
    world.jobs.throttled = False
    world.sweep()
    submission = world.stored.groups[TRAIN].submissions[0]
    assert (submission.job_id, submission.queue_due) == ("job-1", world.clock.now() + LIMIT)


def test_a_run_whose_job_found_no_machine_in_its_only_queue_has_failed() -> None:
    world = World()
    world.pass_time(LIMIT)
    world.handle(world.job("FAILED", reason=world.jobs.cancelled["job-1"], stopped=True))
    assert world.run.status is RunStatus.FAILED
    assert world.run.failure is not None
    assert world.run.failure.failure.class_ == "queue_timeout"
