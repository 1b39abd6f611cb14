"""Exit hooks through the engine: their messages, their silence, and the logs that go along."""

from typing import Any

import pytest

from steprelay_core import keys
from steprelay_core.decide.hook_ends import HOOK_TRIES
from steprelay_core.decide.light import LIGHT_GIVEN_UP, LIGHT_SILENCE
from steprelay_core.logs import Log, LogObject, Stream
from steprelay_core.state.events import CancelRequested, LightEnded, ResumeRequested, RunTimerDue
from steprelay_core.state.model import GroupKey, HookStatus, RunStatus
from tests.unit.engine.world import RUN, Died, Dying, EngineWorld

HOOKS = [{"name": "tell", "on": ["success", "error"], "command": ["tell-them"]}]
TELL = GroupKey("tell")
LINES = tuple(f"line {number}" for number in range(1, 21))


class Lines:
    """Logs that say the same of every attempt; `asked`: whose were read."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        self.asked: list[Log] = []

    def last_lines(self, log: Log, count: int) -> tuple[str, ...]:
        self.asked.append(log)
        return self.lines[-count:]

    def link(self, log: Log) -> str | None:
        return f"https://console/{log.name if isinstance(log, Stream) else log.key}"


def world_of(logs: Lines | None = None, **step: Any) -> EngineWorld:
    world = EngineWorld({"start": step or {"batch": {}}}, hooks=HOOKS)
    world.engine = world.build(logs=logs)
    world.start()
    return world


def succeeded() -> EngineWorld:
    world = world_of()
    world.leave_outcome("start")
    world.handle(world.job("SUCCEEDED"))
    return world


def briefs(world: EngineWorld) -> list[dict[str, Any]]:
    return [message["brief"] for message in world.light.messages if message["brief"]["step"] == "tell"]


def claim_and_die(world: EngineWorld, attempt: int = 1) -> None:
    world.claim("tell", attempt=attempt, owner="light:1", until=world.clock.now() + 900)


def test_a_hook_is_handed_over_as_a_light_task_that_starts_from_the_last_step() -> None:
    world = succeeded()
    (brief,) = briefs(world)
    assert (brief["attempt"], brief["max_attempts"], brief["command"], brief["next"]) == (1, 1, ["tell-them"], [])
    assert brief["inputs"] == {
        "kind": "same",
        "groups": [{"step": "start", "path": [], "won": {"1": [[0, 0]]}}],
    }
    assert brief["hook"] == {"status": "SUCCEEDED", "failure": None}


def test_a_hook_of_a_failed_run_is_given_the_first_cause_with_its_last_lines() -> None:
    logs = Lines("before", *LINES)
    world = world_of(logs)
    world.handle(world.job("FAILED", exit_code=3, log_stream="stream-1"))
    (brief,) = briefs(world)
    assert brief["inputs"] == {"kind": "none", "groups": []}
    assert brief["hook"]["status"] == "FAILED"
    assert brief["hook"]["failure"] == {
        "step": "start",
        "task": "start",
        "attempt": 1,
        "class": "program",
        "reason": "exit code 3",
        "budget": "none: the step has no @retry",
        "exit_code": 3,
        "log_stream": "stream-1",
        "log_link": "https://console/stream-1",
        "log_lines": list(LINES),
    }


def test_events_of_a_failure_carry_its_last_lines_which_are_read_once() -> None:
    logs = Lines(*LINES)
    world = EngineWorld({"start": {"batch": {}}})
    world.engine = world.build(logs=logs)
    world.start()
    world.handle(world.job("FAILED", exit_code=3, log_stream="stream-1"))
    told = {event.detail_type: event.detail for event in world.bus.published}
    for kind in ("Step Failed", "Run Failed"):
        assert (told[kind]["log_lines"], told[kind]["log_link"]) == (list(LINES), "https://console/stream-1")
    assert logs.asked == [Stream("/aws/batch/job", "stream-1")]


def test_where_no_event_has_told_of_a_stream_the_job_that_claimed_the_attempt_is_asked_for() -> None:
    logs = Lines(*LINES)
    world = world_of(logs)
    world.claim("start", job_id="job-1")
    failure = {"class_": "program", "type": "ValueError", "message": "no"}
    world.leave_outcome("start", status="failed", failure=failure)
    world.jobs.jobs["job-1"]["container"] = {"logStreamName": "stream-7"}
    world.handle(world.job("FAILED", exit_code=1))
    detail = world.bus.published[-1].detail
    assert (detail["log_stream"], detail["log_lines"]) == ("stream-7", list(LINES))


def test_a_failure_is_told_without_lines_where_nobody_can_say_where_they_are() -> None:
    logs = Lines(*LINES)
    world = world_of(logs)
    world.engine = world.build(logs=logs, jobs=Dying(world.jobs, "describe", after=False))
    world.claim("start", job_id="job-1")
    world.handle(world.job("FAILED", exit_code=1))
    detail = world.bus.published[-1].detail
    assert (detail["class"], detail["log_stream"], detail["log_lines"]) == ("program", None, [])


def test_a_run_that_ran_out_of_time_has_no_lines_to_tell() -> None:
    logs = Lines(*LINES)
    world = EngineWorld({"start": {"batch": {}}}, timeout_seconds=60)
    world.engine = world.build(logs=logs)
    world.start()
    world.clock.advance(60)
    world.handle(RunTimerDue(RUN, 1))
    detail = world.bus.published[-1].detail
    assert (detail["class"], detail["log_lines"], detail["log_link"], logs.asked) == ("timeout", [], None, [])


def test_long_lines_are_cut() -> None:
    logs = Lines("x" * 100_000)
    world = world_of(logs)
    world.handle(world.job("FAILED", exit_code=3, log_stream="stream-1"))
    (line,) = world.bus.published[-1].detail["log_lines"]
    assert (len(line), line[-1]) == (500, "…")


def test_of_a_light_step_the_log_in_the_data_bucket_is_read() -> None:
    logs = Lines(*LINES)
    world = world_of(logs, retry=None)
    failure = {"class_": "program", "type": "ValueError", "message": "no"}
    world.leave_outcome("start", status="failed", failure=failure)
    world.handle(LightEnded(RUN, GroupKey("start"), 0, 1))
    assert set(logs.asked) == {LogObject(f"runs/{RUN}/start/0/1/log.txt")}
    assert world.bus.published[-1].detail["log_lines"] == list(LINES)


def test_a_job_that_logs_elsewhere_is_told_of_without_lines() -> None:
    logs = Lines(*LINES)
    world = world_of(logs, batch={"log_driver": "splunk"})
    world.handle(world.job("FAILED", exit_code=3, log_stream="stream-1"))
    detail = world.bus.published[-1].detail
    assert (detail["log_lines"], detail["log_link"], logs.asked) == ([], None, [])


def test_what_a_step_says_of_its_log_group_counts() -> None:
    logs = Lines()
    options = {"awslogs-group": "/ours", "awslogs-region": "eu-north-1"}
    world = world_of(logs, batch={"log_driver": "awslogs", "log_options": options})
    world.handle(world.job("FAILED", exit_code=3, log_stream="stream-1"))
    assert set(logs.asked) == {Stream("/ours", "stream-1", "eu-north-1")}


def test_the_end_of_a_hook_settles_the_run() -> None:
    world = succeeded()
    world.objects.put_once(
        keys.outcome(RUN, world.run.hooks[0].task, 1), b'{"outcome_version": 1, "status": "succeeded", "attempt": 1}'
    )
    world.handle(LightEnded(RUN, TELL, 0, 1))
    assert world.run.hooks[0].status is HookStatus.SUCCEEDED
    assert world.store.unsettled("live") == []


def test_a_handler_that_dies_before_it_calls_a_hook_leaves_that_to_the_sweep() -> None:
    world = world_of()
    world.leave_outcome("start")
    world.engine = world.build(light=Dying(world.light, "invoke", after=False))
    with pytest.raises(Died):
        world.handle(world.job("SUCCEEDED"))
    assert (world.run.status, briefs(world)) == (RunStatus.SUCCEEDED, [])
    world.engine = world.build()
    world.clock.advance(100)
    world.sweep()
    assert len(briefs(world)) == 1


def test_the_sweep_tries_a_hook_again_whose_function_has_died_and_gives_it_up_after_some() -> None:
    world = succeeded()
    for attempt in range(1, HOOK_TRIES + 1):
        claim_and_die(world, attempt)
        world.clock.advance(LIGHT_SILENCE + 60)
        world.sweep()
    assert [brief["attempt"] for brief in briefs(world)] == list(range(1, HOOK_TRIES + 1))
    (hook,) = world.run.hooks
    assert (hook.status, hook.failure is not None and hook.failure.class_) == (HookStatus.FAILED, "host")
    assert world.run.status is RunStatus.SUCCEEDED


def test_the_sweep_leaves_a_hook_alone_that_is_not_silent_yet() -> None:
    world = succeeded()
    world.clock.advance(LIGHT_SILENCE - 60)
    world.sweep()
    assert len(briefs(world)) == 1


def test_the_sweep_sends_a_hook_again_that_nobody_has_received() -> None:
    world = succeeded()
    world.clock.advance(LIGHT_SILENCE + 60)
    world.sweep()
    assert [brief["attempt"] for brief in briefs(world)] == [1, 1]
    world.clock.advance(LIGHT_GIVEN_UP)
    world.sweep()
    assert world.run.hooks[0].status is HookStatus.FAILED


def test_the_sweep_believes_what_a_silent_hook_has_left() -> None:
    world = succeeded()
    world.objects.put_once(
        keys.outcome(RUN, world.run.hooks[0].task, 1), b'{"outcome_version": 1, "status": "succeeded", "attempt": 1}'
    )
    world.clock.advance(LIGHT_SILENCE + 60)
    world.sweep()
    assert world.run.hooks[0].status is HookStatus.SUCCEEDED


def test_a_hook_is_told_how_its_run_had_ended_though_that_was_resumed_since() -> None:
    world = world_of()
    world.handle(world.job("FAILED", exit_code=3))
    world.handle(ResumeRequested(RUN, "resume-1"))
    claim_and_die(world)
    world.clock.advance(LIGHT_SILENCE + 60)
    world.sweep()
    first, second = briefs(world)
    assert (first["hook"], second["attempt"]) == (second["hook"], 2)
    assert world.run.status is RunStatus.RUNNING


def test_a_cancel_does_not_reach_the_hooks_of_a_run_that_has_ended() -> None:
    world = succeeded()
    world.handle(CancelRequested(RUN, "enough"))
    assert world.run.hooks[0].status is HookStatus.RUNNING
