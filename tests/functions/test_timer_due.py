"""timer_due on every payload of events/timer_due."""

from copy import deepcopy
from typing import Any

import pytest

from functions.timer_due.app import respond
from steprelay_core.state.model import Group, GroupKey, RunStatus, Submission, Wait
from steprelay_core.state.ranges import Ranges
from tests.fakes.payloads import cases, payload
from tests.functions.test_job_changed import FLOW
from tests.functions.world import NOW, World, log_lines

LIMIT = {"run_limit", "queue_limit"}
STARTS = {"due": "process", "delivered_twice": "process", "outside_any_foreach": "train", "mixed_batch": "process"}
NOTHING = {"unknown_run", "not_a_timer", "outbox_due"}
POISON = {
    "poison_not_json": "not an event",
    "poison_no_run": "run: Field required",
    "poison_negative_attempt": "attempt: ",
    "poison_run_limit_without_generation": "generation: Field required",
    "poison_queue_limit_without_submission": "submission: Field required",
}


def waiting(case: str = "due") -> World:
    """A run whose failed tasks wait for their second attempt; or, if that is the case, jobs for a machine."""
    world = World()
    process = Group(GroupKey("process", (0,)), waits=(Wait(2, Ranges.of(3, 5), NOW - 1),), started_at=NOW - 100)
    train = Group(GroupKey("train"), waits=(Wait(2, Ranges.of(0), NOW - 1),), started_at=NOW - 100)
    if case == "queue_limit":
        spec: dict[str, Any] = deepcopy(FLOW)
        spec["steps"]["inner"]["queue_timeout_seconds"] = 60
        world.run(spec, queueing(world))
    else:
        world.run(FLOW, process, train)
    return world


def queueing(world: World) -> Group:
    """An array of two, of which one runs and the other has waited for longer than its step allows."""
    array = Submission(1, Ranges.of(0, 1), Ranges.of(0, 1), False, NOW - 100, job_id="job-8", queue_due=NOW - 1)
    for index, status in enumerate(("RUNNING", "RUNNABLE")):
        child = {"jobId": f"job-8:{index}", "status": status, "createdAt": (NOW - 90) * 1000, "jobQueue": "queue"}
        world.jobs.jobs[f"job-8:{index}"] = child | {"arrayProperties": {"index": index}}
    return Group(GroupKey("inner", (0, 3)), submissions=(array,), started_at=NOW - 100)


def test_every_payload_of_the_folder_is_expected_here() -> None:
    assert set(cases("timer_due")) == {*STARTS, *NOTHING, *POISON, *LIMIT}


@pytest.mark.parametrize("case", STARTS)
def test_the_attempt_that_waited_is_submitted_once(case: str) -> None:
    world = waiting()
    assert respond(payload("timer_due", case), world.relay) == {"batchItemFailures": []}
    (request,) = world.jobs.requests.values()
    assert request["parameters"]["step"] == STARTS[case]
    assert request["parameters"]["submission"].startswith("2-")


def test_all_that_are_due_go_along_in_one_array() -> None:
    world = waiting()
    respond(payload("timer_due", "due"), world.relay)
    (request,) = world.jobs.requests.values()
    assert request["arrayProperties"] == {"size": 2}


@pytest.mark.parametrize("case", sorted(NOTHING))
def test_a_timer_that_nothing_waits_for_starts_nothing(case: str) -> None:
    world = waiting()
    assert respond(payload("timer_due", case), world.relay) == {"batchItemFailures": []}
    assert not world.jobs.requests
    assert not world.dead_letters.letters


def test_a_run_whose_time_is_up_fails_and_what_runs_is_terminated() -> None:
    world = World()
    running = Submission(2, Ranges.of(0), Ranges.of(0), False, NOW - 100, job_id="job-7")
    train = Group(GroupKey("train"), submissions=(running,), started_at=NOW - 100)
    world.run({**FLOW, "timeout_seconds": 150}, train, generation=2, deadline=NOW - 1)
    world.jobs.jobs["job-7"] = {"jobId": "job-7", "status": "RUNNING"}
    assert respond(payload("timer_due", "run_limit"), world.relay) == {"batchItemFailures": []}
    assert world.stored().run.status is RunStatus.FAILED
    assert "job-7" in world.jobs.terminated
    assert world.announced == ["Run Failed"]


def test_a_job_that_has_waited_for_too_long_is_cancelled_and_those_of_its_array_that_run_are_not() -> None:
    world = waiting("queue_limit")
    assert respond(payload("timer_due", "queue_limit"), world.relay) == {"batchItemFailures": []}
    told = "steprelay: queue timeout: waited 1 min 30 s in queue queue, at most 1 min allowed"
    assert world.jobs.cancelled == {"job-8:1": told}
    (array,) = world.stored().groups[GroupKey("inner", (0, 3))].submissions
    assert (array.queue_due or 0) > NOW


@pytest.mark.parametrize("case", POISON)
def test_poison_goes_to_the_dead_letters_with_its_reason(case: str) -> None:
    world = waiting()
    assert respond(payload("timer_due", case), world.relay) == {"batchItemFailures": []}
    (reason,) = world.reasons
    assert POISON[case] in reason


def test_a_batch_goes_on_behind_poison() -> None:
    world = waiting()
    respond(payload("timer_due", "mixed_batch"), world.relay)
    assert len(world.jobs.requests) == len(world.dead_letters.letters) == 1


def test_the_log_names_run_task_and_attempt() -> None:
    world = waiting()
    with log_lines() as lines:
        respond(payload("timer_due", "due"), world.relay)
    assert {(line["run"], line["task"], line["attempt"]) for line in lines} == {
        ("RobustFlow-5f2a9c01d3e7", "process.3", "2")
    }


def test_what_was_put_off_is_submitted_when_its_time_has_come() -> None:
    world = waiting()
    world.jobs.throttled = True
    respond(payload("timer_due", "due"), world.relay)
    assert not world.jobs.requests
    world.jobs.throttled = False
    world.clock.advance(120)
    respond(payload("timer_due", "outbox_due"), world.relay)
    assert len(world.jobs.requests) == 1
