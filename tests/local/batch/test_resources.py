"""What runs together on this machine, and what memory a job may hold."""

import itertools
import resource
import sys
from pathlib import Path

import psutil
import pytest

from steprelay.local.batch.capacity import Capacity, Runnable
from steprelay.local.batch.model import Job, JobSpec, Status
from steprelay.local.batch.retry import RetryStrategy
from tests.local.batch.conftest import MakeLab
from tests.local.batch.harness import Lab, wait_until

NUMBERS = itertools.count()


def _job(
    vcpus: float = 1,
    memory_mib: int = 100,
    priority: int = 1,
    share: str | None = None,
    scheduling_priority: int | None = None,
    queue: str = "queue",
    environment: str = "ce",
) -> Job:
    spec = JobSpec(
        name="job",
        queue_arn=queue,
        queue_name=queue,
        compute_environment=environment,
        priority=priority,
        definition_arn="definition",
        command=(),
        environment={},
        image="image",
        container={},
        vcpus=vcpus,
        memory_mib=memory_mib,
        retry=RetryStrategy(),
        retry_strategy={},
        timeout_seconds=None,
        parameters={},
        propagate_tags=False,
        platform_capabilities=("EC2",),
        depends_on=(),
        log_group="group",
        log_prefix="prefix",
        share_identifier=share,
        scheduling_priority=scheduling_priority,
    )
    number = next(NUMBERS)
    return Job(str(number), "arn", spec, number, 0, {}, status=Status.RUNNABLE)


@pytest.mark.parametrize(
    ("held", "asked", "fits"),
    [
        ([], (2, 100), True),
        ([(1, 100)], (1, 100), True),
        ([(2, 100)], (0.25, 100), False),
        ([(1, 900)], (1, 200), False),
        ([(0.1, 1)] * 10, (1, 1), True),
        ([], (64, 1), True),
        ([(0.25, 1)], (64, 1), False),
        ([(64, 9999)], (0.25, 1), False),
    ],
)
def test_a_job_starts_if_it_fits_beside_the_others_or_is_alone(
    held: list[tuple[float, int]], asked: tuple[float, int], fits: bool
) -> None:
    capacity = Capacity(vcpus=2, memory_mib=1000)
    for each in held:
        capacity.take(_job(*each))
    assert capacity.fits(_job(*asked)) is fits


def test_what_a_job_held_is_free_after_it() -> None:
    capacity = Capacity(vcpus=1, memory_mib=100)
    first, second = _job(), _job()
    capacity.take(first)
    assert not capacity.fits(second)
    capacity.release(first)
    assert capacity.fits(second)


def test_first_in_is_first_out_and_a_higher_queue_goes_before() -> None:
    line, capacity = Runnable(), Capacity(vcpus=9, memory_mib=9999)
    first, second, urgent = _job(), _job(), _job(priority=5)
    for job in (first, second, urgent):
        line.push(job)
    assert [line.pop_if_fits(capacity) for _ in range(4)] == [urgent, first, second, None]


def _in_order(*jobs: Job) -> list[Job | None]:
    line, capacity = Runnable(), Capacity(vcpus=9, memory_mib=9999)
    for job in jobs:
        line.push(job)
    return [line.pop_if_fits(capacity) for _ in range(len(jobs) + 1)]


def test_within_a_share_the_higher_scheduling_priority_goes_first() -> None:
    low, none, high = (_job(share="a", scheduling_priority=number) for number in (1, None, 9))
    assert _in_order(none, low, high) == [high, low, none, None]


def test_a_scheduling_priority_moves_no_job_before_those_of_other_shares_and_queues() -> None:
    first, second = _job(share="a", scheduling_priority=1), _job(share="b", scheduling_priority=9)
    elsewhere, third = _job(share="a", scheduling_priority=9, queue="other"), _job(scheduling_priority=9)
    assert _in_order(first, second, elsewhere, third) == [first, second, elsewhere, third, None]


