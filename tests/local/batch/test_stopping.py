"""CancelJob, TerminateJob, timeouts, and stopping the local Batch itself."""

import signal
import threading
from pathlib import Path

import psutil
import pytest

from tests.local.batch.conftest import MakeLab
from tests.local.batch.harness import Lab, Refused, wait_until

REASON = "steprelay: run cancelled"
STUBBORN = "trap '' TERM; echo deaf; while :; do sleep 0.05; done"


def test_a_runnable_job_is_cancelled_at_once_with_the_reason_given(make_lab: MakeLab) -> None:
    lab = make_lab(vcpus=1)
    running, waiting = lab.shell("sleep 60"), lab.shell("exit 0")
    lab.reaches(waiting, "RUNNABLE")
    lab.reaches(running, "RUNNING")
    lab.call("CancelJob", jobId=waiting, reason=REASON)
    job = lab.ends(waiting)
    assert (job["status"], job["statusReason"]) == ("FAILED", REASON)
    assert (job["isCancelled"], job["isTerminated"], job["attempts"]) == (True, False, [])
    assert lab.history(waiting) == ["RUNNABLE", "FAILED"]


def test_cancelling_a_running_job_changes_nothing(lab: Lab) -> None:
    job_id = lab.shell("read line < /dev/null; sleep 0.3; exit 0")
    lab.reaches(job_id, "RUNNING")
    lab.call("CancelJob", jobId=job_id, reason=REASON)
    job = lab.ends(job_id)
    assert (job["status"], job["isCancelled"]) == ("SUCCEEDED", False)


def test_a_pending_job_is_cancelled_once_its_dependencies_have_ended(lab: Lab) -> None:
    first = lab.shell("sleep 0.3")
    second = lab.shell("exit 0", dependsOn=[{"jobId": first}])
    lab.reaches(second, "PENDING")
    lab.call("CancelJob", jobId=second, reason=REASON)
    assert lab.status(second) == "PENDING"
    assert lab.ends(second)["statusReason"] == REASON
    assert lab.status(first) == "SUCCEEDED"


def test_terminating_a_running_job_sends_sigterm_and_fails_it_with_the_reason(lab: Lab) -> None:
    job_id = lab.shell("trap 'echo told; exit 0' TERM; echo ready; sleep 60 & wait")
    wait_until(lambda: "ready" in lab.output(job_id))
    lab.call("TerminateJob", jobId=job_id, reason=REASON)
    job = lab.ends(job_id)
    assert (job["status"], job["statusReason"], job["isTerminated"]) == ("FAILED", REASON, True)
    assert lab.output(job_id) == ["ready", "told"]


def test_a_terminated_job_that_ignores_sigterm_is_killed_after_the_grace(make_lab: MakeLab) -> None:
    lab = make_lab(stop_grace_seconds=0.2)
    job_id = lab.shell(STUBBORN)
    wait_until(lambda: "deaf" in lab.output(job_id), "the job is deaf to SIGTERM")
    lab.call("TerminateJob", jobId=job_id, reason=REASON)
    job = lab.ends(job_id)
    assert (job["statusReason"], job["container"]["exitCode"]) == (REASON, 137)


def test_a_terminated_job_is_never_retried(lab: Lab) -> None:
    job_id = lab.shell("sleep 60", retryStrategy={"attempts": 5})
    lab.reaches(job_id, "RUNNING")
    lab.call("TerminateJob", jobId=job_id, reason=REASON)
    assert len(lab.ends(job_id)["attempts"]) == 1


def test_terminating_a_job_that_waits_cancels_it(make_lab: MakeLab) -> None:
    lab = make_lab(vcpus=1)
    lab.reaches(lab.shell("sleep 60"), "RUNNING")
    waiting = lab.shell("exit 0")
    lab.reaches(waiting, "RUNNABLE")
    lab.call("TerminateJob", jobId=waiting, reason=REASON)
    assert lab.ends(waiting)["statusReason"] == REASON


def test_a_job_that_has_ended_keeps_its_end(lab: Lab) -> None:
    job_id = lab.shell("exit 0")
    lab.ends(job_id)
    lab.call("TerminateJob", jobId=job_id, reason=REASON)
    job = lab.describe(job_id)
    assert (job["status"], job["isTerminated"]) == ("SUCCEEDED", False)


def test_stopping_many_tells_for_each_job_whether_it_exists(lab: Lab) -> None:
    job_id = lab.shell("sleep 60")
    answer = lab.call("TerminateJobs", jobs=[job_id, "no-such-job"], reason=REASON)
    assert answer["successful"] == [job_id]
    assert [error["job"] for error in answer["errors"]] == ["no-such-job"]
    assert lab.ends(job_id)["statusReason"] == REASON


def test_cancelling_an_unknown_job_is_refused(lab: Lab) -> None:
    with pytest.raises(Refused, match="no-such-job does not exist"):
        lab.call("CancelJob", jobId="no-such-job", reason=REASON)


