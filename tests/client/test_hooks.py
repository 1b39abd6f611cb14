"""Exit hooks and log links, as they are seen from outside."""

from dataclasses import replace
from typing import Any

from steprelay.client.changes import HookChanged, OutputLine, RunEnded
from steprelay.client.follow import attempts_of, describe_end
from steprelay_core.ports import Stored
from steprelay_core.state.model import Failure, HookRun, HookStatus, RunStatus, TaskKey
from tests.client.fake_relay import (
    LINE,
    RUN,
    START,
    SUCCEEDED,
    FakeRelay,
    failed_run,
    flow_of,
    followed,
    of_kind,
    run_of,
    stored,
    versions,
    won,
)

HOOKS = [{"name": "tell", "on": ["success", "error"], "command": ["true"]}]
FLOW = flow_of({"start": {}}, hooks=HOOKS)
TELL = TaskKey("tell", (), 0)


def hook(*attempts: int, **more: Any) -> HookRun:
    return HookRun("tell", attempts or (1,), 1, RunStatus.SUCCEEDED, START + 60, **more)


def with_hook(*hooks: HookRun) -> Stored:
    return stored(won("start"), run=replace(SUCCEEDED, hooks=hooks))


RUNNING = with_hook(hook())
ENDED = with_hook(hook(status=HookStatus.SUCCEEDED, ended_at=START + 62))
FAILURE = Failure("program", "ValueError: nobody answers\nmore of it")
FAILED = with_hook(hook(1, 2, status=HookStatus.FAILED, ended_at=START + 65, failure=FAILURE))


def test_following_a_run_waits_for_its_hooks_and_tells_its_end_last() -> None:
    relay = FakeRelay(versions([RUNNING, RUNNING, ENDED]), spec=FLOW, light_logs={("tell", 1): "hello\nthere\n"})
    changes = followed(relay)
    told = [change for change in changes if isinstance(change, HookChanged | OutputLine | RunEnded)]
    assert [change.kind for change in told] == ["hook", "output", "output", "hook", "result"]
    assert [(change.state, change.seconds) for change in of_kind(changes, HookChanged)] == [
        ("running", None),
        ("succeeded", 2),
    ]
    assert [line.text for line in of_kind(changes, OutputLine)] == ["hello", "there"]


def test_a_hook_that_failed_says_why_and_leaves_the_run_a_success() -> None:
    changes = followed(FakeRelay(versions([FAILED]), spec=FLOW))
    (told,) = of_kind(changes, HookChanged)
    assert (told.state, told.attempt, told.failure_class, told.reason) == (
        "failed",
        2,
        "program",
        "ValueError: nobody answers\nmore of it",
    )
    assert isinstance(changes[-1], RunEnded)
    assert changes[-1].status == "SUCCEEDED"


def test_a_hook_that_is_tried_again_is_told_anew() -> None:
    again = with_hook(hook(1, 2))
    changes = followed(FakeRelay(versions([RUNNING, again, FAILED]), spec=FLOW))
    assert [(change.state, change.attempt) for change in of_kind(changes, HookChanged)] == [
        ("running", 1),
        ("running", 2),
        ("failed", 2),
    ]


def test_the_attempts_of_a_hook_are_those_after_all_ends_of_the_run() -> None:
    assert attempts_of(with_hook(hook(1, 3), hook(2)), TELL) == [1, 2, 3]


def test_the_cause_of_a_failure_has_a_link_to_its_log() -> None:
    failure = Failure("program", "exit code 1", 1, log_stream="job/default/1")
    ended = describe_end(FakeRelay(), LINE, stored(run=failed_run("train", 1, failure)))
    assert ended.failure is not None
    assert ended.failure.log_link is not None
    assert ended.failure.log_link.endswith("/log-events/job$252Fdefault$252F1")


def test_where_the_run_does_not_know_the_stream_batch_is_asked_for_the_link() -> None:
    relay = FakeRelay(job_streams={"job-9": "job/default/9"}, claims={("train", 1): "job-9"})
    ended = describe_end(relay, LINE, stored(run=failed_run("train", 1, Failure("program", "exit code 1", 1))))
    assert ended.failure is not None
    assert ended.failure.log_link is not None
    assert ended.failure.log_link.endswith("/log-events/job$252Fdefault$252F9")


def test_the_cause_of_a_light_failure_links_to_its_log_in_the_data_bucket() -> None:
    run = failed_run("start", 1, Failure("program", "ValueError: no"))
    ended = describe_end(FakeRelay(), LINE, stored(run=run))
    assert ended.failure is not None
    assert ended.failure.log_link is not None
    assert f"prefix=runs%2F{RUN}%2Fstart%2F0%2F1%2Flog.txt" in ended.failure.log_link


def test_a_run_that_ran_out_of_time_has_no_log_to_link_to() -> None:
    ended = describe_end(FakeRelay(), LINE, stored(run=failed_run("", 0, Failure("timeout", "too long"))))
    assert ended.failure is not None
    assert ended.failure.log_link is None


def test_a_run_without_hooks_ends_as_it_ends() -> None:
    assert of_kind(followed(FakeRelay(versions([stored(run=run_of(RunStatus.CANCELLED))]))), HookChanged) == []
