"""A local Batch that is killed leaves its jobs to the next one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steprelay.local.batch.outcome import HOST_GONE
from steprelay.local.kept import Kept
from tests.local.batch.harness import Lab, wait_until

RETRY_HOSTS: dict[str, Any] = {
    "attempts": 3,
    "evaluateOnExit": [{"onStatusReason": "Host EC2*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}],
}


class Killed:
    """Two local Batches, one after the other, with one keeper."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._labs = folder, list[Lab]()
        self.kept = Kept(folder / "kept.db")

    def lab(self) -> Lab:
        lab = Lab(self._folder / str(len(self._labs)), keeper=self.kept)
        lab.batch.start()
        self._labs.append(lab)
        return lab

    def next(self, before: Lab) -> Lab:
        """What is kept when a machine is killed is what is kept by then: stopping writes nothing more."""
        before.batch.stop()
        after = self.lab()
        after.prepare_queue()
        after.batch.restore()
        return after

    def stop(self) -> None:
        for lab in self._labs:
            lab.batch.stop()


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Killed]:
    both = Killed(tmp_path)
    yield both
    both.stop()


@pytest.fixture
def before(killed: Killed) -> Lab:
    lab = killed.lab()
    lab.prepare()
    return lab


def test_what_had_ended_is_still_known_as_it_was(killed: Killed, before: Lab) -> None:
    job = before.submit(["true"], tags={"whose": "mine"}, parameters={"a": "b"})
    told = before.ends(job)
    after = killed.next(before)
    assert after.describe(job) == told
    assert after.call("DescribeJobDefinitions", jobDefinitionName="job")["jobDefinitions"][0]["revision"] == 1


def test_an_end_that_may_not_have_been_told_is_told_again(killed: Killed, before: Lab) -> None:
    job = before.submit(["true"])
    before.ends(job)
    after = killed.next(before)
    wait_until(lambda: [(event["detail"]["jobId"], event["detail"]["status"]) for event in after.events])
    assert [(event["detail"]["jobId"], event["detail"]["status"]) for event in after.events] == [(job, "SUCCEEDED")]


def test_a_job_that_blocks_its_queue_still_does(killed: Killed, before: Lab) -> None:
    job = before.submit(["true"], containerOverrides=before.needing(1000, 100))
    before.reaches(job, "RUNNABLE")
    after = killed.next(before)
    wait_until(lambda: [event for event in after.events if event["detail-type"] == "Batch Job Queue Blocked"])
    assert after.describe(job)["statusReason"].startswith("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE")


def test_a_job_that_ran_failed_with_its_host_and_says_so(killed: Killed, before: Lab) -> None:
    job = before.submit(["sleep", "600"])
    before.reaches(job, "RUNNING")
    after = killed.next(before)
    ended = after.ends(job)
    assert (ended["status"], ended["statusReason"], len(ended["attempts"])) == ("FAILED", HOST_GONE, 1)
    wait_until(lambda: [event["detail"]["status"] for event in after.events] == ["FAILED"])


def test_a_job_that_retries_lost_hosts_runs_again_as_its_next_attempt(killed: Killed, before: Lab) -> None:
    script = 'test "$AWS_BATCH_JOB_ATTEMPT" = 2 || sleep 600'
    job = before.submit(["sh", "-c", script], retryStrategy=RETRY_HOSTS)
    before.reaches(job, "RUNNING")
    ended = killed.next(before).ends(job)
    assert ended["status"] == "SUCCEEDED"
    lost, _ = ended["attempts"]
    assert lost["statusReason"] == HOST_GONE


def test_jobs_that_waited_go_on_waiting_and_run_in_their_turn(killed: Killed, before: Lab) -> None:
    first = before.submit(["sh", "-c", 'test "$AWS_BATCH_JOB_ATTEMPT" = 2 || sleep 600'], retryStrategy=RETRY_HOSTS)
    before.reaches(first, "RUNNING")
    dependent = before.submit(["true"], dependsOn=[{"jobId": first}])
    after = killed.next(before)
    assert after.ends(dependent)["status"] == "SUCCEEDED"
    assert after.history(first) == ["RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    assert after.describe(first)["stoppedAt"] <= after.describe(dependent)["startedAt"]


def test_of_an_array_only_the_children_run_again_that_had_not_ended(
    killed: Killed, before: Lab, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    script = (
        f'echo "$AWS_BATCH_JOB_ARRAY_INDEX" >> {diary}; '
        'test "$AWS_BATCH_JOB_ARRAY_INDEX" != 1 || test "$AWS_BATCH_JOB_ATTEMPT" = 2 || sleep 600'
    )
    job = before.submit(["sh", "-c", script], arrayProperties={"size": 3}, retryStrategy=RETRY_HOSTS)
    wait_until(lambda: before.describe(job)["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 2)
    before.reaches(f"{job}:1", "RUNNING")
    ended = killed.next(before).ends(job)
    assert (ended["status"], ended["arrayProperties"]["statusSummary"]["SUCCEEDED"]) == ("SUCCEEDED", 3)
    assert sorted(diary.read_text().split()) == ["0", "1", "1", "2"]


def test_a_job_that_was_to_be_stopped_is_not_tried_again(killed: Killed, before: Lab) -> None:
    job = before.submit(["sh", "-c", "trap '' TERM; while :; do sleep 1; done"], retryStrategy=RETRY_HOSTS)
    before.reaches(job, "RUNNING")
    before.call("TerminateJob", jobId=job, reason="enough")
    ended = killed.next(before).ends(job)
    assert (ended["status"], ended["statusReason"]) == ("FAILED", "enough")