def test_a_reason_above_1024_characters_is_refused(lab: Lab) -> None:
    job_id = lab.shell("sleep 60")
    with pytest.raises(Refused, match="at most 1024 characters; given 1025"):
        lab.call("TerminateJob", jobId=job_id, reason="x" * 1025)


def test_cancelling_an_array_cancels_the_children_that_wait_and_lets_the_others_end(make_lab: MakeLab) -> None:
    lab = make_lab(vcpus=1)
    parent = lab.shell("sleep 0.3", arrayProperties={"size": 3})
    lab.reaches(f"{parent}:0", "RUNNING")
    lab.call("CancelJob", jobId=parent, reason=REASON)
    job = lab.ends(parent)
    assert (job["status"], job["statusReason"], job["isCancelled"]) == ("FAILED", REASON, True)
    assert [lab.status(f"{parent}:{n}") for n in range(3)] == ["SUCCEEDED", "FAILED", "FAILED"]


def test_a_timed_out_job_is_told_then_killed_and_never_retried(make_lab: MakeLab) -> None:
    lab = make_lab(time_scale=0.005, stop_grace_seconds=0.2)
    stubborn = lab.shell(STUBBORN, timeout={"attemptDurationSeconds": 60}, retryStrategy={"attempts": 5})
    polite = lab.shell(
        "trap 'echo told; exit 0' TERM; sleep 60 & wait",
        timeout={"attemptDurationSeconds": 60},
        retryStrategy={"attempts": 5},
    )
    for job_id, exit_code in ((stubborn, 137), (polite, 0)):
        job = lab.ends(job_id)
        assert (job["status"], job["statusReason"]) == ("FAILED", "Job attempt duration exceeded timeout")
        assert (job["container"]["exitCode"], len(job["attempts"])) == (exit_code, 1)
    assert lab.output(polite) == ["told"]


def test_the_definitions_timeout_holds_unless_the_job_brings_its_own(make_lab: MakeLab) -> None:
    lab = make_lab(time_scale=0.005)
    lab.define("limited", timeout={"attemptDurationSeconds": 60})
    timed_out = lab.shell("sleep 60", jobDefinition="limited")
    longer = lab.shell("sleep 0.5", jobDefinition="limited", timeout={"attemptDurationSeconds": 6000})
    assert lab.ends(timed_out)["statusReason"] == "Job attempt duration exceeded timeout"
    assert lab.ends(longer)["status"] == "SUCCEEDED"


def test_time_in_the_queue_does_not_count_towards_the_timeout(make_lab: MakeLab) -> None:
    lab = make_lab(vcpus=1, time_scale=0.005)
    ahead = lab.shell("sleep 0.6")
    behind = lab.shell("exit 0", timeout={"attemptDurationSeconds": 60})
    lab.ends(ahead)
    assert lab.ends(behind)["status"] == "SUCCEEDED"


def test_stopping_the_local_batch_leaves_no_process_thread_or_directory(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "batch")
    lab.batch.start()
    lab.prepare()
    script = "setsid sleep 300 & (trap '' TERM INT HUP; sleep 300) & sleep 300 & echo ready; wait"
    jobs = [lab.shell(script) for _ in range(3)]
    wait_until(lambda: all(lab.output(job_id) == ["ready"] for job_id in jobs))
    # `ready` may be out before the shells have started all they start in the background.
    wait_until(lambda: len(_processes_of(jobs)) >= 9)
    alive = _processes_of(jobs)
    lab.batch.stop()
    wait_until(lambda: not any(_alive(process) for process in alive))
    assert list((tmp_path / "batch" / "jobs").iterdir()) == []
    assert not [t.name for t in threading.enumerate() if t.name.startswith("local-batch")]


def _processes_of(jobs: list[str]) -> list[psutil.Process]:
    """By their environment: who is whose child, psutil tells by start times, which move when the clock is set."""
    return [process for process in psutil.process_iter() if _alive(process) and _job_of(process) in jobs]


def _job_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("AWS_BATCH_JOB_ID")
    except psutil.Error:
        return None


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_stopped_local_batch_takes_no_more_jobs(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "batch")
    lab.batch.start()
    lab.prepare()
    lab.batch.stop()
    lab.batch.stop()
    with pytest.raises(Refused, match="has been stopped") as refused:
        lab.shell("exit 0")
    assert refused.value.status == 500


def test_a_local_batch_that_was_never_started_can_be_stopped(tmp_path: Path) -> None:
    Lab(tmp_path / "batch").batch.stop()


def test_a_job_keeps_the_default_signal_handling_of_a_fresh_process(lab: Lab) -> None:
    job_id = lab.python("import signal; print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)")
    lab.ends(job_id)
    assert lab.output(job_id) == ["True"]
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN
