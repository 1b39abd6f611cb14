"""Every failure class, from the event to the decision, and to the request of the next attempt."""

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pytest

from functions.job_changed.app import respond
from functions.timer_due.app import respond as timer_due
from steprelay.explain import Found, find_jobs
from steprelay_core.failure import CLASSES, read_symptoms, symptoms_of
from steprelay_core.inbound import read_job_event
from steprelay_core.state.events import JobChanged
from steprelay_core.state.model import Group, GroupKey, RunStatus, Submission
from steprelay_core.state.ranges import Ranges
from steprelay_core.translate.submission import RETRY_STRATEGY
from tests.fakes.payloads import bodies, cases, payload
from tests.functions.world import NOW, World

QUEUES = ["spot", "on-demand"]
PROCESS = GroupKey("process", (0,))
FLOW: dict[str, Any] = {
    "spec_version": 1,
    "flow": "RobustFlow",
    "steps": {
        "start": {"command": ["true"], "next": {"to": ["process"], "foreach": "shards"}},
        "process": {
            "command": ["true"],
            "batch": {"queue": QUEUES, "memory": 16384, "max_memory": 65536},
            "retry": {"times": 2, "minutes_between_retries": 0},
            "next": "join",
        },
        "join": {"command": ["true"], "join": True},
    },
}


@dataclass(frozen=True)
class Next:
    """The next attempt: who makes it, on which queue, and with how many MiB of memory; what pays for it, and after how
    many seconds."""

    by: str = "step"
    queue: str = "spot"
    memory: int = 16384
    budget: str = "retry 1 of 2"
    pause: float = 0.0


# By event. None: there is no next attempt, and the run has failed.
AFTER: dict[str, Next | None] = {
    "failed_cancelled": None,
    "failed_terminated_by_hand": None,
    "failed_queue_time_limit": Next(queue="on-demand", budget="free: the next queue"),
    "failed_timeout": Next(),
    "failed_timeout_without_exit_code": Next(),
    "failed_spot_ec2": Next("batch", "on-demand", budget="free: spot 1 of 10"),
    "failed_spot_fargate": Next("batch", "on-demand", budget="free: spot 1 of 10"),
    "failed_oom": Next(memory=32768, budget="free: oom 1 of 10"),
    "failed_oom_suspected": Next(memory=32768, budget="free: oom_suspected 1 of 1"),
    "failed_image_permanent": None,
    "failed_image_denied": None,
    "failed_image_transient": Next(budget="free: image_transient 1 of 5", pause=10),
    "failed_image_rate_limit": Next(budget="free: image_transient 1 of 5", pause=10),
    "failed_host": Next("batch", "on-demand", budget="free: host 1 of 5"),
    "failed_host_network": Next("batch", "on-demand", budget="free: host 1 of 5"),
    "failed_host_disk_full": Next(queue="on-demand", budget="free: host 1 of 5"),
    "failed_unknown_outcome": Next(budget="free: unknown_outcome 1 of 2"),
    "failed_resource_init": Next(budget="free: resource_init 1 of 5", pause=10),
    "failed_config_overrides": None,
    "failed_config_misconfiguration": None,
    "failed_config_secret_denied": None,
    "failed_program": Next(),
    "failed_exit_code_0": Next(),
    "failed_without_reason": Next(),
    "failed_unknown_reason": Next(),
}
# No attempt of a task ends with these: what failed is judged elsewhere, or nothing has failed.
NO_END = {"array_parent_failed": "aggregate", "runnable_no_capacity": "capacity", "running": "none"}
# A step of the relay depends on nobody's job but its own.
OTHERS = {"failed_dependency": "dependency"}


def event_of(case: str) -> JobChanged:
    event = read_job_event(bodies("job_changed", case)[0], "steprelay")
    assert isinstance(event, JobChanged)
    return event


def job_of(case: str) -> Found:
    (found,) = find_jobs(payload("job_changed", case))
    assert isinstance(found, Found)
    return found


