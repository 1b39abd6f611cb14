"""job_changed on every payload of events/job_changed, each with the run that it speaks of under way."""

import json
from dataclasses import replace
from typing import Any

import pytest

from functions.job_changed.app import respond
from steprelay_core import keys
from steprelay_core.inbound import Ignored, Unreadable, read_job_event
from steprelay_core.state.events import JobChanged, JobWaits, LightEnded
from steprelay_core.state.model import Group, GroupKey, HookRun, HookStatus, RunStatus, Submission
from steprelay_core.state.ranges import Ranges
from tests.fakes.payloads import bodies, cases, payload
from tests.functions.world import NOW, RUN, World, log_lines

BATCH = {"command": ["true"], "batch": {}, "retry": {"times": 3, "minutes_between_retries": 2}}
LIGHT = {"command": ["true"], "retry": {"times": 3, "minutes_between_retries": 2}}
FLOW = {
    "spec_version": 1,
    "flow": "RobustFlow",
    "steps": {
        "start": LIGHT | {"next": {"to": ["process"], "foreach": "shards"}},
        "process": BATCH | {"next": {"to": ["inner"], "foreach": "parts"}},
        "inner": BATCH | {"next": "join_inner"},
        "join_inner": LIGHT | {"join": True, "next": "join"},
        "join": LIGHT | {"join": True, "next": "train"},
        "train": BATCH,
    },
}

# What becomes of the attempt that the event is about.
MOVED = {
    "pending": "PENDING",
    "runnable": "RUNNABLE",
    "runnable_no_capacity": "RUNNABLE",
    "runnable_misconfigured": "RUNNABLE",
    "starting": "STARTING",
    "running": "RUNNING",
    "retried_by_batch": "RUNNABLE",
    "array_parent_pending": "PENDING",
    "multi_node_running": "RUNNING",
}
FAILED = {
    "failed_program": "program",
    "failed_exit_code_0": "program",
    "failed_timeout": "timeout",
    "failed_timeout_without_exit_code": "timeout",
    "failed_spot_ec2": "spot",
    "failed_spot_fargate": "spot",
    "failed_oom": "oom",
    "failed_oom_suspected": "oom_suspected",
    "failed_image_permanent": "image_permanent",
    "failed_image_transient": "image_transient",
    "failed_image_denied": "image_permanent",
    "failed_image_rate_limit": "image_transient",
    "failed_host": "host",
    "failed_host_disk_full": "host",
    "failed_host_network": "host",
    "failed_unknown_outcome": "unknown_outcome",
    "failed_resource_init": "resource_init",
    "failed_config_overrides": "config",
    "failed_config_misconfiguration": "config",
    "failed_config_secret_denied": "config",
    "failed_queue_time_limit": "queue_timeout",
    "failed_cancelled": "cancelled",
    "failed_terminated_by_hand": "cancelled",
    "failed_dependency": "dependency",
    "failed_without_reason": "unknown",
    "failed_unknown_reason": "unknown",
    "array_child_failed": "program",
    "array_children_of_a_retry_failed": "program",
    "succeeded_without_outcome": "unknown_outcome",
    "light_lost": "host",
    "multi_node_failed": "program",
}
SUCCEEDED = {
    "succeeded",
    "array_child_succeeded",
    "array_parent_succeeded",
    "array_parent_failed",
    "nested_foreach",
    "outside_any_foreach",
    "multi_node_succeeded",
    "light_ended",
    "light_ended_in_foreach",
}
UNCHANGED = {"submitted"}
HOOKS = {"exit_hook_ended"}
IGNORED = {
    "foreign_job",
    "job_of_another_relay",
    "unknown_status",
    "queue_blocked",
    "multi_node_child_failed",
}
# The class of the notice that the run then has.
BLOCKED = {
    "queue_blocked_undetermined": "capacity",
    "queue_blocked_misconfigured": "config",
    "queue_blocked_in_array": "capacity",
}
POISON = {"poison_not_json", "poison_no_step", "poison_wrong_path", "poison_light_without_attempt"}