def test_a_cancelled_job_of_a_share_holds_back_none_of_the_others() -> None:
    cancelled, left = _job(share="a", scheduling_priority=9), _job(share="a")
    cancelled.status = Status.FAILED
    assert _in_order(left, cancelled) == [left, None, None]


def test_the_priority_of_a_submission_counts_over_its_definitions_and_both_are_shown(make_lab: MakeLab) -> None:
    lab = make_lab(vcpus=1)
    blocker = lab.shell("exec sleep 60")
    lab.reaches(blocker, "RUNNING")
    lab.define("urgent", schedulingPriority=5)
    definitions = lab.submit(jobDefinition="urgent", shareIdentifier="a")
    own = lab.submit(jobDefinition="urgent", shareIdentifier="a", schedulingPriorityOverride=7)
    lab.call("TerminateJob", jobId=blocker, reason="make room")
    jobs = [lab.ends(job_id) for job_id in (definitions, own)]
    assert [(job["shareIdentifier"], job["schedulingPriority"]) for job in jobs] == [("a", 5), ("a", 7)]
    assert jobs[1]["startedAt"] <= jobs[0]["startedAt"]
    order = [event["detail"]["jobId"] for event in lab.events if event["detail"]["status"] == "STARTING"]
    assert order == [blocker, own, definitions]


def test_a_large_job_at_the_head_is_not_overtaken() -> None:
    line, capacity = Runnable(), Capacity(vcpus=2, memory_mib=9999)
    capacity.take(_job(1))
    line.push(_job(2))
    line.push(_job(1))
    assert line.pop_if_fits(capacity) is None


def test_a_cancelled_job_leaves_the_line_even_when_it_would_not_fit() -> None:
    line, capacity = Runnable(), Capacity(vcpus=2, memory_mib=9999)
    capacity.take(_job(1))
    cancelled, next_one = _job(2), _job(1)
    line.push(cancelled)
    line.push(next_one)
    cancelled.status = Status.FAILED
    assert line.pop_if_fits(capacity) is next_one


def test_a_full_compute_environment_holds_back_its_own_jobs_and_no_others() -> None:
    line, capacity = Runnable(), Capacity(9, 9999, {"small": 2.0}.get)
    capacity.take(_job(2, environment="small"))
    waits, behind, elsewhere = _job(1, environment="small"), _job(1, environment="small"), _job(1)
    for job in (waits, behind, elsewhere):
        line.push(job)
    assert [line.pop_if_fits(capacity) for _ in range(2)] == [elsewhere, None]


def test_jobs_wait_runnable_while_their_compute_environment_is_full(make_lab: MakeLab) -> None:
    lab = make_lab(vcpus=64, memory_mib=64_000)
    resources = {"type": "EC2", "maxvCpus": 16}
    lab.call("CreateComputeEnvironment", computeEnvironmentName="small", type="MANAGED", computeResources=resources)
    order = [{"order": 1, "computeEnvironment": "small"}]
    lab.call("CreateJobQueue", jobQueueName="small", priority=1, computeEnvironmentOrder=order)
    first = lab.shell("sleep 60", jobQueue="small", containerOverrides=lab.needing(16, 100))
    lab.reaches(first, "RUNNING")
    second = lab.shell("sleep 60", jobQueue="small")
    assert lab.ends(lab.shell("exit 0"))["status"] == "SUCCEEDED"
    assert lab.status(second) == "RUNNABLE"
    lab.call("TerminateJob", jobId=first, reason="make room")
    lab.reaches(second, "RUNNING")


def test_jobs_wait_runnable_while_the_machine_is_full(make_lab: MakeLab) -> None:
    lab = make_lab(vcpus=3)
    half = lab.needing(2, 100)
    jobs = [lab.shell("sleep 60", containerOverrides=half) for _ in range(2)]
    lab.reaches(jobs[0], "RUNNING")
    lab.reaches(jobs[1], "RUNNABLE")
    lab.call("TerminateJob", jobId=jobs[0], reason="make room")
    lab.reaches(jobs[1], "RUNNING")


