"""Multi-node parallel jobs as they run: together, until their main node ends."""

from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from tests.local.batch.conftest import MakeLab
from tests.local.batch.harness import Document, Lab, Refused, wait_until

MAIN = 'test "$AWS_BATCH_JOB_NODE_INDEX" = "$AWS_BATCH_JOB_MAIN_NODE_INDEX"'
# The others go on until they are stopped.
OTHERS_STAY = f"{MAIN} || exec sleep 60; "


def _meet(folder: Path, nodes: int = 3) -> str:
    """A line of shell: go on once all nodes of this attempt are here."""
    own, count = "$AWS_BATCH_JOB_ATTEMPT-$AWS_BATCH_JOB_NODE_INDEX", "grep -c ^$AWS_BATCH_JOB_ATTEMPT-"
    return (
        f"mkdir -p {folder}/met; touch {folder}/met/{own};"
        f" until test $(ls {folder}/met | {count}) = {nodes}; do sleep 0.01; done; "
    )


def _await(file: Path) -> str:
    return f"until test -e {file}; do sleep 0.01; done; "


def _statuses(lab: Lab, job_id: str, nodes: int = 3) -> list[str]:
    return [lab.status(f"{job_id}#{node}") for node in range(nodes)]


def _nodes_end(lab: Lab, job_id: str, nodes: int = 3) -> list[Document]:
    wait_until(lambda: set(_statuses(lab, job_id, nodes)) <= {"SUCCEEDED", "FAILED"}, "all nodes end")
    return [lab.describe(f"{job_id}#{node}") for node in range(nodes)]


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    lab = make_lab()
    lab.define_nodes("nodes")
    return lab


def _variables(lab: Lab, job_id: str, node: int) -> dict[str, str]:
    lines = [line for line in lab.output(f"{job_id}#{node}") if line.startswith("AWS_BATCH_JOB")]
    return dict(line.removeprefix("AWS_BATCH_JOB_").split("=", 1) for line in lines)


def test_every_node_knows_its_index_and_all_but_the_main_one_the_main_ones_address(lab: Lab, tmp_path: Path) -> None:
    lab.define_nodes("nodes", main=1)
    job_id = lab.submit_nodes(f"env; {_meet(tmp_path)} {OTHERS_STAY}")
    lab.ends(job_id)
    _nodes_end(lab, job_id)
    common = {"ATTEMPT": "1", "NUM_NODES": "3", "MAIN_NODE_INDEX": "1"}
    address = {"MAIN_NODE_PRIVATE_IPV4_ADDRESS": "127.0.0.1"}
    assert _variables(lab, job_id, 0) == {**common, "ID": f"{job_id}#0", "NODE_INDEX": "0", **address}
    assert _variables(lab, job_id, 1) == {**common, "ID": f"{job_id}#1", "NODE_INDEX": "1"}
    assert _variables(lab, job_id, 2) == {**common, "ID": f"{job_id}#2", "NODE_INDEX": "2", **address}


def test_every_node_the_main_one_too_is_told_to_meet_at_this_machines_own_address(lab: Lab, tmp_path: Path) -> None:
    job_id = lab.submit_nodes(f"echo $STEPRELAY_LOCAL_ADDRESS; {_meet(tmp_path)} {OTHERS_STAY}")
    lab.ends(job_id)
    assert [lab.output(node["jobId"]) for node in _nodes_end(lab, job_id)] == [["127.0.0.1"]] * 3


def test_all_nodes_run_at_the_same_time(lab: Lab, tmp_path: Path) -> None:
    assert lab.ends(lab.submit_nodes(_meet(tmp_path)))["status"] == "SUCCEEDED"


def test_the_job_ends_as_its_main_node_ends_and_the_others_are_told_to_stop(lab: Lab, tmp_path: Path) -> None:
    stay = f"trap 'echo told; exit 0' TERM; {_meet(tmp_path)} while :; do sleep 0.05; done"
    job_id = lab.submit_nodes(f"{MAIN} || {{ {stay}; }}; {_meet(tmp_path)} exit 3")
    job = lab.ends(job_id)
    assert (job["status"], job["statusReason"]) == ("FAILED", "Essential container in task exited")
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [3]
    nodes = _nodes_end(lab, job_id)
    assert [node["status"] for node in nodes] == ["FAILED", "SUCCEEDED", "SUCCEEDED"]
    assert [lab.output(node["jobId"]) for node in nodes[1:]] == [["told"]] * 2