def first_event(case: str) -> JobChanged | JobWaits | LightEnded:
    event = read_job_event(bodies("job_changed", case)[0], "steprelay")
    assert not isinstance(event, Ignored)
    return event


def under_way(event: JobChanged | JobWaits | LightEnded) -> World:
    """The run as it was when the attempt was handed over."""
    world = World()
    if isinstance(event, LightEnded):
        members, attempt, job = Ranges.of(event.member), event.attempt, None
    else:
        attempt, first = (int(part) for part in event.submission.split("-"))
        size = 8 if getattr(event, "size", None) is not None or event.index is not None else 1
        members, job = Ranges.collect(range(first, first + size)), event.job_id.partition(":")[0]
    light = isinstance(event, LightEnded)
    submission = Submission(attempt, members, members, light, NOW - 100, job_id=job, job_name=job and "name")
    world.run(FLOW, Group(event.group, (submission,), started_at=NOW - 100))
    return world


def leave_outcomes(world: World, event: JobChanged | JobWaits | LightEnded) -> None:
    """Every open member's runner wrote that it succeeded."""
    (submission,) = world.group(event.group).submissions
    following = FLOW["steps"][event.group.step].get("next")  # type: ignore[index]
    told: dict[str, Any] = {
        "outcome_version": 1,
        "status": "succeeded",
        "attempt": submission.attempt,
        "transition": 0 if following else None,
        "foreach_count": 2 if isinstance(following, dict) else None,
    }
    for member in submission.members:
        key = keys.outcome(RUN, event.group.task(member), submission.attempt)
        world.objects.put(key, json.dumps(told).encode())


def changed(case: str, *, outcomes: bool = False) -> World:
    world = under_way(first_event(case))
    if outcomes:
        leave_outcomes(world, first_event(case))
    assert respond(payload("job_changed", case), world.relay) == {"batchItemFailures": []}
    return world


def test_every_payload_of_the_folder_is_expected_here() -> None:
    expected = {*MOVED, *FAILED, *SUCCEEDED, *UNCHANGED, *HOOKS, *IGNORED, *BLOCKED, *POISON, "mixed_batch"}
    assert set(cases("job_changed")) == expected


@pytest.mark.parametrize("case", MOVED)
def test_a_job_under_way_is_followed(case: str) -> None:
    (submission,) = changed(case).group(first_event(case).group).submissions
    assert submission.status == MOVED[case]


@pytest.mark.parametrize("case", BLOCKED)
def test_a_job_that_blocks_its_queue_is_noticed_on_its_run_and_told_of_once(case: str) -> None:
    world, event = changed(case), first_event(case)
    (notice,) = world.stored().run.notices
    assert (notice.group, notice.class_, notice.queue) == (event.group, BLOCKED[case], "steprelay")
    assert respond(payload("job_changed", case), world.relay) == {"batchItemFailures": []}
    (stuck,) = world.bus.published
    assert (stuck.detail_type, stuck.detail["class"]) == ("Step Stuck", BLOCKED[case])
    assert stuck.detail["reason"] == notice.reason
    assert stuck.detail["change"] == notice.change


@pytest.mark.parametrize("case", UNCHANGED)
def test_what_is_known_already_changes_nothing(case: str) -> None:
    world = changed(case)
    assert world.stored().run.version == 1


@pytest.mark.parametrize("case", HOOKS)
def test_the_end_of_an_exit_hook_is_written_into_its_run_which_stays_as_it_ended(case: str) -> None:
    world, hook = World(), HookRun("tell", (1,), 1, RunStatus.FAILED, NOW - 10)
    world.run(
        FLOW | {"hooks": [{"name": "tell", "on": ["error"], "command": ["true"]}]},
        status=RunStatus.FAILED,
        ended_at=NOW - 10,
        hooks=(hook,),
    )
    outcome = {"outcome_version": 1, "status": "succeeded", "attempt": 1}
    world.objects.put(keys.outcome(RUN, hook.task, 1), json.dumps(outcome).encode())
    assert respond(payload("job_changed", case), world.relay) == {"batchItemFailures": []}
    run = world.stored().run
    assert (run.status, run.ended_at, run.settled) == (RunStatus.FAILED, NOW - 10, True)
    assert run.hooks == (replace(hook, status=HookStatus.SUCCEEDED, ended_at=NOW),)


