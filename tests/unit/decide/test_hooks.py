"""Exit hooks: when they begin, how they end, and that the run's own end is left as it is."""

import pytest

from steprelay_core.commands import Announce, Command, FenceAttempt, InvokeHook
from steprelay_core.decide.hook_ends import HOOK_TRIES
from steprelay_core.state.events import LightEnded
from steprelay_core.state.model import GroupKey, HookRun, HookStatus, RunStatus, TaskKey
from steprelay_core.state.outcome import Outcome, OutcomeFailure
from tests.unit.decide.world import RUN, World, batch

HOOKS = [
    {"name": "cheer", "on": ["success"], "command": ["true"]},
    {"name": "mourn", "on": ["error"], "command": ["true"]},
    {"name": "tell", "on": ["success", "error"], "command": ["true"]},
]


def world_of(**step: object) -> World:
    return World({"start": batch(**step)}, hooks=HOOKS)


def succeeded() -> World:
    world = world_of()
    world.leaves("start")
    world.job("start", "SUCCEEDED")
    return world


def failed() -> World:
    world = world_of()
    world.job("start", "FAILED", exit_code=1)
    return world


def called(commands: list[Command]) -> list[tuple[str, int]]:
    return [(command.name, command.attempt) for command in commands if isinstance(command, InvokeHook)]


def hook(world: World, name: str) -> HookRun:
    return [one for one in world.run.hooks if one.name == name][-1]


def ends(world: World, name: str, attempt: int = 1, *, lost: str | None = None) -> list[Command]:
    return world.happen(LightEnded(RUN, GroupKey(name), 0, attempt, lost))


def leaves(world: World, name: str, attempt: int = 1, why: str | None = None) -> None:
    failure = None if why is None else OutcomeFailure(class_="program", type="ValueError", message=why)
    status = "succeeded" if failure is None else "failed"
    world.outcomes[TaskKey(name, (), 0), attempt] = Outcome(
        outcome_version=1, status=status, attempt=attempt, failure=failure
    )


def test_a_success_starts_its_hooks_with_the_save_that_ends_the_run() -> None:
    world = succeeded()
    assert called(world.commands) == [("cheer", 1), ("tell", 1)]
    assert world.run.status is RunStatus.SUCCEEDED
    assert [one.after for one in world.run.hooks] == [RunStatus.SUCCEEDED] * 2


def test_a_failure_starts_the_hooks_for_errors_with_its_cause() -> None:
    world = failed()
    assert called(world.commands) == [("mourn", 1), ("tell", 1)]
    cause = hook(world, "tell").cause
    assert cause == world.run.failure
    assert cause is not None
    assert cause.task == "start"


def test_a_cancelled_run_starts_none() -> None:
    world = world_of()
    world.cancel()
    assert (called(world.commands), world.run.hooks) == ([], ())


def test_a_run_that_ran_out_of_time_starts_the_hooks_for_errors() -> None:
    world = World({"start": batch()}, hooks=HOOKS, timeout_seconds=60)
    world.now += 60
    world.time_is_up()
    assert called(world.commands) == [("mourn", 1), ("tell", 1)]


def test_a_flow_without_hooks_is_settled_as_it_ends() -> None:
    world = World({"start": batch()})
    world.leaves("start")
    world.job("start", "SUCCEEDED")
    assert world.run.settled


def test_a_run_is_settled_once_its_hooks_are_through() -> None:
    world = succeeded()
    for name in ("cheer", "tell"):
        assert not world.run.settled
        leaves(world, name)
        ends(world, name)
    assert world.run.settled


def test_a_hook_that_failed_is_recorded_and_changes_nothing_of_the_run() -> None:
    world = succeeded()
    before = world.announced()
    leaves(world, "cheer", why="nobody listens")
    assert ends(world, "cheer") == []
    ended = hook(world, "cheer")
    assert (ended.status, ended.ended_at) == (HookStatus.FAILED, world.now)
    assert ended.failure is not None
    assert ended.failure.reason == "ValueError: nobody listens"
    assert (world.run.status, world.run.failure, world.announced()) == (RunStatus.SUCCEEDED, None, before)