def test_a_node_that_does_not_stop_with_the_main_one_is_killed_after_the_grace(
    make_lab: MakeLab, tmp_path: Path
) -> None:
    lab = make_lab(stop_grace_seconds=0.2)
    lab.define_nodes("nodes")
    deaf = f"trap '' TERM; {_meet(tmp_path)} while :; do sleep 0.05; done"
    job_id = lab.submit_nodes(f"{MAIN} || {{ {deaf}; }}; {_meet(tmp_path)}")
    assert lab.ends(job_id)["status"] == "SUCCEEDED"
    nodes = _nodes_end(lab, job_id)
    assert [node["container"]["exitCode"] for node in nodes] == [0, 137, 137]
    assert nodes[1]["statusReason"] == "Stopped, as the main node has ended"


def test_a_node_that_fails_ends_nobody_else(lab: Lab, tmp_path: Path) -> None:
    go_on = _await(tmp_path / "go-on")
    job_id = lab.submit_nodes(f'test "$AWS_BATCH_JOB_NODE_INDEX" = 2 && exit 9; {go_on}')
    lab.reaches(f"{job_id}#2", "FAILED")
    (tmp_path / "go-on").touch()
    assert lab.ends(job_id)["status"] == "SUCCEEDED"
    assert lab.describe(f"{job_id}#2")["container"]["exitCode"] == 9


def test_a_main_node_that_fails_is_tried_again_with_all_the_others(lab: Lab, tmp_path: Path) -> None:
    say = f'echo "attempt $AWS_BATCH_JOB_ATTEMPT"; {_meet(tmp_path)}'
    script = f'{say} {OTHERS_STAY} test "$AWS_BATCH_JOB_ATTEMPT" = 2'
    job_id = lab.submit_nodes(script, retryStrategy={"attempts": 3})
    job = lab.ends(job_id)
    assert lab.history(job_id) == [*["RUNNABLE", "STARTING", "RUNNING"] * 2, "SUCCEEDED"]
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [1, 0]
    for node in _nodes_end(lab, job_id):
        assert (len(node["attempts"]), lab.output(node["jobId"])) == (2, ["attempt 1", "attempt 2"])


def test_a_timeout_is_one_of_the_whole_job_and_never_tried_again(make_lab: MakeLab) -> None:
    lab = make_lab(time_scale=0.005)
    lab.define_nodes("nodes")
    limits: Document = {"timeout": {"attemptDurationSeconds": 60}, "retryStrategy": {"attempts": 3}}
    job = lab.ends(lab.submit_nodes("exec sleep 60", **limits))
    assert (job["status"], job["statusReason"]) == ("FAILED", "Job attempt duration exceeded timeout")
    assert len(job["attempts"]) == 1
    assert {node["status"] for node in _nodes_end(lab, job["jobId"])} == {"FAILED"}


def test_terminating_the_job_stops_every_node(lab: Lab) -> None:
    job_id = lab.submit_nodes("exec sleep 60", retryStrategy={"attempts": 3})
    lab.reaches(job_id, "RUNNING")
    lab.call("TerminateJob", jobId=job_id, reason="enough")
    job = lab.ends(job_id)
    assert (job["status"], job["statusReason"], job["isTerminated"]) == ("FAILED", "enough", True)
    nodes = _nodes_end(lab, job_id)
    assert [(node["status"], node["container"]["exitCode"]) for node in nodes] == [("FAILED", 143)] * 3
    assert len(job["attempts"]) == 1


@pytest.mark.parametrize("operation", ["TerminateJob", "CancelJob"])
def test_a_node_is_not_stopped_by_itself(lab: Lab, operation: str) -> None:
    job_id = lab.submit_nodes("exec sleep 60")
    with pytest.raises(Refused, match=f"is a node, and ends with its job: stop {job_id}"):
        lab.call(operation, jobId=f"{job_id}#1", reason="enough")


def test_no_node_starts_before_there_is_room_for_all(lab: Lab) -> None:
    small = lab.shell("exec sleep 60", containerOverrides=lab.needing(2, 100))
    lab.reaches(small, "RUNNING")
    job_id = lab.submit_nodes("exit 0")
    lab.reaches(job_id, "RUNNABLE")
    assert _statuses(lab, job_id) == ["RUNNABLE"] * 3
    lab.call("TerminateJob", jobId=small, reason="make room")
    assert lab.ends(job_id)["status"] == "SUCCEEDED"
    order = [(event["detail"]["jobId"], event["detail"]["status"]) for event in lab.events]
    assert order.index((small, "FAILED")) < order.index((job_id, "STARTING"))


