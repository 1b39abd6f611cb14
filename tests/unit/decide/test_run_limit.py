"""The time limit of a whole run."""

from steprelay_core.commands import FenceAttempt, StartRunTimer, TerminateJob
from steprelay_core.state.model import RunStatus
from tests.unit.decide.world import World, batch, started

LIMIT = 3600


def world_of(**step: object) -> World:
    return World(
        {
            "start": batch(**step),
        },
        timeout_seconds=LIMIT,
    )


def test_a_run_with_a_limit_starts_its_timer_and_one_without_does_not() -> None:
    timers = [command for command in world_of().commands if isinstance(command, StartRunTimer)]
    assert timers == [StartRunTimer(1, 1000.0 + LIMIT)]
    assert not any(isinstance(command, StartRunTimer) for command in World({"start": batch()}).commands)


def test_when_the_time_is_up_the_run_fails_and_every_live_job_is_terminated() -> None:
    world = world_of()
    world.job("start", "RUNNING")
    world.now += LIMIT
    commands = world.time_is_up()
    assert world.run.status is RunStatus.FAILED
    assert world.run.failure is not None
    assert world.run.failure.failure.class_ == "timeout"
    assert "its limit of 3600 s" in world.run.failure.failure.reason
    assert [command.job_id for command in commands if isinstance(command, TerminateJob)] == ["job-1"]
    assert any(isinstance(command, FenceAttempt) for command in commands)
    assert world.announced() == ["Run Started", "Run Failed"]


def test_nothing_starts_any_more_when_the_time_is_up() -> None:
    world = world_of(retry={"times": 3, "minutes_between_retries": 5})
    world.job("start", "FAILED", exit_code=1)
    world.now += LIMIT
    assert started(world.time_is_up()) == []
    assert started(world.timer("start")) == []
    assert world.run.status is RunStatus.FAILED


def test_a_timer_of_a_run_before_its_time_is_set_again() -> None:
    world = world_of()
    world.now += LIMIT - 10
    assert world.time_is_up() == [StartRunTimer(1, 1000.0 + LIMIT)]
    assert world.run.status is RunStatus.RUNNING


def test_the_timer_of_a_run_that_has_ended_changes_nothing() -> None:
    world = world_of()
    world.leaves("start")
    world.job("start", "SUCCEEDED")
    world.now += LIMIT
    assert world.time_is_up() == []
    assert world.run.status is RunStatus.SUCCEEDED


def test_the_timer_of_an_earlier_generation_does_not_end_the_resumed_run() -> None:
    world = world_of()
    world.job("start", "FAILED", exit_code=1)
    world.now += LIMIT - 1
    world.resume()
    world.now += 1
    assert world.time_is_up(generation=1) == []
    world.now += LIMIT
    world.time_is_up(generation=2)
    assert world.run.status is RunStatus.FAILED


def test_a_timer_delivered_twice_ends_the_run_once() -> None:
    world = world_of()
    world.now += LIMIT
    world.time_is_up()
    assert world.time_is_up() == []


def test_a_run_that_was_failing_already_keeps_its_first_cause() -> None:
    world = World(
        {
            "start": {"next": ["a", "b"]},
            "a": batch(next="join"),
            "b": batch(next="join"),
            "join": {"join": True},
        },
        timeout_seconds=LIMIT,
    )
    world.light("start")
    world.job("a", "FAILED", exit_code=1)
    world.now += LIMIT
    world.time_is_up()
    assert world.run.status is RunStatus.FAILED
    assert world.run.failure is not None
    assert world.run.failure.task == "a"


def test_a_run_of_hundreds_of_groups_ends_with_the_decision_that_stops_its_last_task() -> None:
    world = World(
        {
            "start": {"next": {"to": ["outer"], "foreach": "xs"}},
            "outer": {"next": {"to": ["inner"], "foreach": "ys"}},
            "inner": batch(next="inner_join"),
            "inner_join": {"join": True, "next": "outer_join"},
            "outer_join": {"join": True},
        },
        timeout_seconds=LIMIT,
    )
    world.light("start", foreach_count=100)
    for member in range(100):
        world.light("outer", member, path=(0,), foreach_count=2)
    world.now += LIMIT
    statuses: list[RunStatus] = []
    while not statuses or world.more:
        world.time_is_up()
        statuses.append(world.run.status)
    assert statuses == [RunStatus.RUNNING, RunStatus.RUNNING, RunStatus.FAILED]
    assert world.announced().count("Run Failed") == 1
