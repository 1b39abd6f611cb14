"""What the next attempt is given: the next queue where the machines failed, more memory where it ran out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steprelay_core.commands import SubmitJob
from steprelay_core.decide.crowd import LONGEST_CROWD
from steprelay_core.decide.terms import terms_after
from steprelay_core.spec import Batch, Retry, Step
from steprelay_core.state.events import JobSubmitted
from steprelay_core.state.model import Failure, GroupKey, Platform, RunStatus, Terms
from steprelay_core.state.ranges import Ranges
from steprelay_core.translate.terms import sizes_in_use
from tests.unit.decide.world import RUN, World, batch, started

THREE_QUEUES = Batch(queue=["spot", "more-spot", "on-demand"])
GROWING = Batch(memory=4096, max_memory=16384)

SPOT: dict[str, Any] = {"reason": "Host EC2 (instance i-0abc) terminated."}
QUEUE_TIMEOUT: dict[str, Any] = {"reason": "Canceled by JobStateTimeLimit action due to reason: CAPACITY:INSUFFICIENT"}
HOST: dict[str, Any] = {"reason": "Task failed to start"}
OOM: dict[str, Any] = {"container_reason": "OutOfMemoryError: Container killed due to memory usage", "exit_code": 137}
SUSPECTED: dict[str, Any] = {"exit_code": 137}
SLOW_REGISTRY: dict[str, Any] = {"container_reason": "CannotPullContainerError: i/o timeout"}
PROGRAM: dict[str, Any] = {"reason": "Essential container in task exited", "exit_code": 1}


def after(given: Batch | None, terms: Terms, *classes: str) -> Terms:
    for class_ in classes:
        terms = terms_after(Step(batch=given), terms, Failure(class_, "why"))
    return terms


@pytest.mark.parametrize("class_", ["spot", "queue_timeout", "capacity", "host"])
def test_failures_of_the_machines_lead_to_the_next_queue(class_: str) -> None:
    assert after(THREE_QUEUES, Terms(), class_) == Terms(queue=1)


def test_the_last_queue_is_stayed_on() -> None:
    assert after(THREE_QUEUES, Terms(), "spot", "host", "spot", "queue_timeout") == Terms(queue=2)


@pytest.mark.parametrize("one", [Batch(), Batch(queue="only"), Batch(queue=["only"])])
def test_a_step_of_one_queue_stays_on_it(one: Batch) -> None:
    assert after(one, Terms(), "spot") == Terms()


@pytest.mark.parametrize("class_", ["program", "timeout", "oom", "image_transient", "unknown"])
def test_other_failures_leave_the_queue_as_it_is(class_: str) -> None:
    assert after(THREE_QUEUES, Terms(queue=1), class_) == Terms(queue=1)


def test_memory_grows_with_every_attempt_that_ran_out_of_it() -> None:
    assert after(Batch(memory=100, max_memory=10_000), Terms(), "oom", "program", "oom", "oom").growth == 3


def test_memory_that_has_reached_its_maximum_grows_no_more() -> None:
    assert after(GROWING, Terms(), "oom", "oom", "oom").growth == 2


def test_memory_grows_only_where_the_step_says_how_far() -> None:
    assert after(Batch(memory=4096), Terms(), "oom", "oom_suspected") == Terms()


def test_a_suspicion_counts_once() -> None:
    assert after(GROWING, Terms(), "oom_suspected", "oom_suspected") == Terms(growth=1, suspected=True)
    assert after(GROWING, Terms(), "oom_suspected", "oom") == Terms(growth=2, suspected=True)
    assert after(GROWING, Terms(), "oom", "oom_suspected") == Terms(growth=2, suspected=True)


def test_queue_and_memory_are_changed_apart_from_each_other() -> None:
    both = Batch(queue=["a", "b"], memory=100, max_memory=1000)
    assert after(both, Terms(), "oom", "spot", "oom") == Terms(queue=1, growth=2)


@given(
    st.integers(4, 300_000),
    st.integers(0, 300_000),
    st.floats(1, 4) | st.integers(1, 4) | st.none(),
    st.integers(0, 12),
    st.sampled_from(["ec2", "fargate"]),
    st.sampled_from([0.25, 1, 8, 32]),
)
def test_memory_that_is_said_to_grow_really_does(
    memory: int, room: int, factor: float | None, growth: int, platform: Platform, cpu: float
) -> None:
    given_batch = Batch(cpu=cpu, memory=memory, max_memory=memory + room, round_up=True)
    step = Step(batch=given_batch, retry=Retry(memory_factor=factor))
    assert step.memory is not None
    had = sizes_in_use(given_batch, step.memory, Terms(growth=growth), platform).memory
    more = terms_after(step, Terms(growth=growth), Failure("oom", "why"), platform)
    if more != Terms(growth=growth):
        assert had < sizes_in_use(given_batch, step.memory, more, platform).memory
    elif factor is None or factor >= 1.5:
        # There is no more to be had, however often it grew.
        assert had >= sizes_in_use(given_batch, step.memory, Terms(growth=growth + 30), platform).memory


def test_a_light_step_has_no_terms_to_change() -> None:
    assert after(None, Terms(), "host", "oom") == Terms()


def step(minutes: float = 0, times: int = 4, **given: Any) -> dict[str, Any]:
    asked = {"queue": ["spot", "on-demand"], "memory": 4096, "max_memory": 16384, **given}
    return {"batch": asked, "retry": {"times": times, "minutes_between_retries": minutes}}


def test_the_next_attempt_is_made_on_the_new_terms() -> None:
    world = World({"start": step()})
    world.job("start", "FAILED", **SPOT)
    assert world.submission("start").terms == Terms(queue=1, spent=(("spot", 1),))
    world.job("start", "FAILED", **OOM)
    assert world.submission("start").terms == Terms(queue=1, growth=1, spent=(("oom", 1), ("spot", 1)))
    world.job("start", "FAILED", **PROGRAM)
    assert world.submission("start").terms == Terms(queue=1, growth=1, spent=(("oom", 1), ("spot", 1)))


@pytest.mark.parametrize(
    ("failure", "seconds", "terms"),
    [(PROGRAM, 120, Terms()), (SLOW_REGISTRY, 10, Terms(spent=(("image_transient", 1),)))],
)
def test_the_terms_are_kept_while_an_attempt_waits(failure: dict[str, Any], seconds: float, terms: Terms) -> None:
    world = World({"start": step(minutes=2)})
    world.job("start", "FAILED", **failure)
    assert [wait.terms for wait in world.group("start").waits] == [terms]
    world.now += seconds
    world.timer("start")
    assert world.submission("start").terms == terms


def foreach(work: dict[str, Any], count: int) -> World:
    world = World(
        {
            "start": {"next": {"to": ["work"], "foreach": "xs"}},
            "work": {**work, "next": "join"},
            "join": {"join": True},
        }
    )
    world.light("start", foreach_count=count)
    return world


def test_members_that_wait_on_different_terms_are_submitted_apart() -> None:
    world = foreach(step(minutes=1), 6)
    for index, failure in enumerate([SPOT, OOM, SPOT, PROGRAM, OOM, SUSPECTED]):
        world.job("work", "FAILED", (0,), index=index, job_id=f"job-1:{index}", **failure)
    world.now += 60 + LONGEST_CROWD
    world.timer("work", 3, path=(0,))
    submissions = {item.terms: item.members for item in world.group("work", 0).submissions}
    assert submissions == {
        Terms(queue=1, spent=(("spot", 1),)): Ranges.of(0, 2),
        Terms(growth=1, spent=(("oom", 1),)): Ranges.of(1, 4),
        Terms(): Ranges.of(3),
        Terms(growth=1, suspected=True, spent=(("oom_suspected", 1),)): Ranges.of(5),
    }
    submitted = [item.submission for item in world.commands if isinstance(item, SubmitJob)]
    assert sorted(submitted) == ["1-0", "2-0", "2-1", "2-3", "2-5"]
    assert not world.group("work", 0).waits


def test_the_queue_that_took_the_job_is_where_the_next_attempt_goes_on() -> None:
    world = World({"start": step(queue=["gone", "spot", "on-demand"])})
    world.happen(JobSubmitted(RUN, GroupKey("start"), "1-0", "job-1", "name", Terms(queue=1)))
    assert world.submission("start").terms == Terms(queue=1)
    world.job("start", "FAILED", **SPOT)
    assert world.submission("start").terms == Terms(queue=2, spent=(("spot", 1),))


def test_members_of_a_multi_node_step_are_a_job_each() -> None:
    world = foreach(batch(batch={"num_parallel": 4}), 3)
    assert [item.members for item in world.group("work", 0).submissions] == [Ranges.of(n) for n in range(3)]
    assert started(world.commands) == ["start", "work", "work", "work"]


def test_retries_of_a_multi_node_step_are_a_job_each_as_well() -> None:
    world = foreach(step(minutes=1, num_parallel=2), 3)
    for member in (0, 2):
        world.job("work", "FAILED", (0,), submission=f"1-{member}", job_id=f"job-{member}", **PROGRAM)
    world.now += 60
    world.timer("work", 0, path=(0,))
    assert [item.id for item in world.group("work", 0).submissions] == ["1-1", "2-0", "2-2"]


@pytest.mark.parametrize(("count", "status"), [(200, RunStatus.RUNNING), (201, RunStatus.FAILED)])
def test_a_foreach_of_multi_node_jobs_has_an_end_and_says_where(count: int, status: RunStatus) -> None:
    world = foreach(batch(batch={"num_parallel": 2}), count)
    assert world.run.status is status
    if world.run.failure is not None:
        assert "multi-node steps takes at most 200 items, this one has 201" in world.run.failure.failure.reason


def test_only_the_innermost_foreach_around_a_multi_node_step_is_so_limited() -> None:
    world = World(
        {
            "start": {"next": {"to": ["outer"], "foreach": "xs"}},
            "outer": {"next": {"to": ["work"], "foreach": "ys"}},
            "work": {"batch": {"num_parallel": 2}, "next": "inner_join"},
            "inner_join": {"join": True, "next": "join"},
            "join": {"join": True},
        }
    )
    world.light("start", foreach_count=300)
    assert world.run.status is RunStatus.RUNNING
    world.light("outer", 7, path=(0,), foreach_count=300)
    assert world.run.failure is not None
    assert world.run.failure.task == "outer.7"
