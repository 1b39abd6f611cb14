"""Jobs that do not start, from what AWS says to what the run says."""

from typing import Any

import pytest

from steprelay_core.codec import decode, encode
from steprelay_core.decide.overdue import JOB_SILENCE, START_SILENCE
from steprelay_core.state.events import JobWaits, LightEnded
from steprelay_core.state.model import GroupKey, Notice, Run
from steprelay_core.state.placement import Environment, Head, InstanceSize, Needs, QueueState
from tests.fakes.queues import MemoryQueues
from tests.unit.engine.world import RUN, EngineWorld

START = GroupKey("start")
NO_CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
ONE_JOB: dict[str, dict[str, Any]] = {"start": {"batch": {"cpu": 64}}}
FAN_OUT: dict[str, dict[str, Any]] = {
    "start": {"next": {"to": ["work"], "foreach": "xs"}},
    "work": {"batch": {}, "next": "join"},
    "join": {"join": True},
}


def queue(*sizes: InstanceSize) -> QueueState:
    return QueueState("queue", environments=(Environment("ce", max_vcpus=256, sizes=sizes or None),))


def waiting(queues: MemoryQueues, steps: dict[str, dict[str, Any]] | None = None, **said: Any) -> EngineWorld:
    """A run of one job that has been RUNNABLE for so long that the sweep looks at it."""
    world = EngineWorld(steps or ONE_JOB)
    world.engine = world.build(queues=queues)
    world.start()
    world.jobs.move("job-1", "RUNNABLE", **asking(64), **said)
    world.clock.advance(START_SILENCE + 1)
    return world


def asking(vcpus: int) -> dict[str, Any]:
    asks = [{"type": "VCPU", "value": str(vcpus)}, {"type": "MEMORY", "value": "1024"}]
    return {"container": {"resourceRequirements": asks}, "createdAt": 1_790_000_000_000}


def notices(world: EngineWorld) -> tuple[Notice, ...]:
    return world.run.notices


def test_the_first_sweep_after_a_minute_says_what_the_queue_does_not_have() -> None:
    world = waiting(MemoryQueues(queue(InstanceSize("c6i.large", 2, 4096))))
    assert world.sweep().failures == ()
    (notice,) = notices(world)
    assert notice.reason == "no instance type of queue queue has 64 vCPU; the largest is c6i.large with 2"
    assert [event.detail_type for event in world.bus.published] == ["Run Started", "Step Stuck"]


def test_sweeps_that_find_nothing_new_save_nothing() -> None:
    world = waiting(MemoryQueues(queue()), statusReason=NO_CAPACITY)
    world.sweep()
    version = world.run.version
    for _ in range(3):
        world.clock.advance(JOB_SILENCE)
        assert world.sweep().events == 0
    assert world.run.version == version
    assert len(notices(world)) == 1


def test_a_job_that_waits_for_less_than_a_minute_is_left_alone() -> None:
    queues = MemoryQueues(queue())
    world = EngineWorld(ONE_JOB)
    world.engine = world.build(queues=queues)
    world.start()
    world.jobs.move("job-1", "RUNNABLE", statusReason=NO_CAPACITY, **asking(64))
    world.sweep()
    assert (notices(world), queues.asked) == ((), [])


def test_a_job_is_asked_who_is_ahead_of_it_only_where_nothing_else_explains_its_wait() -> None:
    queues = MemoryQueues(queue())
    world = waiting(queues)
    queues.heads["queue"] = Head("job-9", "somebody-elses", NO_CAPACITY, Needs())
    world.sweep()
    assert queues.asked == ["state queue", "head queue"]
    assert notices(world)[0].behind == "job-9"


def test_a_job_whose_reason_batch_tells_needs_nobody_ahead() -> None:
    queues = MemoryQueues(queue())
    waiting(queues, statusReason=NO_CAPACITY).sweep()
    assert queues.asked == ["state queue"]


def test_a_job_that_has_started_takes_its_notice_away_though_its_event_was_lost() -> None:
    world = waiting(MemoryQueues(queue()), statusReason=NO_CAPACITY)
    world.sweep()
    world.jobs.move("job-1", "RUNNING", statusReason=None)
    world.clock.advance(JOB_SILENCE)
    world.sweep()
    assert notices(world) == ()


def test_a_queue_that_cannot_be_looked_at_is_told_and_keeps_no_other_news_back() -> None:
    queues = MemoryQueues(queue())
    queues.broken = True
    world = waiting(queues, statusReason=NO_CAPACITY)
    swept = world.sweep()
    assert [what for what, _ in swept.failures] == ["queue"]
    assert world.stored.groups[START].submissions[0].status == "RUNNABLE"
    assert [notice.reason for notice in notices(world)] == [NO_CAPACITY]


def test_batchs_event_is_noticed_at_once_with_what_the_queue_says() -> None:
    world = EngineWorld(ONE_JOB)
    world.engine = world.build(queues=MemoryQueues(queue(InstanceSize("c6i.large", 2, 4096))))
    world.start()
    world.handle(JobWaits(RUN, START, "1-0", "job-1", "queue", 0.0, Needs(64, 1, 0, 64), reason="UNDETERMINED"))
    assert notices(world)[0].reason.startswith("no instance type of queue queue has 64 vCPU")


def test_batchs_event_is_noticed_by_its_words_where_the_queue_cannot_be_looked_at() -> None:
    queues = MemoryQueues()
    queues.broken = True
    world = EngineWorld(ONE_JOB)
    world.engine = world.build(queues=queues)
    world.start()
    world.handle(JobWaits(RUN, START, "1-0", "job-1", "queue", 0.0, Needs(), reason="UNDETERMINED"))
    assert notices(world)[0].reason == "UNDETERMINED"


@pytest.mark.parametrize(("summary", "noticed"), [({"RUNNABLE": 3}, 1), ({"RUNNABLE": 2, "RUNNING": 1}, 0)])
def test_an_array_is_noticed_while_none_of_its_children_is_at_work(summary: dict[str, int], noticed: int) -> None:
    world = EngineWorld(FAN_OUT)
    world.engine = world.build(queues=MemoryQueues(queue(InstanceSize("c6i.large", 2, 4096))))
    world.start()
    world.leave_outcome("start", foreach_count=3)
    world.handle(LightEnded(RUN, START, 0, 1))
    array = {"arrayProperties": {"size": 3, "statusSummary": summary}}
    world.jobs.move("job-1", "PENDING", **asking(64), **array)
    world.clock.advance(START_SILENCE + 1)
    world.sweep()
    assert len(notices(world)) == noticed


def test_notices_are_stored_and_read_again() -> None:
    world = waiting(MemoryQueues(queue()), statusReason=NO_CAPACITY)
    world.sweep()
    assert decode(Run, encode(world.run)) == world.run