def test_never_more_jobs_run_than_fit(make_lab: MakeLab) -> None:
    lab = make_lab(vcpus=3)
    lab.ends(lab.shell("sleep 0.02", arrayProperties={"size": 20}))
    running, most = 0, 0
    for status in (event["detail"]["status"] for event in lab.events if "index" in _array_of(event)):
        running += {"STARTING": 1, "SUCCEEDED": -1}.get(status, 0)
        most = max(most, running)
    assert most == 3


def _array_of(event: dict[str, dict[str, dict[str, object]]]) -> dict[str, object]:
    return event["detail"].get("arrayProperties", {})


def test_a_job_larger_than_the_machine_runs_alone_and_says_so_in_its_log(lab: Lab) -> None:
    small = lab.shell("sleep 0.2")
    huge = lab.shell("echo done", containerOverrides=lab.needing(64, 262_144))
    after = lab.shell("exit 0")
    for job_id in (small, huge, after):
        assert lab.ends(job_id)["status"] == "SUCCEEDED"
    note, line = lab.output(huge)
    assert "asks for 64 vCPU and 262144 MiB" in note
    assert line == "done"
    order = [(e["detail"]["jobId"], e["detail"]["status"]) for e in lab.events]
    assert order.index((small, "SUCCEEDED")) < order.index((huge, "STARTING"))
    assert order.index((huge, "SUCCEEDED")) < order.index((after, "STARTING"))


HOLDS_200_MIB = "import time; held = b'x' * (200 << 20); print('holding', flush=True); time.sleep(60)"