@pytest.mark.parametrize("case", FAILED)
def test_a_failure_is_known_by_its_class(case: str) -> None:
    world, event = changed(case), first_event(case)
    assert world.group(event.group).history[0].failure.class_ == FAILED[case]


@pytest.mark.parametrize("case", sorted(SUCCEEDED))
def test_a_success_counts_with_its_outcome(case: str) -> None:
    event = first_event(case)
    group = changed(case, outcomes=True).group(event.group)
    if isinstance(event, JobChanged) and event.index is not None:
        assert list(group.succeeded) == [event.index]
    else:
        assert group.succeeded
        assert not group.live


def test_children_of_a_retry_are_found_by_their_place_in_the_smaller_array() -> None:
    world = changed("array_children_of_a_retry_failed")
    assert [line.member for line in world.group(GroupKey("process", (0,))).history] == [3, 4]


@pytest.mark.parametrize("case", sorted(IGNORED))
def test_what_is_not_ours_touches_no_state(case: str) -> None:
    world = under_way(first_event("running"))
    with log_lines() as lines:
        assert respond(payload("job_changed", case), world.relay) == {"batchItemFailures": []}
    assert world.stored().run.version == 1
    assert [line["message"] for line in lines] == ["nothing to do"]
    assert lines[0]["reason"]


@pytest.mark.parametrize("case", sorted(POISON))
def test_poison_goes_to_the_dead_letters_with_its_reason_and_fails_no_batch(case: str) -> None:
    world = under_way(first_event("running"))
    assert respond(payload("job_changed", case), world.relay) == {"batchItemFailures": []}
    ((body, reason, _),) = world.dead_letters.letters
    assert body == bodies("job_changed", case)[0]
    with pytest.raises(Unreadable) as raised:
        read_job_event(body, "steprelay")
    assert reason == str(raised.value)


def test_poison_between_good_events_holds_up_none_of_them() -> None:
    world = under_way(first_event("succeeded"))
    leave_outcomes(world, first_event("succeeded"))
    assert respond(payload("job_changed", "mixed_batch"), world.relay) == {"batchItemFailures": []}
    assert world.group(GroupKey("process", (0,))).succeeded
    assert len(world.dead_letters.letters) == 1


def test_an_event_of_a_run_that_is_not_known_is_left_alone() -> None:
    world = World()
    assert respond(payload("job_changed", "running"), world.relay) == {"batchItemFailures": []}
    assert world.store.runs == {}


@pytest.mark.parametrize("case", sorted({*MOVED, *FAILED, *SUCCEEDED}))
def test_an_event_delivered_twice_changes_nothing_the_second_time(case: str) -> None:
    world = changed(case, outcomes=case in SUCCEEDED)
    before, said = world.stored(), list(world.announced)
    respond(payload("job_changed", case), world.relay)
    assert world.stored() == before
    assert world.announced == said


@pytest.mark.parametrize(
    ("case", "task"),
    [
        ("failed_program", "process.0"),
        ("nested_foreach", "inner.3.2"),
        ("outside_any_foreach", "train"),
        ("array_child_failed", "process[3]"),
        ("array_parent_succeeded", "process[*]"),
        ("light_ended_in_foreach", "process.3"),
    ],
)
def test_every_log_line_of_an_event_carries_its_run_and_task(case: str, task: str) -> None:
    with log_lines() as lines:
        changed(case, outcomes=True)
    assert lines
    assert {(line["run"], line["task"]) for line in lines} == {(RUN, task)}