def test_a_job_with_more_nodes_than_the_machine_has_room_for_runs_alone(lab: Lab) -> None:
    lab.define_nodes("nodes", nodes=9)
    job_id = lab.submit_nodes("exit 0")
    after = lab.shell("exit 0")
    assert lab.ends(job_id)["status"] == "SUCCEEDED"
    lab.ends(after)
    assert "asks for 9 vCPU and 2304 MiB" in lab.output(f"{job_id}#0")[0]
    _nodes_end(lab, job_id, 9)
    order = [(event["detail"]["jobId"], event["detail"]["status"]) for event in lab.events]
    assert order.index((job_id, "SUCCEEDED")) < order.index((after, "STARTING"))


def test_a_waiting_job_is_cancelled_with_its_nodes(lab: Lab) -> None:
    lab.reaches(lab.shell("exec sleep 60", containerOverrides=lab.needing(4, 100)), "RUNNING")
    job_id = lab.submit_nodes("exit 0")
    lab.reaches(job_id, "RUNNABLE")
    lab.call("CancelJob", jobId=job_id, reason="enough")
    assert (lab.ends(job_id)["statusReason"], _statuses(lab, job_id)) == ("enough", ["FAILED"] * 3)


def test_a_main_node_that_cannot_start_starts_no_other(lab: Lab) -> None:
    lab.define_nodes("broken", {"targetNodes": "0:"}, {"targetNodes": "0:0", "command": ["/nowhere"]})
    answer = lab.call("SubmitJob", jobName="a-job", jobQueue="queue", jobDefinition="broken")
    job = lab.ends(answer["jobId"])
    assert (job["status"], job["statusReason"]) == ("FAILED", "Task failed to start")
    assert [len(node["attempts"]) for node in _nodes_end(lab, job["jobId"])] == [1, 0, 0]


def test_another_node_that_cannot_start_ends_nobody_else(lab: Lab) -> None:
    lab.define_nodes("broken", {"targetNodes": "0:"}, {"targetNodes": "2:2", "command": ["/nowhere"]})
    answer = lab.call("SubmitJob", jobName="a-job", jobQueue="queue", jobDefinition="broken")
    assert lab.ends(answer["jobId"])["status"] == "SUCCEEDED"
    assert lab.describe(f"{answer['jobId']}#2")["statusReason"] == "Task failed to start"


def test_a_dependent_waits_for_the_job_as_a_whole(lab: Lab, tmp_path: Path) -> None:
    first = lab.submit_nodes(f"{OTHERS_STAY} {_await(tmp_path / 'go-on')}")
    second = lab.submit_nodes("exit 0", dependsOn=[{"jobId": first}])
    lab.reaches(second, "PENDING")
    (tmp_path / "go-on").touch()
    assert lab.ends(second)["status"] == "SUCCEEDED"
    with pytest.raises(Refused, match="which does not exist"):
        lab.shell("exit 0", dependsOn=[{"jobId": f"{first}#1"}])


def _problems(document: Document) -> str:
    model: Any = ServiceModel(Loader().load_service_model("batch", "service-2"), "batch")
    return str(ParamValidator().validate(document, model.shape_for("JobDetail")).generate_report())


def test_the_job_and_its_nodes_are_described_in_the_shapes_of_the_api(lab: Lab) -> None:
    job_id = lab.submit_nodes(OTHERS_STAY, tags={"run": "r1"})
    job = lab.ends(job_id)
    assert "container" not in job
    assert (job["nodeProperties"]["numNodes"], job["nodeProperties"]["mainNode"]) == (3, 0)
    assert job["nodeProperties"]["nodeRangeProperties"][0]["targetNodes"] == "0:"
    assert "nodeDetails" not in job
    nodes = _nodes_end(lab, job_id)
    assert [node["nodeDetails"] for node in nodes] == [
        {"nodeIndex": index, "isMainNode": index == 0} for index in range(3)
    ]
    assert job["attempts"] == nodes[0]["attempts"]
    assert nodes[1]["jobArn"] == f"{job['jobArn']}#1"
    assert "nodeProperties" not in nodes[1]
    assert [_problems(each) for each in (job, *nodes)] == [""] * 4


