"""Faults by seed: the decisions alone, then in the engine."""

import logging
from collections.abc import Mapping

import pytest

from steprelay.local.batch.chaos import Chaos, Fault, deliveries, parse_chaos, strike, throttled, who
from steprelay.local.batch.execution import SPARED
from tests.local.batch.conftest import MakeLab
from tests.local.batch.harness import Refused, wait_until

SLEEPS_UNLESS_TOLD = "trap 'exit 143' TERM; sleep 60 & wait"


def _strikes(chaos: Chaos) -> list[Fault | None]:
    struck = [strike(chaos, "name", index, 1) for index in range(200)]
    return [None if each is None else each.fault for each in struck]


def test_the_same_seed_strikes_the_same_attempts_and_another_seed_others() -> None:
    assert _strikes(Chaos(spot=0.5, seed=1)) == _strikes(Chaos(spot=0.5, seed=1))
    assert _strikes(Chaos(spot=0.5, seed=1)) != _strikes(Chaos(spot=0.5, seed=2))


def test_about_as_many_attempts_are_struck_as_the_probability_says() -> None:
    struck = [fault for fault in _strikes(Chaos(spot=0.3, seed=7)) if fault is Fault.SPOT]
    assert 30 <= len(struck) <= 90


def test_without_chaos_every_event_is_delivered_once_and_at_once() -> None:
    assert deliveries(Chaos(), "name", None, 1, "FAILED") == (0.0,)
    assert strike(Chaos(), "name", None, 1) is None
    assert not throttled(Chaos(), "SubmitJob", 1)


def test_events_can_be_lost_duplicated_and_delayed() -> None:
    assert deliveries(Chaos(lost=1), "name", None, 1, "FAILED") == ()
    assert deliveries(Chaos(duplicate=1), "name", None, 1, "FAILED") == (0.0, 0.0)
    (late,) = deliveries(Chaos(delay=1, delay_up_to_seconds=9), "name", None, 1, "FAILED")
    assert 0 < late <= 9


def test_a_probability_outside_0_to_1_is_refused_with_all_others_at_once() -> None:
    with pytest.raises(ValueError, match=r"spot=1\.5, lost=-1"):
        Chaos(spot=1.5, lost=-1)


def test_a_spot_reclaim_ends_the_attempt_with_the_instances_name(make_lab: MakeLab) -> None:
    lab = make_lab(chaos=Chaos(spot=1, strike_within_seconds=0.1))
    job = lab.ends(lab.shell(SLEEPS_UNLESS_TOLD))
    assert job["status"] == "FAILED"
    assert job["statusReason"].startswith("Host EC2 (instance i-")
    assert job["statusReason"].endswith(") terminated.")
    assert job["container"]["exitCode"] == 143


def test_a_reclaimed_job_that_does_not_react_is_killed_after_the_grace(make_lab: MakeLab) -> None:
    chaos = Chaos(spot=1, strike_within_seconds=1, seed=14)
    struck = strike(chaos, "a-job", None, 1)
    assert struck is not None
    assert struck.after_seconds > 0.5  # late enough for the job to have set its trap
    lab = make_lab(chaos=chaos, stop_grace_seconds=0.2)
    job = lab.ends(lab.shell("trap '' TERM; while :; do sleep 0.05; done"))
    assert job["statusReason"].startswith("Host EC2")
    assert job["container"]["exitCode"] == 137


