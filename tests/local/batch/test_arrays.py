"""Array jobs and dependencies."""

import pytest

from tests.local.batch.conftest import MakeLab
from tests.local.batch.harness import Lab, Refused, wait_until

EVEN_ONLY = "exit $((AWS_BATCH_JOB_ARRAY_INDEX % 2))"


def _array(size: int) -> dict[str, dict[str, int]]:
    return {"arrayProperties": {"size": size}}


def _after(*jobs: str) -> dict[str, list[dict[str, str]]]:
    return {"dependsOn": [{"jobId": job_id} for job_id in jobs]}


def _paired(job_id: str) -> dict[str, list[dict[str, str]]]:
    return {"dependsOn": [{"jobId": job_id, "type": "N_TO_N"}]}


def test_an_array_runs_one_child_per_index_and_succeeds_when_all_did(lab: Lab) -> None:
    parent = lab.shell('echo "index $AWS_BATCH_JOB_ARRAY_INDEX of $AWS_BATCH_JOB_ID"', **_array(5))
    job = lab.ends(parent)
    assert (job["status"], job["arrayProperties"]["size"]) == ("SUCCEEDED", 5)
    assert job["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 5
    assert [lab.output(f"{parent}:{n}") for n in range(5)] == [[f"index {n} of {parent}:{n}"] for n in range(5)]


def test_parent_and_children_both_emit_and_a_child_names_its_index(lab: Lab) -> None:
    parent = lab.shell("exit 0", **_array(2))
    lab.ends(parent)
    assert lab.history(parent) == ["PENDING", "SUCCEEDED"]
    assert lab.history(f"{parent}:1") == ["RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    child = lab.event(f"{parent}:1", "SUCCEEDED")
    assert child["detail"]["arrayProperties"]["index"] == 1
    assert child["resources"] == [f"arn:aws:batch:us-east-1:123456789012:job/{parent}:1"]


def test_a_parent_fails_only_after_its_last_child_and_counts_what_became_of_them(lab: Lab) -> None:
    parent = lab.shell(EVEN_ONLY, **_array(6))
    job = lab.ends(parent)
    assert (job["status"], job["statusReason"]) == ("FAILED", "Array Child Job failed")
    summary = job["arrayProperties"]["statusSummary"]
    assert (summary["SUCCEEDED"], summary["FAILED"], sum(summary.values())) == (3, 3, 6)
    assert lab.events[-1]["detail"]["jobId"] == parent


def test_each_child_has_the_retry_budget_of_its_own(lab: Lab) -> None:
    parent = lab.shell(EVEN_ONLY, retryStrategy={"attempts": 2}, **_array(2))
    lab.ends(parent)
    assert [len(lab.describe(f"{parent}:{n}")["attempts"]) for n in range(2)] == [1, 2]


def test_sequential_children_run_one_after_the_other(lab: Lab) -> None:
    parent = lab.shell("exit 0", dependsOn=[{"type": "SEQUENTIAL"}], **_array(4))
    lab.ends(parent)
    order = [e["detail"]["jobId"] for e in lab.events if e["detail"]["status"] in ("RUNNING", "SUCCEEDED")]
    assert order == [child for n in range(4) for child in [f"{parent}:{n}"] * 2] + [parent]


def test_a_failed_sequential_child_fails_all_behind_it(lab: Lab) -> None:
    script = 'test "$AWS_BATCH_JOB_ARRAY_INDEX" != 1'
    parent = lab.shell(script, dependsOn=[{"type": "SEQUENTIAL"}], **_array(500))
    summary = lab.ends(parent)["arrayProperties"]["statusSummary"]
    assert (summary["SUCCEEDED"], summary["FAILED"]) == (1, 499)
    assert lab.describe(f"{parent}:499")["statusReason"] == "Dependent Job failed"
    lab.ends(lab.shell("exit 0"))  # its events come after any that the array might still have sent
    assert lab.history(parent) == ["PENDING", "FAILED"]


def test_a_dependent_waits_pending_and_runs_after_a_success(lab: Lab) -> None:
    first = lab.shell("sleep 60 & echo $! > pid; wait")
    second = lab.shell("exit 0", **_after(first))
    assert lab.reaches(second, "PENDING")["dependsOn"] == [{"jobId": first}]
    lab.call("TerminateJob", jobId=first, reason="enough")
    assert lab.ends(second)["statusReason"] == "Dependent Job failed"
    third = lab.shell("exit 0", **_after(lab.shell("sleep 0.1")))
    lab.ends(third)
    assert lab.history(third) == ["PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]


def test_a_failure_cascades_through_chains_of_dependents(lab: Lab) -> None:
    first = lab.shell("sleep 0.1; exit 1")
    second = lab.shell("exit 0", **_after(first))
    third = lab.shell("exit 0", **_array(3), **_after(second))
    assert [lab.ends(job)["statusReason"] for job in (second, third)] == ["Dependent Job failed"] * 2
    assert lab.history(third) == ["PENDING", "FAILED"]


def test_a_dependency_that_has_already_ended_counts(lab: Lab) -> None:
    good, bad = lab.shell("exit 0"), lab.shell("exit 1")
    lab.ends(good)
    lab.ends(bad)
    assert lab.ends(lab.shell("exit 0", **_after(good)))["status"] == "SUCCEEDED"
    assert lab.ends(lab.shell("exit 0", **_after(good, bad)))["statusReason"] == "Dependent Job failed"


def test_an_array_waits_for_its_plain_dependencies_before_it_spawns(lab: Lab) -> None:
    first = lab.shell("sleep 0.2")
    parent = lab.shell("exit 0", **_array(2), **_after(first))
    lab.reaches(parent, "PENDING")
    assert lab.call("ListJobs", arrayJobId=parent, jobStatus="PENDING")["jobSummaryList"] == []
    assert lab.ends(parent)["status"] == "SUCCEEDED"


def test_paired_arrays_go_child_by_child_and_a_straggler_holds_up_no_sibling(lab: Lab) -> None:
    slow_first = 'test "$AWS_BATCH_JOB_ARRAY_INDEX" != 0 || sleep 60'
    first = lab.shell(slow_first, **_array(2))
    second = lab.shell("exit 0", **_array(2), **_paired(first))
    lab.reaches(f"{second}:1", "SUCCEEDED")
    assert (lab.status(f"{first}:0"), lab.status(f"{second}:0")) == ("RUNNING", "PENDING")


def test_a_failed_child_fails_only_its_opposite_number(lab: Lab) -> None:
    first = lab.shell(EVEN_ONLY, **_array(4))
    second = lab.shell("exit 0", **_array(4), **_paired(first))
    lab.ends(second)
    jobs = [lab.describe(f"{second}:{n}") for n in range(4)]
    assert [job["status"] for job in jobs] == ["SUCCEEDED", "FAILED"] * 2
    assert jobs[1]["statusReason"] == "Dependent Job failed"


def test_a_chain_of_paired_arrays_behind_a_job_starts_when_that_job_succeeds(lab: Lab) -> None:
    first = lab.shell("sleep 0.2")
    second = lab.shell("exit 0", **_array(3), **_after(first))
    third = lab.shell("exit 0", **_array(3), **_paired(second))
    fourth = lab.shell("exit 0", **_array(3), **_paired(third))
    assert lab.ends(fourth)["status"] == "SUCCEEDED"


def test_a_paired_array_fails_with_one_that_never_spawned(lab: Lab) -> None:
    first = lab.shell("sleep 0.2; exit 1")
    second = lab.shell("exit 0", **_array(3), **_after(first))
    third = lab.shell("exit 0", **_array(3), **_paired(second))
    assert lab.ends(third)["statusReason"] == "Dependent Job failed"
    assert lab.describe(third)["arrayProperties"]["statusSummary"]["FAILED"] == 0


@pytest.mark.parametrize("size", [3, None], ids=["another size", "no array"])
def test_a_pairing_of_unequal_arrays_is_refused(lab: Lab, size: int | None) -> None:
    first = lab.shell("exit 0", **(_array(size) if size else {}))
    with pytest.raises(Refused, match="two arrays of one size"):
        lab.shell("exit 0", **_array(2), **_paired(first))


def test_a_thousand_children_need_no_more_than_four_events_each(make_lab: MakeLab) -> None:
    lab = make_lab(vcpus=8, memory_mib=64_000)
    parent = lab.submit(["true"], **_array(1000))
    assert lab.ends(parent)["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 1000
    assert len(lab.events) == 4 * 1000 + 2


def test_the_largest_array_can_be_listed_and_terminated_as_one(make_lab: MakeLab) -> None:
    lab = make_lab(vcpus=2)
    parent = lab.shell("sleep 60", **_array(10_000))
    wait_until(lambda: lab.describe(parent)["arrayProperties"]["statusSummary"]["RUNNING"] == 2)
    page = lab.call("ListJobs", arrayJobId=parent, jobStatus="RUNNABLE")
    assert (len(page["jobSummaryList"]), page["jobSummaryList"][0]["arrayProperties"]["index"]) == (1000, 2)
    lab.call("TerminateJob", jobId=parent, reason="steprelay: cancelled")
    job = lab.ends(parent)
    assert (job["statusReason"], job["isTerminated"]) == ("steprelay: cancelled", True)
    assert job["arrayProperties"]["statusSummary"]["FAILED"] == 10_000
