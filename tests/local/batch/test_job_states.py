"""What happens to one job: its states, its events, its environment, its output."""

import json
import re
import sys
from pathlib import Path

import psutil
import pytest

from tests.local.batch.harness import Lab, wait_until

WHOLE_LIFE = ["RUNNABLE", "STARTING", "RUNNING"]


def test_a_job_that_exits_zero_succeeds_and_every_state_but_submitted_has_an_event(lab: Lab) -> None:
    job_id = lab.shell("exit 0")
    job = lab.ends(job_id)
    assert job["status"] == "SUCCEEDED"
    assert lab.history(job_id) == [*WHOLE_LIFE, "SUCCEEDED"]


def test_a_job_that_exits_with_an_error_fails_with_its_exit_code(lab: Lab) -> None:
    job = lab.ends(lab.shell("exit 7"))
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Essential container in task exited"
    assert job["container"]["exitCode"] == 7
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [7]


def test_a_job_ended_by_a_signal_reports_128_plus_its_number(lab: Lab) -> None:
    assert lab.ends(lab.shell("kill -KILL $$"))["container"]["exitCode"] == 137


def test_an_event_has_the_shape_that_eventbridge_delivers(lab: Lab) -> None:
    job_id = lab.shell("exit 3", tags={"run": "r1"})
    lab.ends(job_id)
    event = lab.event(job_id, "FAILED")
    arn = f"arn:aws:batch:us-east-1:123456789012:job/{job_id}"
    assert (event["source"], event["detail-type"]) == ("aws.batch", "Batch Job State Change")
    assert (event["account"], event["region"], event["version"]) == ("123456789012", "us-east-1", "0")
    assert event["resources"] == [arn]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"])
    detail = event["detail"]
    assert detail["jobArn"] == arn
    assert detail["jobQueue"].endswith(":job-queue/queue")
    assert detail["jobDefinition"].endswith(":job-definition/job:1")
    assert detail["tags"] == {"resourceArn": arn, "run": "r1"}
    assert detail["retryStrategy"] == {"attempts": 1, "evaluateOnExit": []}
    assert detail["platformCapabilities"] == ["EC2"]
    assert detail["createdAt"] <= detail["startedAt"] <= detail["stoppedAt"]
    (attempt,) = detail["attempts"]
    assert attempt["startedAt"] == detail["startedAt"]
    assert attempt["statusReason"] == detail["statusReason"]
    assert attempt["container"]["logStreamName"] == detail["container"]["logStreamName"]
    assert attempt["container"]["taskArn"].startswith("arn:aws:ecs:us-east-1:123456789012:task/")
    assert attempt["container"]["containerInstanceArn"].startswith("arn:aws:ecs:")
    assert json.loads(json.dumps(event)) == event


def test_every_event_has_an_id_of_its_own(lab: Lab) -> None:
    for job_id in [lab.shell("exit 0") for _ in range(3)]:
        lab.ends(job_id)
    ids = [event["id"] for event in lab.events]
    assert len(set(ids)) == len(ids)


def test_a_running_job_has_a_task_and_a_start_but_no_attempt_yet(lab: Lab) -> None:
    job = lab.reaches(lab.shell("sleep 60"), "RUNNING")
    assert job["attempts"] == []
    assert job["startedAt"] >= job["createdAt"]
    assert "taskArn" in job["container"]
    assert "exitCode" not in job["container"]


def test_a_job_sees_the_variables_of_batch_and_its_own_over_the_definitions_and_the_base(lab: Lab) -> None:
    lab.define("env", environment=[{"name": "BASE", "value": "definition"}, {"name": "BOTH", "value": "definition"}])
    overrides = {"environment": [{"name": "BOTH", "value": "job"}]}
    job_id = lab.submit(["env"], jobDefinition="env", containerOverrides=overrides)
    lab.ends(job_id)
    seen = dict(line.split("=", 1) for line in lab.output(job_id) if "=" in line)
    assert (seen["BASE"], seen["BOTH"]) == ("definition", "job")
    assert seen["AWS_BATCH_JOB_ID"] == job_id
    assert (seen["AWS_BATCH_JOB_ATTEMPT"], seen["AWS_BATCH_JQ_NAME"]) == ("1", "queue")
    assert seen["AWS_BATCH_CE_NAME"] == "ce"
    assert "AWS_BATCH_JOB_ARRAY_INDEX" not in seen


