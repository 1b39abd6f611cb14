"""From a submission to the queue that takes it, and what is remembered of that."""

from typing import Any

import pytest

from steprelay_core.ports import OUTBOX_ORPHANED_AFTER, Denied
from steprelay_core.state.events import RunStarted
from steprelay_core.state.model import GroupKey, Origin, RunStatus, Submission, Terms
from tests.unit.engine.world import RUN, Died, Dying, EngineWorld

START = GroupKey("start")
EVENT = RunStarted(RUN, "Flow", "digest", Origin("upload"))
SPOT: dict[str, Any] = {"reason": "Host EC2 (instance i-0abc) terminated."}
OOM: dict[str, Any] = {"container_reason": "OutOfMemoryError: Container killed due to memory usage", "exit_code": 137}


def world_of(*queues: str, **batch: Any) -> EngineWorld:
    """A step of one job that may go to `spot`, then `more`, then `last`; only `queues` are there, on EC2."""
    asked = {"queue": ["spot", "more", "last"], **batch}
    world = EngineWorld({"start": {"batch": asked, "retry": {"times": 3, "minutes_between_retries": 0}}})
    world.jobs.queues = dict.fromkeys(queues, "ec2")
    return world


def submission_of(world: EngineWorld) -> Submission:
    return world.stored.groups[START].submissions[-1]


def queues_used(world: EngineWorld) -> list[str]:
    return [request["jobQueue"] for request in world.jobs.requests.values()]


def test_the_first_queue_of_the_list_is_used() -> None:
    world = world_of("spot", "more", "last")
    world.start()
    assert queues_used(world) == ["spot"]
    assert submission_of(world).terms == Terms()


def test_a_queue_that_is_not_there_is_passed_over_in_the_same_attempt() -> None:
    world = world_of("more", "last")
    world.start()
    assert queues_used(world) == ["more"]
    assert (submission_of(world).attempt, submission_of(world).terms) == (1, Terms(queue=1))


def test_a_queue_that_refuses_the_job_is_passed_over_in_the_same_attempt() -> None:
    world = world_of("spot", "more", "last")
    world.jobs.full = {"spot", "more"}
    world.start()
    assert queues_used(world) == ["last"]
    assert submission_of(world).terms == Terms(queue=2)


def test_each_queue_is_asked_for_its_own_platform() -> None:
    world = world_of("spot", cpu=4, memory=16384, execution_role="arn:aws:iam::111122223333:role/execution")
    world.jobs.queues = {"spot": "ec2", "more": "fargate"}
    world.jobs.full = {"spot"}
    world.start()
    (definition,) = [world.jobs.definitions[request["jobDefinition"]] for request in world.jobs.requests.values()]
    assert definition["platformCapabilities"] == ["FARGATE"]


def test_when_no_queue_takes_the_job_the_run_fails_with_what_each_said() -> None:
    world = world_of("more")
    world.jobs.full = {"more"}
    world.start()
    assert world.run.failure is not None
    reason = world.run.failure.failure.reason
    assert all(words in reason for words in ("no job queue 'spot'", "'more' takes no jobs", "no job queue 'last'"))


def test_what_is_no_queues_fault_is_not_tried_on_the_next_queue() -> None:
    world = world_of("spot", "more", "last")
    world.jobs.refuse = "Tag keys must be unique"
    world.start()
    assert world.run.status is RunStatus.FAILED
    assert queues_used(world) == []


def test_a_relay_that_may_not_look_queues_up_does_not_try_them_all() -> None:
    world = world_of("spot", "more", "last")
    asked: list[str] = []
    world.build(jobs=MayNotLook(world, asked)).handle(EVENT)
    assert world.run.failure is not None
    assert "no permission" in world.run.failure.failure.reason
    assert asked == ["spot"]


def test_the_next_attempt_goes_on_behind_the_queue_that_took_the_last() -> None:
    world = world_of("more", "last")
    world.start()
    world.handle(world.job("FAILED", **SPOT))
    assert queues_used(world) == ["more", "last"]
    assert submission_of(world).terms == Terms(queue=2, spent=(("spot", 1),))
    world.handle(world.job("FAILED", "job-2", **SPOT))
    assert queues_used(world) == ["more", "last", "last"]


