"""Batch's state changes and the light function's reports, as typed events."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steprelay_core.inbound import Ignored, Unreadable, read_job_event
from steprelay_core.state.events import JobChanged, JobWaits, LightEnded
from steprelay_core.state.model import GroupKey
from tests.fakes.payloads import bodies, cases

LOG = "steprelay-3f1c9d20ab44/default/7f2e8d9c4b5a49c0a6c1e3f2d1b0a987"


def read(case: str) -> JobChanged | JobWaits | LightEnded | Ignored:
    return read_job_event(bodies("job_changed", case)[0], "steprelay")


def job(case: str) -> JobChanged:
    event = read(case)
    assert isinstance(event, JobChanged)
    return event


def altered(case: str, **detail: Any) -> str:
    event = json.loads(bodies("job_changed", case)[0])
    event["detail"] |= detail
    return json.dumps(event)


def test_a_job_is_found_by_the_parameters_it_was_submitted_with() -> None:
    event = job("running")
    assert (event.run, event.group, event.submission) == ("RobustFlow-5f2a9c01d3e7", GroupKey("process", (0,)), "1-0")
    assert (event.status, event.started_at, event.log_stream) == ("RUNNING", 1790000060.0, LOG)
    assert (event.index, event.size, event.exit_code, event.attempts) == (None, None, None, 0)


@pytest.mark.parametrize(
    ("case", "group"),
    [
        ("outside_any_foreach", GroupKey("train")),
        ("succeeded", GroupKey("process", (0,))),
        ("nested_foreach", GroupKey("inner", (0, 3))),
    ],
)
def test_the_path_of_a_group_is_read_from_its_dotted_form(case: str, group: GroupKey) -> None:
    assert job(case).group == group


@pytest.mark.parametrize("case", ["submitted", "pending", "runnable", "starting", "running", "succeeded"])
def test_every_status_of_a_job_is_known(case: str) -> None:
    assert job(case).status == case.upper()


def test_an_end_tells_exit_code_reason_and_log() -> None:
    event = job("failed_program")
    assert (event.status, event.exit_code, event.reason) == ("FAILED", 1, "Essential container in task exited")
    assert (event.container_reason, event.log_stream, event.attempts) == ("", LOG, 1)


def test_the_containers_own_reason_is_kept_apart() -> None:
    event = job("failed_oom")
    assert event.exit_code == 137
    assert event.container_reason == "OutOfMemoryError: Container killed due to memory usage"


def test_an_end_that_only_the_last_attempt_tells_of_is_read_there() -> None:
    raw = json.loads(bodies("job_changed", "failed_oom")[0])
    del raw["detail"]["container"], raw["detail"]["statusReason"], raw["detail"]["startedAt"]
    assert read_job_event(json.dumps(raw), "steprelay") == job("failed_oom")


def test_a_failure_without_any_reason_still_is_an_event() -> None:
    event = job("failed_without_reason")
    assert (event.status, event.reason, event.exit_code, event.started_at) == ("FAILED", "", None, None)


def test_a_job_that_batch_runs_again_counts_its_attempts_and_has_not_started() -> None:
    event = job("retried_by_batch")
    assert (event.status, event.attempts, event.started_at, event.exit_code) == ("RUNNABLE", 1, None, None)


def test_the_parent_of_an_array_has_a_size() -> None:
    event = job("array_parent_failed")
    assert (event.size, event.index, event.reason) == (8, None, "Array Child Job failed")


def test_a_child_of_an_array_has_an_index() -> None:
    event = job("array_child_failed")
    assert (event.size, event.index) == (None, 3)
    assert event.job_id == f"{job('array_parent_failed').job_id}:3"


def test_a_job_of_several_nodes_tells_of_its_main_node() -> None:
    event, alike = job("multi_node_failed"), job("failed_program")
    assert (event.job_id, event.index, event.size) == (alike.job_id, None, None)
    assert (event.exit_code, event.log_stream, event.reason) == (1, LOG, "Essential container in task exited")
    assert job("multi_node_running").status == "RUNNING"


@pytest.mark.parametrize("node", [0, 1, 17])
def test_the_nodes_of_a_job_say_nothing_that_it_does_not_say_itself(node: int) -> None:
    event = read_job_event(altered("failed_program", jobId=f"{job('failed_program').job_id}#{node}"), "steprelay")
    assert isinstance(event, Ignored)
    assert f"#{node}' is a node of a multi-node job" in event.reason


def test_a_node_s_event_is_ignored_whatever_else_it_holds() -> None:
    assert isinstance(read_job_event(altered("multi_node_child_failed", attempts=7), "steprelay"), Ignored)


def test_a_container_that_is_not_there_is_no_fault() -> None:
    assert read_job_event(altered("failed_without_reason", container=None), "steprelay") == job("failed_without_reason")


def test_keys_that_aws_adds_change_nothing() -> None:
    assert read_job_event(altered("running", newKey={"a": [1]}), "steprelay") == job("running")


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("foreign_job", "was not submitted by a relay"),
        ("job_of_another_relay", "belongs to relay 'steprelay-staging'"),
        ("unknown_status", "status 'HIBERNATING'"),
        ("queue_blocked", "was not submitted by a relay"),
        ("multi_node_child_failed", "#1' is a node of a multi-node job"),
    ],
)
def test_what_is_not_for_this_relay_is_ignored_with_the_reason(case: str, says: str) -> None:
    event = read(case)
    assert isinstance(event, Ignored)
    assert says in event.reason


@pytest.mark.parametrize("parameters", [None, [], "relay", {"relay": 1}, {"other": "steprelay"}])
def test_a_foreign_job_is_ignored_whatever_its_parameters(parameters: object) -> None:
    assert isinstance(read_job_event(altered("running", parameters=parameters), "steprelay"), Ignored)


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("poison_not_json", "not an event"),
        ("poison_no_step", "parameters.step: Field required"),
        ("poison_wrong_path", "parameters.path: "),
        ("poison_light_without_attempt", "attempt: Field required"),
    ],
)
def test_what_is_broken_is_unreadable_and_says_where(case: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        read(case)


def test_a_light_end_is_read() -> None:
    assert read("light_ended") == LightEnded("RobustFlow-5f2a9c01d3e7", GroupKey("start"), 0, 1)
    assert read("light_ended_in_foreach") == LightEnded("RobustFlow-5f2a9c01d3e7", GroupKey("process", (0,)), 3, 2)


def test_a_light_end_of_a_later_lap_names_it() -> None:
    detail = {"run": "Flow-1", "step": "work", "path": [0], "laps": [0, 2], "member": 3, "attempt": 1, "lost": None}
    body = json.dumps({"source": "steprelay.light", "detail-type": "Light Step Ended", "detail": detail})
    assert read_job_event(body, "steprelay") == LightEnded("Flow-1", GroupKey("work", (0,), (0, 2)), 3, 1)


@pytest.mark.parametrize(("laps", "read"), [("2", (2,)), ("0-2", (0, 2)), ("", ())])
def test_a_job_of_a_later_lap_is_found_by_its_parameters(laps: str, read: tuple[int, ...]) -> None:
    given = json.loads(bodies("job_changed", "running")[0])["detail"]["parameters"]
    event = read_job_event(altered("running", parameters=given | {"laps": laps}), "steprelay")
    assert isinstance(event, JobChanged)
    assert event.group == GroupKey("process", (0,), read)


@pytest.mark.parametrize("laps", ["x", "1-", "-1", "1.2", "9" * 5000])
def test_a_job_whose_lap_cannot_be_read_is_unreadable(laps: str) -> None:
    given = json.loads(bodies("job_changed", "running")[0])["detail"]["parameters"]
    with pytest.raises(Unreadable, match=r"parameters\.laps"):
        read_job_event(altered("running", parameters=given | {"laps": laps}), "steprelay")


def test_a_light_step_without_outcome_says_why() -> None:
    event = read("light_lost")
    assert isinstance(event, LightEnded)
    assert event.lost == "the process was killed by signal 9"


def test_every_payload_of_the_folder_reads_as_something_or_is_called_poison() -> None:
    for case in cases("job_changed"):
        for body in bodies("job_changed", case):
            try:
                read_job_event(body, "steprelay")
            except Unreadable:
                assert case.startswith("poison_") or case == "mixed_batch"


def test_a_hostile_event_gives_a_short_reason() -> None:
    attempts = [{"container": {"exitCode": "1"}}] * 500
    with pytest.raises(Unreadable, match="and 495 more") as raised:
        read_job_event(altered("running", attempts=attempts), "steprelay")
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("changes", [{"startedAt": 10**400}, {"startedAt": -1}, {"arrayProperties": {"index": -1}}])
def test_numbers_that_no_job_has_make_an_event_unreadable(changes: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match="the Batch event is not complete"):
        read_job_event(altered("running", **changes), "steprelay")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["jobId", "status", "attempts", "container", "arrayProperties", "parameters", "startedAt", "statusReason"]


@given(changes=st.dictionaries(st.sampled_from(KEYS), JSON), case=st.sampled_from(["running", "array_child_failed"]))
def test_whatever_a_field_holds_the_event_is_read_ignored_or_unreadable(changes: dict[str, Any], case: str) -> None:
    try:
        event = read_job_event(altered(case, **changes), "steprelay")
    except Unreadable:
        return
    assert isinstance(event, JobChanged | Ignored)


@given(st.text())
def test_no_text_whatever_raises_anything_but_unreadable(body: str) -> None:
    with pytest.raises(Unreadable):
        read_job_event(body, "steprelay")


def test_deeply_nested_json_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        read_job_event("[" * 100_000, "steprelay")