def test_nothing_of_the_relays_own_environment_reaches_a_job(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONLY_IN_THE_RELAY", "secret")
    job_id = lab.submit(["env"])
    lab.ends(job_id)
    assert not [line for line in lab.output(job_id) if "ONLY_IN_THE_RELAY" in line]


def test_placeholders_in_the_command_take_the_jobs_parameters_over_the_definitions(lab: Lab) -> None:
    command = ["echo", "Ref::codec", "in=Ref::input", "Ref::unknown"]
    lab.define("ref", command=command, parameters={"codec": "mp4", "input": "default"})
    job_id = lab.submit(jobDefinition="ref", parameters={"input": "given"})
    assert lab.ends(job_id)["parameters"] == {"codec": "mp4", "input": "given"}
    assert lab.output(job_id) == ["mp4 in=given Ref::unknown"]


def test_lines_arrive_while_the_job_runs_from_both_streams_in_its_log_stream(lab: Lab) -> None:
    job_id = lab.shell("echo out; echo err >&2; sleep 60")
    job = lab.reaches(job_id, "RUNNING")
    wait_until(lambda: lab.output(job_id) == ["out", "err"])
    group, stream, at, _ = lab.log[0]
    assert group == "/aws/batch/job"
    assert stream == job["container"]["logStreamName"]
    assert re.fullmatch(r"job/default/[0-9a-f]{32}", stream)
    assert at >= job["createdAt"]


def test_all_lines_arrive_before_the_event_of_the_end_even_the_last_without_a_line_end(lab: Lab) -> None:
    job_id = lab.shell("seq 1 5000; printf last")
    lab.ends(job_id)
    assert lab.output(job_id) == [*map(str, range(1, 5001)), "last"]


def test_the_definitions_awslogs_options_name_group_and_stream(lab: Lab) -> None:
    options = {"awslogs-group": "/mine", "awslogs-stream-prefix": "flow"}
    lab.define("logged", logConfiguration={"logDriver": "awslogs", "options": options})
    job_id = lab.submit(["echo", "hello"], jobDefinition="logged")
    lab.ends(job_id)
    (line,) = lab.log
    assert (line[0], line[1].split("/")[0], line[3]) == ("/mine", "flow", "hello")


def test_each_job_gets_an_empty_directory_of_its_own_that_is_gone_afterwards(lab: Lab) -> None:
    code = "import os; print(os.getcwd(), os.listdir()); open('left', 'w').close(); os.makedirs('a/b')"
    jobs = [lab.python(code) for _ in range(2)]
    for job_id in jobs:
        lab.ends(job_id)
    directories = [lab.output(job_id)[0].removesuffix(" []") for job_id in jobs]
    assert len(set(directories)) == 2
    wait_until(lambda: not any(Path(directory).exists() for directory in directories))


def test_what_a_job_leaves_running_ends_with_it(lab: Lab, tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; p = subprocess.Popen(['sleep', '600'], start_new_session=True,"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); print(p.pid)"
    )
    job_id = lab.python(code)
    lab.ends(job_id)
    pid = int(lab.output(job_id)[0])
    wait_until(lambda: not _runs(pid), "the job's own session to end")


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("command", [["no-such-program"], ["/"], []], ids=["missing", "no program", "empty"])
def test_a_command_that_cannot_be_started_fails_the_job_without_running(lab: Lab, command: list[str]) -> None:
    lab.define("bare", command=[])
    job_id = lab.submit(command or None, jobDefinition="bare")
    job = lab.ends(job_id)
    assert lab.history(job_id) == ["RUNNABLE", "STARTING", "FAILED"]
    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["reason"].startswith("CannotStartContainerError")
    assert "exitCode" not in job["container"]
    assert "logStreamName" not in job["attempts"][0]["container"]


def test_an_attempt_gets_its_log_stream_when_it_runs(lab: Lab) -> None:
    job_id = lab.shell("exit 0")
    lab.ends(job_id)
    assert "logStreamName" not in lab.event(job_id, "STARTING")["detail"]["container"]
    assert "logStreamName" in lab.event(job_id, "RUNNING")["detail"]["container"]


def test_overrides_beyond_8192_characters_are_accepted_and_fail_the_job_later(lab: Lab) -> None:
    job_id = lab.submit(["echo", "x" * 8192], retryStrategy={"attempts": 3})
    job = lab.ends(job_id)
    assert (job["status"], len(job["attempts"])) == ("FAILED", 1)
    assert job["statusReason"] == "Container Overrides length must be at most 8192"


def test_more_than_fifty_propagated_tags_fail_the_job(lab: Lab) -> None:
    lab.define("tagged", tags={f"d{n}": "" for n in range(30)}, propagateTags=True)
    job_id = lab.submit(jobDefinition="tagged", tags={f"j{n}": "" for n in range(30)})
    assert lab.ends(job_id)["status"] == "FAILED"
    assert lab.ends(lab.submit(jobDefinition="tagged", tags={"one": ""}))["status"] == "SUCCEEDED"
    unpropagated = lab.submit(jobDefinition="tagged", tags={f"j{n}": "" for n in range(30)}, propagateTags=False)
    assert lab.ends(unpropagated)["status"] == "SUCCEEDED"


def test_a_fargate_job_has_no_container_instance(lab: Lab) -> None:
    role = "arn:aws:iam::123456789012:role/execution"
    resources = [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}]
    lab.define("f", platformCapabilities=["FARGATE"], executionRoleArn=role, resourceRequirements=resources)
    job = lab.ends(lab.submit([sys.executable, "-c", ""], jobDefinition="f"))
    assert (job["status"], job["platformCapabilities"]) == ("SUCCEEDED", ["FARGATE"])
    assert "containerInstanceArn" not in job["attempts"][0]["container"]