def test_batch_retries_a_reclaim_where_the_rules_say_so_and_every_attempt_is_on_record(make_lab: MakeLab) -> None:
    lab = make_lab(chaos=Chaos(spot=1, strike_within_seconds=0.05))
    rules = [{"onStatusReason": "Host EC2*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]
    job_id = lab.shell("sleep 60", retryStrategy={"attempts": 3, "evaluateOnExit": rules})
    job = lab.ends(job_id)
    assert [a["statusReason"].startswith("Host EC2") for a in job["attempts"]] == [True, True, True]
    assert lab.history(job_id) == [*["RUNNABLE", "STARTING", "RUNNING"] * 3, "FAILED"]


def test_a_host_fault_keeps_the_container_from_starting(make_lab: MakeLab) -> None:
    lab = make_lab(chaos=Chaos(host=1))
    job_id = lab.shell("exit 0")
    job = lab.ends(job_id)
    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["reason"].startswith("DockerTimeoutError")
    assert "RUNNING" not in lab.history(job_id)


def test_an_oom_fault_reads_as_a_container_killed_for_its_memory(make_lab: MakeLab) -> None:
    lab = make_lab(chaos=Chaos(oom=1, strike_within_seconds=0))
    job = lab.ends(lab.shell("sleep 60"))
    assert job["container"]["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    assert job["container"]["exitCode"] == 137


def test_memory_runs_out_on_purpose_only_where_something_would_follow_and_the_log_says_whom_that_spared(
    make_lab: MakeLab,
) -> None:
    def survives(parameters: Mapping[str, str]) -> bool:
        return parameters["step"] == "another"

    lab = make_lab(chaos=Chaos(oom=1, strike_within_seconds=0), survives_memory_kill=survives)
    spared = lab.shell("sleep 0.1", parameters={"step": "last"})
    killed = lab.shell("sleep 60", parameters={"step": "another"})
    assert lab.ends(spared)["status"] == "SUCCEEDED"
    assert lab.output(spared) == [SPARED]
    assert lab.ends(killed)["container"]["reason"].startswith("OutOfMemoryError")


def test_whoever_wants_fatal_faults_gets_them(make_lab: MakeLab) -> None:
    chaos = parse_chaos("oom=1,strike_within_seconds=0,fatal=1")
    lab = make_lab(chaos=chaos, survives_memory_kill=lambda _parameters: False)
    assert lab.ends(lab.shell("sleep 60"))["container"]["exitCode"] == 137


def test_a_flow_meets_the_same_faults_each_time_it_runs() -> None:
    first, again = ({"flow": "F", "step": "a", "submission": "1-0", "run": f"F-{run}"} for run in (1, 2))
    assert who("name-1", first) == who("name-2", again)
    assert who("name-1", first) != who("name-1", {**first, "submission": "2-0"})
    assert who("name-1", {}) != who("name-2", {})


def test_each_fault_is_told_in_the_relays_log(make_lab: MakeLab, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "steprelay.local.batch")
    lab = make_lab(chaos=Chaos(spot=1, duplicate=1, delay=1, strike_within_seconds=0, delay_up_to_seconds=0.01))
    lab.ends(lab.shell("sleep 60", jobName="told"))
    assert "by chance: spot of told" in caplog.messages
    assert "by chance: FAILED is doubled and late, of told" in caplog.messages


def test_a_duplicated_event_comes_twice_under_one_id(make_lab: MakeLab) -> None:
    lab = make_lab(chaos=Chaos(duplicate=1))
    job_id = lab.shell("exit 0")
    wait_until(lambda: lab.history(job_id).count("SUCCEEDED") == 2)
    ids = [event["id"] for event in lab.events if event["detail"]["status"] == "SUCCEEDED"]
    assert len(set(ids)) == 1


def test_a_lost_event_never_comes_though_the_job_goes_on(make_lab: MakeLab) -> None:
    lab = make_lab(chaos=Chaos(lost=1))
    job_id = lab.shell("exit 0")
    assert lab.reaches(job_id, "SUCCEEDED")["jobId"] == job_id
    assert lab.events == []


def test_delayed_events_arrive_late_and_out_of_order_but_all(make_lab: MakeLab) -> None:
    lab = make_lab(chaos=Chaos(delay=1, delay_up_to_seconds=0.3, seed=3))
    job_id = lab.shell("exit 0")
    wait_until(lambda: sorted(lab.history(job_id)) == ["RUNNABLE", "RUNNING", "STARTING", "SUCCEEDED"])


def test_a_throttled_call_is_refused_as_the_sdk_expects_it(make_lab: MakeLab) -> None:
    with pytest.raises(Refused) as refused:
        make_lab(chaos=Chaos(throttle=1))
    assert (refused.value.status, refused.value.code) == (429, "TooManyRequestsException")


def test_chaos_is_read_as_people_write_it() -> None:
    assert parse_chaos("spot=0.2, duplicate=0.3,seed=7") == Chaos(spot=0.2, duplicate=0.3, seed=7)
    assert parse_chaos("") == Chaos()


def test_all_that_cannot_be_read_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"there is no 'sopt'; known: spot, .*; lost must be a number, given 'much'"):
        parse_chaos("sopt=0.2,lost=much,delay=0.1")
