"""Events of one run that arrive together: one load, one save, one outbox entry, and an answer for each."""

from typing import Any

import pytest

from steprelay_core.handled import Handled
from steprelay_core.ports import Conflict
from steprelay_core.state.events import Event, JobChanged, LightEnded
from steprelay_core.state.model import GroupKey
from steprelay_core.state.ranges import Ranges
from tests.fakes import MemoryStore
from tests.unit.engine.test_arrays import WORK, World
from tests.unit.engine.world import RUN


class CountedStore:
    """How often it was called; `conflicts`: how many saves somebody else is quicker with."""

    def __init__(self, real: MemoryStore) -> None:
        self._real = real
        self.calls: list[str] = []
        self.conflicts = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            if name == "save" and self.conflicts:
                self.conflicts -= 1
                raise Conflict("somebody was quicker")
            return real(*args, **kwargs)

        return call


def counted(world: World) -> CountedStore:
    store = CountedStore(world.store)
    world.engine = world.listing(world.build(store=store, objects=world.counted))
    return store


def test_failures_of_children_are_one_load_and_one_save() -> None:
    world = World(100)
    world.fail(*range(50))
    store = counted(world)
    answers = world.engine.handle_all([world.child(index) for index in range(50)])
    assert store.calls == ["load", "save", "clear"]
    assert all(isinstance(answer, Handled) and answer.note is None for answer in answers)
    assert str(world.work.submissions[0].open) == "50-99"


def test_they_lead_to_what_they_would_have_led_to_one_by_one() -> None:
    together, apart = World(6), World(6)
    for world in (together, apart):
        world.fail(*range(6))
    together.engine.handle_all([together.child(index) for index in (4, 1, 3)])
    for index in (4, 1, 3):
        apart.handle(apart.child(index))
    assert [wait.members for wait in together.work.waits] == [wait.members for wait in apart.work.waits]
    assert [item.open for item in together.work.submissions] == [item.open for item in apart.work.submissions]
    assert together.work.history == tuple(sorted(apart.work.history, key=lambda line: line.member))


def test_each_event_is_decided_on_what_those_before_it_lead_to() -> None:
    world = World(3)
    world.succeed(0, 1, 2)
    world.leave_outcome("join")
    store = counted(world)
    events: list[Event] = [world.end(), LightEnded(RUN, GroupKey("join"), 0, 1)]
    world.engine.handle_all(events)
    assert world.run.status == "SUCCEEDED"
    assert store.calls.count("save") == 1


def test_the_same_event_twice_in_a_batch_is_answered_twice_and_counts_once() -> None:
    world = World(3)
    world.fail(1)
    event = world.child(1)
    answers = world.engine.handle_all([event, event])
    assert len(answers) == 2
    assert len(world.work.history) == 1


def test_an_event_that_cannot_be_decided_keeps_no_other_from_it() -> None:
    world = World(4)
    world.fail(0)

    class Broken(type(world.told)):  # type: ignore[misc]
        def failed_children(self, job_id: str) -> Any:
            raise ConnectionError("ListJobs does not answer")

    world.told.__class__ = Broken
    answers = world.engine.handle_all([world.end(failed=2), world.child(0)])
    assert [type(answer) for answer in answers] == [ConnectionError, Handled]
    assert str(world.work.submissions[0].open) == "1-3"


def test_a_batch_is_decided_anew_when_somebody_else_saved_first() -> None:
    world = World(4)
    world.fail(0, 1)
    store = counted(world)
    store.conflicts = 2
    answers = world.engine.handle_all([world.child(0), world.child(1)])
    assert [type(answer) for answer in answers] == [Handled, Handled]
    assert store.calls.count("save") == 3


def test_when_others_keep_saving_every_event_is_answered_with_the_conflict() -> None:
    world = World(4)
    store = counted(world)
    store.conflicts = 10**6
    answers = world.engine.handle_all([world.child(0), world.end(failed=1)])
    assert [type(answer) for answer in answers] == [Conflict, Conflict]


def test_events_of_a_run_that_there_is_not_are_answered_one_by_one() -> None:
    world = World(2)
    strange: list[Event] = [JobChanged("Other", WORK, "1-0", "job-7", "SUCCEEDED"), LightEnded("Other", WORK, 0, 1)]
    answers = world.engine.handle_all(strange)
    assert [answer.note for answer in answers if isinstance(answer, Handled)] == ["there is no such run"] * 2


@pytest.mark.parametrize("die_at", ["save", "clear"])
def test_a_handler_that_dies_in_the_middle_of_a_batch_leaves_all_of_it_to_the_next(die_at: str) -> None:
    world = World(4)
    world.fail(0, 1)
    store = counted(world)
    real = store._real

    class Dying(CountedStore):
        def __getattr__(self, name: str) -> Any:
            if name == die_at:
                raise KeyboardInterrupt
            return super().__getattr__(name)

    world.engine = world.build(store=Dying(real), objects=world.counted)
    events = [world.child(0), world.child(1)]
    with pytest.raises(KeyboardInterrupt):
        world.engine.handle_all(events)
    world.engine = world.build(objects=world.counted)
    world.clock.advance(200)
    world.engine.handle_all(events)
    assert [line.member for line in world.work.history] == [0, 1]
    assert [wait.members for wait in world.work.waits] == [Ranges.of(0, 1)]
    assert not world.stored.outbox
