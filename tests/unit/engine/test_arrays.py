"""The end of an array: who won is told by Batch and a listing; only who failed, or had a choice, is read."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from steprelay_core import keys
from steprelay_core.decide.array import READ_AT_ONCE
from steprelay_core.engine import Engine
from steprelay_core.evidence import Evidence
from steprelay_core.ports import Attempt, Ended, FailedChild
from steprelay_core.state.events import JobChanged, LightEnded
from steprelay_core.state.model import Group, GroupKey, TaskKey
from steprelay_core.state.outcome import Outcome
from steprelay_core.state.ranges import Ranges
from tests.fakes import FakeJobs, MemoryObjects
from tests.unit.engine.world import RUN, EngineWorld

WORK = GroupKey("work", (0,))
RETRY = {"retry": {"times": 2, "minutes_between_retries": 0}}
ONE_WAY = {"batch": {}, "next": "join", **RETRY}
TWO_WAYS = {"batch": {}, "next": [{"to": ["left"]}, {"to": ["right"]}], **RETRY}


class CountedObjects:
    """How many outcomes and listings were asked for."""

    def __init__(self, real: MemoryObjects) -> None:
        self._real = real
        self.read: list[int] = []
        self.listed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def outcomes(self, run: str, tasks: Sequence[Attempt]) -> dict[Attempt, Outcome]:
        self.read.append(len(tasks))
        return self._real.outcomes(run, tasks)

    def ended(self, run: str, group: GroupKey, attempt: int, members: Ranges) -> Ended:
        self.listed += 1
        return self._real.ended(run, group, attempt, members)


class ToldJobs(FakeJobs):
    """`failed`: what ListJobs says of an array, index by index; `asked`: how often."""

    def __init__(self) -> None:
        super().__init__()
        self.failed: dict[int, int] = {}
        self.asked = 0

    def failed_children(self, job_id: str) -> list[FailedChild]:
        self.asked += 1
        return [FailedChild(index, "Essential container in task exited", code) for index, code in self.failed.items()]


class World(EngineWorld):
    """A light step has started a foreach of so many tasks, which are one array, job-1."""

    def __init__(self, size: int, work: dict[str, Any] = ONE_WAY) -> None:
        sides = {"left": {"next": "join"}, "right": {"next": "join"}} if work is TWO_WAYS else {}
        start = {"next": {"to": ["work"], "foreach": "items"}}
        super().__init__({"start": start, "work": work, **sides, "join": {"join": True}})
        self.counted, self.told = CountedObjects(self.objects), ToldJobs()
        self.jobs = self.told
        self.engine = self.listing(self.build(objects=self.counted))
        self.start()
        self.leave_outcome("start", foreach_count=size)
        self.handle(LightEnded(RUN, GroupKey("start"), 0, 1))
        self.size = size
        self.counted.read, self.counted.listed = [], 0

    @staticmethod
    def listing(engine: Engine) -> Engine:
        """An engine to which no array is too small to be listed."""
        engine.evidence = partial(Evidence, few=1)
        return engine

    @property
    def work(self) -> Group:
        return self.stored.groups[WORK]

    def succeed(self, *members: int) -> None:
        for member in members:
            self.leave_outcome("work", member, path=(0,))

    def fail(self, *members: int) -> None:
        failure = {"class_": "program", "type": "ValueError", "message": "no"}
        for member in members:
            body = {"outcome_version": 1, "status": "failed", "attempt": 1, "failure": failure}
            self.objects.put(keys.outcome(RUN, TaskKey("work", (0,), member), 1), json.dumps(body).encode())
            self.objects.put(keys.failed_mark(RUN, TaskKey("work", (0,), member), 1), b"")

    def child(self, index: int, exit_code: int = 1) -> JobChanged:
        return JobChanged(
            RUN, WORK, "1-0", f"job-1:{index}", "FAILED", "Essential container in task exited", index=index,
            exit_code=exit_code,
        )  # fmt: skip

    def end(self, failed: int | None = 0) -> JobChanged:
        return self.job("FAILED" if failed else "SUCCEEDED", size=self.size, failed=failed)


def test_no_outcome_is_read_of_an_array_that_succeeded() -> None:
    world = World(5)
    world.succeed(*range(5))
    world.handle(world.end())
    assert (str(world.work.succeeded), world.counted.read, world.counted.listed) == ("0-4", [], 1)
    assert (world.told.asked, "join" in {key.step for key in world.stored.groups}) == (0, True)


def test_a_child_that_ended_well_without_an_outcome_has_failed() -> None:
    world = World(3)
    world.succeed(0, 2)
    world.handle(world.end())
    assert str(world.work.succeeded) == "0,2"
    assert [line.failure.class_ for line in world.work.history] == ["unknown_outcome"]


def test_failures_that_events_told_of_are_not_asked_for_again() -> None:
    world = World(4)
    world.succeed(0, 1, 3)
    world.fail(2)
    world.handle(world.child(2))
    world.handle(world.end(failed=1))
    assert (str(world.work.succeeded), world.told.asked) == ("0-1,3", 0)
    assert world.counted.read == [1]


def test_failures_whose_events_were_lost_are_told_by_batch() -> None:
    world = World(4)
    world.succeed(0, 3)
    world.fail(1, 2)
    world.told.failed = {1: 1, 2: 1}
    world.handle(world.child(2))
    world.handle(world.end(failed=2))
    assert (str(world.work.succeeded), world.told.asked) == ("0,3", 1)
    assert [(line.member, line.failure.reason) for line in world.work.history] == [
        (2, "ValueError: no"),
        (1, "ValueError: no"),
    ]
    assert [(item.attempt, str(item.open)) for item in world.work.submissions] == [(2, "1-2")]


def test_a_failed_child_that_left_a_success_has_won() -> None:
    world = World(2)
    world.succeed(0, 1)
    world.told.failed = {1: 137}
    world.handle(world.end(failed=1))
    assert str(world.work.succeeded) == "0-1"


def test_how_a_child_failed_that_left_nothing_is_what_batch_lists() -> None:
    world = World(2)
    world.succeed(0)
    world.told.failed = {1: 137}
    world.handle(world.end(failed=1))
    assert [(line.failure.class_, line.failure.exit_code) for line in world.work.history] == [("oom_suspected", 137)]


@pytest.mark.parametrize("failed", [2, None])
def test_where_batch_does_not_tell_of_all_failures_every_outcome_is_read(failed: int | None) -> None:
    world = World(3)
    world.succeed(0)
    world.fail(1)
    world.told.failed = {1: 1}
    world.handle(JobChanged(RUN, WORK, "1-0", "job-1", "FAILED", size=3, failed=failed))
    assert str(world.work.succeeded) == "0"
    assert world.counted.read == [2]
    # How the last one ended only its own event can tell, or the sweep.
    assert [str(item.open) for item in world.work.submissions if item.attempt == 1] == ["2"]


def test_steps_that_choose_a_way_are_read_in_portions() -> None:
    size = 2 * READ_AT_ONCE + 1
    world = World(size, TWO_WAYS)
    for member in range(size):
        world.leave_outcome("work", member, path=(0,), transition=member % 2)
    world.handle(world.end())
    assert world.counted.read == [READ_AT_ONCE, READ_AT_ONCE, 1]
    assert (len(world.work.succeeded), [len(way) for way in world.work.chosen.values()]) == (size, [2001, 2000])


def test_ten_thousand_failures_are_read_in_portions_and_go_on_as_one_array() -> None:
    size = 2 * READ_AT_ONCE
    world = World(size)
    world.fail(*range(size))
    world.told.failed = dict.fromkeys(range(size), 1)
    world.handle(world.end(failed=size))
    assert world.counted.read == [READ_AT_ONCE, READ_AT_ONCE]
    assert (world.counted.listed, world.told.asked) == (1, 1)
    assert [(item.attempt, len(item.open)) for item in world.work.submissions] == [(2, size)]


def test_tasks_that_start_a_foreach_are_taken_as_many_as_fit_into_a_save() -> None:
    nested = {"batch": {}, "next": {"to": ["inner"], "foreach": "items"}}
    world = EngineWorld({
        "start": {"next": {"to": ["work"], "foreach": "items"}}, "work": nested,
        "inner": {"next": "join_inner"}, "join_inner": {"join": True, "next": "join"}, "join": {"join": True},
    })  # fmt: skip
    world.start()
    world.leave_outcome("start", foreach_count=90)
    world.handle(LightEnded(RUN, GroupKey("start"), 0, 1))
    for member in range(90):
        world.leave_outcome("work", member, path=(0,), foreach_count=1)
    saves = world.run.version
    world.handle(world.job("SUCCEEDED", size=90, failed=0))
    assert len([key for key in world.stored.groups if key.step == "inner"]) == 90
    assert world.run.version - saves == 3


def test_only_attempts_without_an_outcome_are_fenced() -> None:
    world = World(3)
    world.fail(0, 1)
    for event in [world.child(0), world.child(1), world.child(2)]:
        world.handle(event)
    claims = [keys.claim(RUN, TaskKey("work", (0,), member), 1) in world.objects.objects for member in range(3)]
    assert claims == [False, False, True]


def test_a_failure_whose_exit_code_was_lost_is_none_the_less_read() -> None:
    world = World(3)
    world.succeed(0, 2)
    world.fail(1)
    world.handle(world.end(failed=0))
    assert str(world.work.succeeded) == "0,2"
    assert [line.failure.reason for line in world.work.history] == ["ValueError: no"]
    assert world.counted.read == [1]


def test_a_mark_beside_a_success_costs_a_look_and_nothing_else() -> None:
    world = World(2)
    world.succeed(0, 1)
    world.objects.put(keys.failed_mark(RUN, TaskKey("work", (0,), 1), 1), b"")
    world.handle(world.end())
    assert (str(world.work.succeeded), world.counted.read) == ("0-1", [1])


def test_of_a_few_tasks_the_outcomes_are_read_and_nothing_is_listed() -> None:
    world = World(5)
    world.engine = world.build(objects=world.counted)
    world.succeed(0, 1, 2, 4)
    world.handle(world.end())
    assert (str(world.work.succeeded), world.counted.read, world.counted.listed) == ("0-2,4", [5], 0)


def test_who_won_by_catch_is_known_by_a_mark_and_not_by_reading() -> None:
    world = World(4)
    world.succeed(*range(4))
    world.objects.put(keys.caught_mark(RUN, TaskKey("work", (0,), 2), 1), b"")
    world.handle(world.end())
    assert (str(world.work.succeeded), str(world.work.caught), world.counted.read) == ("0-3", "2", [])


def test_of_a_small_array_the_outcomes_tell_who_won_by_catch() -> None:
    world = World(2)
    world.engine = world.build()
    world.leave_outcome("work", 0, path=(0,))
    world.leave_outcome("work", 1, path=(0,), caught=True)
    world.handle(world.end())
    assert str(world.work.caught) == "1"