def test_an_attempt_after_one_that_ran_out_of_memory_asks_for_more() -> None:
    world = world_of("spot", memory=4096, max_memory=10_000)
    world.start()
    for job in ("job-1", "job-2"):
        world.handle(world.job("FAILED", job, **OOM))
    asked = [
        need["value"]
        for request in world.jobs.requests.values()
        for need in request["containerOverrides"]["resourceRequirements"]
        if need["type"] == "MEMORY"
    ]
    assert asked == ["4096", "8192", "10000"]


@pytest.mark.parametrize("method", ["platform", "ensure_definition", "submit"])
def test_a_handler_that_died_while_falling_back_leaves_one_job(method: str) -> None:
    world = world_of("more", "last")
    world.jobs.full = {"more"}
    dying = world.build(jobs=Dying(world.jobs, method, after=False))
    with pytest.raises(Died):
        dying.handle(EVENT)
    world.clock.advance(OUTBOX_ORPHANED_AFTER + 1)
    world.handle(EVENT)
    assert queues_used(world) == ["last"]
    assert submission_of(world).terms == Terms(queue=2)


def test_a_job_that_a_dead_handler_left_is_found_in_whichever_queue_took_it() -> None:
    world = world_of("more", "last")
    world.jobs.full = {"more"}
    with pytest.raises(Died):
        world.build(jobs=DyingWithAnswer(world)).handle(EVENT)
    # By now an earlier queue would take it: that must not make a second job.
    world.jobs.queues["spot"], world.jobs.full = "ec2", set()
    world.clock.advance(OUTBOX_ORPHANED_AFTER + 1)
    world.handle(EVENT)
    assert queues_used(world) == ["last"]
    assert (submission_of(world).job_id, submission_of(world).terms) == ("job-1", Terms(queue=2))


def test_a_relay_that_may_not_list_jobs_makes_no_second_one() -> None:
    world = world_of("spot")
    with pytest.raises(Died):
        world.build(jobs=DyingWithAnswer(world)).handle(EVENT)
    world.clock.advance(OUTBOX_ORPHANED_AFTER + 1)
    world.build(jobs=MayNotLook(world, [])).handle(EVENT)
    assert queues_used(world) == ["spot"]


def test_members_of_a_multi_node_foreach_are_submitted_and_ended_one_by_one() -> None:
    world = EngineWorld(
        {
            "start": {"next": {"to": ["work"], "foreach": "xs"}},
            "work": {"batch": {"num_parallel": 2}, "next": "join"},
            "join": {"join": True},
        }
    )
    world.start()
    world.leave_outcome("start", foreach_count=3)
    world.handle(world.light_ends("start"))
    assert [request["nodeOverrides"]["numNodes"] for request in world.jobs.requests.values()] == [2, 2, 2]
    assert not any("arrayProperties" in request for request in world.jobs.requests.values())
    for member in range(3):
        world.leave_outcome("work", member, path=(0,))
        world.handle(world.job("SUCCEEDED", f"job-{member + 1}"))
    assert len(world.stored.groups[GroupKey("work", (0,))].succeeded) == 3
    assert GroupKey("join") in world.stored.groups


class DyingWithAnswer:
    """Batch takes the job, and the handler dies before it hears so."""

    def __init__(self, world: EngineWorld) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.jobs, name)

    def submit(self, request: dict[str, Any]) -> str:
        self._world.jobs.submit(request)
        raise Died("submit")


class MayNotLook:
    """A Batch that the relay's role may submit to but not read."""

    def __init__(self, world: EngineWorld, asked: list[str]) -> None:
        self._world, self._asked = world, asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.jobs, name)

    def platform(self, queue: str) -> str:
        self._asked.append(queue)
        raise Denied("no permission")

    def find(self, queue: str, job_name: str) -> list[str]:
        raise Denied("no permission")