def test_a_hook_whose_function_died_is_tried_again_behind_a_fence() -> None:
    world = succeeded()
    commands = ends(world, "cheer", lost="the function ended early")
    assert commands == [FenceAttempt(GroupKey("cheer"), 1, ((0, 0),)), InvokeHook("cheer", 2)]
    assert (hook(world, "cheer").attempt, hook(world, "cheer").status) == (2, HookStatus.RUNNING)


def test_a_hook_whose_functions_die_is_tried_only_so_often() -> None:
    world = succeeded()
    for attempt in range(1, HOOK_TRIES + 1):
        ends(world, "cheer", attempt, lost="the function ended early")
    ended = hook(world, "cheer")
    assert (ended.attempt, ended.status) == (HOOK_TRIES, HookStatus.FAILED)
    assert ended.failure is not None
    assert (ended.failure.class_, ended.failure.reason) == ("host", "the function ended early")


@pytest.mark.parametrize("attempt", [1, 2])
def test_an_end_that_comes_twice_or_of_another_attempt_changes_nothing(attempt: int) -> None:
    world = succeeded()
    leaves(world, "cheer")
    ends(world, "cheer")
    before = world.run
    assert ends(world, "cheer", attempt, lost="too late") == []
    assert (world.run, world.note) == (before, "no exit hook is waiting for this end")


def test_each_end_of_a_resumed_run_calls_its_hooks_with_attempts_that_are_new() -> None:
    world = failed()
    leaves(world, "mourn")
    ends(world, "mourn")
    world.resume()
    assert hook(world, "tell").status is HookStatus.RUNNING
    world.leaves("start", attempt=2)
    commands = world.job("start", "SUCCEEDED")
    assert called(commands) == [("cheer", 1), ("tell", 2)]
    # What an earlier end has called goes on; its record stays until the same hook is called again.
    assert [(one.name, one.generation, one.attempt) for one in world.run.hooks] == [
        ("mourn", 1, 1),
        ("tell", 1, 1),
        ("cheer", 2, 1),
        ("tell", 2, 2),
    ]
    assert [one.after for one in world.run.hooks if one.name == "tell"] == [RunStatus.FAILED, RunStatus.SUCCEEDED]


def test_a_hook_that_is_through_is_forgotten_when_it_is_called_again() -> None:
    world = failed()
    for name in ("mourn", "tell"):
        leaves(world, name)
        ends(world, name)
    world.resume()
    world.job("start", "FAILED", exit_code=1)
    assert [(one.name, one.attempts) for one in world.run.hooks] == [("mourn", (2,)), ("tell", (2,))]


def test_hooks_of_two_ends_that_are_under_way_at_once_never_share_an_attempt() -> None:
    world = failed()
    world.resume()
    world.job("start", "FAILED", exit_code=1)
    ends(world, "tell", 1, lost="the function ended early")
    ends(world, "tell", 2, lost="the function ended early")
    assert [one.attempts for one in world.run.hooks if one.name == "tell"] == [(1, 3), (2, 4)]


def test_events_of_failures_name_the_step_of_the_first_cause() -> None:
    announced = {command.detail_type: command.detail for command in failed().commands if isinstance(command, Announce)}
    for kind in ("Step Failed", "Run Failed"):
        assert (announced[kind]["step"], announced[kind]["task"], announced[kind]["class"]) == (
            "start",
            "start",
            "program",
        )


def test_the_event_of_a_run_that_ran_out_of_time_names_no_step() -> None:
    world = World({"start": batch()}, timeout_seconds=60)
    world.now += 60
    (told,) = [command for command in world.time_is_up() if isinstance(command, Announce)]
    assert (told.detail["step"], told.detail["task"], told.detail["class"]) == (None, "", "timeout")