def test_events_tell_of_the_job_and_never_of_a_node(lab: Lab) -> None:
    job_id = lab.submit_nodes("exit 0", parameters={"run": "r1"})
    lab.ends(job_id)
    _nodes_end(lab, job_id)
    assert {event["detail"]["jobId"] for event in lab.events} == {job_id}
    assert lab.history(job_id) == ["RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    detail = lab.event(job_id, "SUCCEEDED")["detail"]
    assert (detail["parameters"], detail["nodeProperties"]["numNodes"]) == ({"run": "r1"}, 3)
    assert detail["attempts"][0]["container"]["exitCode"] == 0
    assert "container" not in detail
    assert _problems({key: value for key, value in detail.items() if key != "tags"}) == ""


def test_the_nodes_of_a_job_are_listed_by_their_state(lab: Lab) -> None:
    job_id = lab.submit_nodes("exec sleep 60")
    lab.reaches(job_id, "RUNNING")
    listed = lab.call("ListJobs", multiNodeJobId=job_id)["jobSummaryList"]
    assert [each["jobId"] for each in listed] == [f"{job_id}#{node}" for node in range(3)]
    assert [each["nodeProperties"] for each in listed] == [
        {"isMainNode": node == 0, "numNodes": 3, "nodeIndex": node} for node in range(3)
    ]
    assert lab.call("ListJobs", multiNodeJobId=job_id, jobStatus="FAILED")["jobSummaryList"] == []
    (whole,) = lab.call("ListJobs", jobQueue="queue")["jobSummaryList"]
    assert (whole["jobId"], whole["nodeProperties"]) == (job_id, {"numNodes": 3})


def test_each_node_has_the_innermost_range_that_holds_it_and_the_same_of_overrides(lab: Lab, tmp_path: Path) -> None:
    say = ["sh", "-c", f"echo $WHO $MORE; {_meet(tmp_path, 4)}"]
    outer = {"targetNodes": "0:", "command": say, "environment": [{"name": "WHO", "value": "outer"}]}
    inner = {"targetNodes": "1:2", "command": say, "environment": [{"name": "WHO", "value": "inner"}]}
    lab.define_nodes("ranges", inner, outer, nodes=4)
    overrides = [
        {"targetNodes": ":", "containerOverrides": {"environment": [{"name": "MORE", "value": "all"}]}},
        {"targetNodes": "2:2", "containerOverrides": {"environment": [{"name": "MORE", "value": "one"}]}},
    ]
    answer = lab.call(
        "SubmitJob",
        jobName="a-job",
        jobQueue="queue",
        jobDefinition="ranges",
        nodeOverrides={"nodePropertyOverrides": overrides},
    )
    lab.ends(answer["jobId"])
    _nodes_end(lab, answer["jobId"], 4)
    said = [lab.output(f"{answer['jobId']}#{node}") for node in range(4)]
    assert said == [["outer all"], ["inner all"], ["inner one"], ["outer all"]]


def test_a_submission_may_change_the_number_of_nodes_where_a_range_is_open(lab: Lab) -> None:
    job_id = lab.submit_nodes("echo $AWS_BATCH_JOB_NUM_NODES", nodeOverrides={"numNodes": 2})
    job = lab.ends(job_id)
    assert job["nodeProperties"]["numNodes"] == 2
    assert lab.output(f"{job_id}#0") == ["2"]
    assert not lab.exists(f"{job_id}#2")


def test_stopping_the_local_batch_ends_all_nodes(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab()
    lab.define_nodes("nodes")
    job_id = lab.submit_nodes("echo $$; exec sleep 600")
    wait_until(lambda: all(lab.output(f"{job_id}#{node}") for node in range(3)))
    pids = [int(lab.output(f"{job_id}#{node}")[0]) for node in range(3)]
    lab.batch.stop()
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert list((tmp_path / "batch-0" / "jobs").iterdir()) == []


def test_a_job_is_forgotten_with_its_nodes(make_lab: MakeLab) -> None:
    now = [1_000_000.0]
    lab = make_lab(clock=lambda: now[0], retention_seconds=60)
    lab.define_nodes("nodes")
    job_id = lab.submit_nodes("exit 0")
    lab.ends(job_id)
    _nodes_end(lab, job_id)
    now[0] += 61
    lab.ends(lab.shell("exit 0"))
    wait_until(lambda: not lab.exists(job_id))
    assert not [node for node in range(3) if lab.exists(f"{job_id}#{node}")]