def class_of(case: str) -> str:
    return read_symptoms(symptoms_of(job_of(case).detail)).class_


def after(case: str) -> World:
    """What became of the run when the event came."""
    event = event_of(case)
    attempt, first = (int(part) for part in event.submission.split("-"))
    world = World()
    world.jobs.queues |= dict.fromkeys(QUEUES, "ec2")
    size = event.size or 1
    members = Ranges.collect(range(first, first + size))
    submission = Submission(attempt, members, members, False, NOW - 100, job_id=event.job_id, job_name="name")
    world.run(FLOW, Group(PROCESS, (submission,), started_at=NOW - 100))
    assert respond(payload("job_changed", case), world.relay) == {"batchItemFailures": []}
    return world


def memory_of(request: dict[str, Any]) -> int:
    asked = request["containerOverrides"]["resourceRequirements"]
    return next(int(one["value"]) for one in asked if one["type"] == "MEMORY")


def batch_repeats(case: str) -> bool:
    """Whether AWS Batch itself repeats what ended so, by the first rule of our jobs that fits."""
    symptoms = symptoms_of(job_of(case).detail)
    texts = {"onStatusReason": symptoms.reason.text, "onReason": symptoms.container.text}
    for rule in RETRY_STRATEGY["evaluateOnExit"]:
        if all(fnmatchcase(texts[name], pattern) for name, pattern in rule.items() if name in texts):
            return bool(rule["action"] == "RETRY")
    return True


def test_every_class_of_batch_has_an_event() -> None:
    told = {class_of(case) for case in (*AFTER, *NO_END, *OTHERS)}
    assert told == set(CLASSES) - {"internal"}


def test_every_event_of_a_failure_is_expected_here() -> None:
    assert {case for case in cases("job_changed") if case.startswith("failed_")} == {*AFTER, *OTHERS}


@pytest.mark.parametrize("case", [case for case, expected in AFTER.items() if expected is not None])
def test_a_failure_that_another_attempt_may_mend_gets_one_on_its_class_s_terms(case: str) -> None:
    expected, world = AFTER[case], after(case)
    assert expected is not None
    (line,) = world.group(PROCESS).history
    assert line.budget == expected.budget
    if expected.pause:
        (wait,) = world.group(PROCESS).waits
        assert wait.due == NOW + expected.pause
        world.clock.advance(expected.pause)
        due = world.timers.pop_due(world.clock.now())
        records = [{"messageId": "m-1", "body": json.dumps(body), "eventSource": "aws:sqs"} for body in due]
        assert timer_due({"Records": records}, world.relay) == {"batchItemFailures": []}
    (request,) = world.jobs.requests.values()
    assert (request["jobQueue"], memory_of(request)) == (expected.queue, expected.memory)
    assert [submission.attempt for submission in world.group(PROCESS).submissions] == [2]
    assert CLASSES[class_of(case)].retried


@pytest.mark.parametrize("case", [case for case, expected in AFTER.items() if expected is None])
def test_a_failure_that_no_attempt_can_mend_ends_the_run_at_once(case: str) -> None:
    world = after(case)
    assert world.jobs.requests == {}
    assert world.stored().run.status is RunStatus.FAILED
    assert not CLASSES[class_of(case)].retried


@pytest.mark.parametrize("case", AFTER)
def test_batch_itself_repeats_what_the_table_says_and_nothing_else(case: str) -> None:
    expected = AFTER[case]
    assert batch_repeats(case) == (expected is not None and expected.by == "batch")
    if batch_repeats(case):
        assert CLASSES[class_of(case)].retry == "batch"


def test_the_table_says_how_often_batch_itself_repeats() -> None:
    assert f"up to {RETRY_STRATEGY['attempts']} attempts in one job" in CLASSES["spot"].retried_by


@pytest.mark.parametrize(("case", "expected"), NO_END.items())
def test_what_ends_no_attempt_starts_none(case: str, expected: str) -> None:
    assert class_of(case) == expected
    assert after(case).jobs.requests == {}