def test_a_job_above_its_memory_is_killed_as_out_of_memory(lab: Lab) -> None:
    job = lab.ends(lab.python(HOLDS_200_MIB, containerOverrides=lab.needing(1, 100)))
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 137)
    assert job["container"]["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    assert job["statusReason"] == "Essential container in task exited"


def test_the_memory_of_a_jobs_children_counts_even_in_sessions_of_their_own(lab: Lab) -> None:
    code = f"""import subprocess, sys
subprocess.run([sys.executable, "-c", {HOLDS_200_MIB!r}], start_new_session=True)"""
    job = lab.ends(lab.python(code, containerOverrides=lab.needing(1, 100)))
    assert job["container"]["reason"].startswith("OutOfMemoryError")


def test_pages_shared_by_forked_workers_count_once(lab: Lab) -> None:
    code = """import os, time
held = b'x' * (100 << 20)
if os.fork() == 0:
    time.sleep(0.6); os._exit(0)
os.wait(); print('survived')"""
    job_id = lab.python(code, containerOverrides=lab.needing(1, 160))
    assert lab.ends(job_id)["status"] == "SUCCEEDED"
    assert lab.output(job_id) == ["survived"]


def _own_peak_mib() -> int:
    """What this process held at its peak, which Linux passes on to the processes it starts."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)


NO_LOOKS = 3600.0  # seconds between two looks at memory: none while a test runs


@pytest.mark.parametrize("code", [0, 3])
def test_memory_taken_and_given_back_between_two_looks_is_found_as_the_job_ends(make_lab: MakeLab, code: int) -> None:
    lab = make_lab(memory_sample_seconds=NO_LOOKS)
    limit = _own_peak_mib() + 100
    script = f"import os; held = bytearray({limit + 50} << 20); del held; os._exit({code})"
    job = lab.ends(lab.python(script, containerOverrides=lab.needing(1, limit)))
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 137)
    assert job["container"]["reason"] == "OutOfMemoryError: Container killed due to memory usage"


def test_memory_that_a_program_of_the_job_took_is_found_as_well(make_lab: MakeLab) -> None:
    lab = make_lab(memory_sample_seconds=NO_LOOKS)
    limit = _own_peak_mib() + 100
    script = f'"{sys.executable}" -c "held = bytearray({limit + 50} << 20)"; exit 0'
    assert lab.ends(lab.shell(script, containerOverrides=lab.needing(1, limit)))["container"]["exitCode"] == 137


def test_the_memory_of_the_local_batch_itself_is_no_memory_of_its_jobs(make_lab: MakeLab) -> None:
    lab = make_lab(memory_sample_seconds=NO_LOOKS)
    held = bytearray(200 << 20)
    job = lab.ends(lab.shell("exit 0", containerOverrides=lab.needing(1, 100)))
    assert len(held) > 0
    assert job["status"] == "SUCCEEDED"


def _lives_in_memory(folder: Path) -> bool:
    """Whether files there are memory of whoever maps them."""
    mounts = [mount for mount in psutil.disk_partitions(all=True) if folder.is_relative_to(mount.mountpoint)]
    return max(mounts, key=lambda mount: len(mount.mountpoint)).fstype in ("tmpfs", "ramfs")


def test_files_that_a_job_maps_are_not_its_memory(lab: Lab, tmp_path: Path) -> None:
    if _lives_in_memory(tmp_path):
        pytest.skip("the temporary folder is in memory")
    size = (_own_peak_mib() + 200) << 20
    file = tmp_path / "large"
    with file.open("wb") as empty:
        empty.truncate(size)
    code = f"""import mmap, time
with open({str(file)!r}, "rb") as file:
    pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
for at in range(0, {size}, 4096): pages[at]
time.sleep(0.3); print("survived")"""
    job_id = lab.python(code, containerOverrides=lab.needing(1, size // (1 << 20) - 100))
    assert lab.ends(job_id)["status"] == "SUCCEEDED"
    assert lab.output(job_id) == ["survived"]


def test_a_job_is_told_its_memory(lab: Lab) -> None:
    job_id = lab.shell('echo "$STEPRELAY_LOCAL_MEMORY"', containerOverrides=lab.needing(1, 123))
    lab.ends(job_id)
    assert lab.output(job_id) == ["123"]


def test_an_out_of_memory_end_can_be_told_apart_by_the_retry_rules(lab: Lab) -> None:
    rules = [{"onReason": "OutOfMemoryError*", "action": "EXIT"}, {"onReason": "*", "action": "RETRY"}]
    strategy = {"attempts": 3, "evaluateOnExit": rules}
    overrides = lab.needing(1, 100)
    greedy = lab.python(HOLDS_200_MIB, containerOverrides=overrides, retryStrategy=strategy)
    broken = lab.shell("exit 1", containerOverrides=overrides, retryStrategy=strategy)
    assert len(lab.ends(greedy)["attempts"]) == 1
    assert len(lab.ends(broken)["attempts"]) == 3


def test_an_internal_retry_goes_back_to_runnable_and_counts_up_in_the_container(lab: Lab) -> None:
    script = 'echo "attempt $AWS_BATCH_JOB_ATTEMPT"; test "$AWS_BATCH_JOB_ATTEMPT" = 3'
    job_id = lab.shell(script, retryStrategy={"attempts": 5})
    job = lab.ends(job_id)
    assert lab.history(job_id) == [*["RUNNABLE", "STARTING", "RUNNING"] * 3, "SUCCEEDED"]
    assert lab.output(job_id) == ["attempt 1", "attempt 2", "attempt 3"]
    assert [a["container"]["exitCode"] for a in job["attempts"]] == [1, 1, 0]
    assert len({a["container"]["logStreamName"] for a in job["attempts"]}) == 3
    runnable = [e["detail"] for e in lab.events if e["detail"]["status"] == "RUNNABLE"]
    assert [len(detail["attempts"]) for detail in runnable] == [0, 1, 2]
    wait_until(lambda: lab.status(job_id) == "SUCCEEDED")
