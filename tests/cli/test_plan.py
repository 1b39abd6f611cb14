"""`plan` from the command line, on flows of the test's own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.surroundings import Shell
from tests.plan.validation import request_faults

FLOW = """
from steprelay import FlowSpec, batch, retry, step, timeout

class Planned(FlowSpec):
    @step
    def start(self):
        self.shards = [1, 2]
        self.next(self.process, foreach="shards")

    @retry(times=3)
    @timeout(hours=2)
    @batch(cpu=4, memory=16384)
    @step
    def process(self):
        self.next(self.end)

    @step
    def end(self, inputs):
        pass

if __name__ == "__main__":
    Planned()
"""


def planned(shell: Shell, *options: str, **given: Any) -> dict[str, Any]:
    """The plan as JSON."""
    result = shell("plan", shell.write_flow(FLOW), "--json", *options, **given)
    assert result.code == 0, result.out
    (told,) = result.json
    return dict(told)


def sizes(step: dict[str, Any]) -> dict[str, str]:
    asked = step["submit_job"]["containerOverrides"]["resourceRequirements"]
    return {one["type"]: one["value"] for one in asked}


def test_a_plan_is_one_json_object_of_the_requests_and_where_their_values_came_from(shell: Shell) -> None:
    told = planned(shell)

    assert list(told["steps"]) == ["process"]
    assert list(told["steps"]["process"]) == ["register_job_definition", "submit_job", "provenance"]
    assert sizes(told["steps"]["process"]) == {"VCPU": "4", "MEMORY": "16384"}
    assert told["steps"]["process"]["provenance"]["cpu"] == "@batch (flow.py:12)"
    assert told["steps"]["process"]["provenance"]["queue"] == "the relay's default"
    assert told["light_steps"] == ["start", "end"]


@pytest.mark.parametrize("platform", ["ec2", "fargate"])
def test_planned_requests_pass_the_validation_of_aws(shell: Shell, platform: str) -> None:
    assert request_faults(planned(shell, "--platform", platform)["steps"]) == []


def test_the_override_of_the_reference_page_works_as_it_is_written_there(shell: Shell) -> None:
    step = planned(shell, "--with", "batch:cpu=8,memory=32768,gpu=1")["steps"]["process"]

    assert sizes(step) == {"VCPU": "8", "MEMORY": "32768", "GPU": "1"}
    assert step["provenance"]["gpu"] == "--with batch:cpu=8,memory=32768,gpu=1"


def test_several_overrides_add_up_and_the_later_ones_win(shell: Shell) -> None:
    options = ("--with", "batch:cpu=8,gpu=1", "--with", "process/batch:cpu=16", "--with", "timeout:hours=3")
    step = planned(shell, *options)["steps"]["process"]

    assert sizes(step) == {"VCPU": "16", "MEMORY": "16384", "GPU": "1"}
    assert step["submit_job"]["timeout"]["attemptDurationSeconds"] >= 3 * 3600


def test_how_long_jobs_may_wait_is_told_beside_how_long_they_may_run(shell: Shell) -> None:
    out = shell("plan", shell.write_flow(FLOW), "--with", "process/timeout:queue_minutes=30").out
    assert "1800 s in the queue" in out


def test_light_steps_become_batch_steps_where_the_command_line_says_so(shell: Shell) -> None:
    assert list(planned(shell, "--with", "batch")["steps"]) == ["start", "process", "end"]


def test_the_environment_and_pyproject_are_taken_into_a_plan(shell: Shell) -> None:
    (shell.folder / "pyproject.toml").write_text('[tool.steprelay]\nbatch_default_tags = { Team = "x" }\n')
    step = planned(shell, env={"STEPRELAY_BATCH_JOB_QUEUE": "mine"})["steps"]["process"]

    assert step["submit_job"]["jobQueue"] == "mine"
    assert step["provenance"]["queue"] == "environment STEPRELAY_BATCH_JOB_QUEUE"
    assert step["submit_job"]["tags"]["Team"] == "x"
    assert step["provenance"]["aws_batch_tags.Team"] == "pyproject.toml [tool.steprelay]"


def test_a_hand_written_spec_is_planned_with_the_same_options(shell: Shell) -> None:
    shell.write_spec()
    (told,) = shell("plan", str(shell.folder), "--json", "--with", "train/batch:cpu=2").json

    assert sizes(told["steps"]["train"]) == {"VCPU": "2", "MEMORY": "4096"}
    assert told["steps"]["train"]["provenance"]["cpu"] == "--with train/batch:cpu=2"


WRONG = FLOW.replace("cpu=4, memory=16384", "cpu=3, memory=1000, privileged=True")


def test_a_platform_that_cannot_do_it_names_every_problem_with_a_hint(shell: Shell) -> None:
    result = shell("plan", shell.write_flow(WRONG), "--platform", "fargate", "--with", "end/batch:gpu=1")

    assert result.code == 2
    assert "error: Planned has 3 problems on Fargate" in result.err
    for place in ("steps.process.batch.cpu", "steps.process.batch.privileged", "steps.end.batch.gpu"):
        assert f"  {place}: " in result.err
    assert result.out == ""


def test_problems_on_a_platform_are_json_with_step_path_and_hint(shell: Shell) -> None:
    (error,) = shell("plan", shell.write_flow(WRONG), "--platform", "fargate", "--json").json

    assert (error["kind"], error["exit_code"]) == ("error", 2)
    assert {(fault["step"], fault["where"]) for fault in error["faults"]} == {
        ("process", "steps.process.batch.cpu"),
        ("process", "steps.process.batch.privileged"),
    }
    assert all(fault["hint"] for fault in error["faults"])


def test_sizes_are_rounded_up_to_what_the_platform_has_where_asked_to(shell: Shell) -> None:
    options = ("--platform", "fargate", "--round-up", "--with", "batch:cpu=3,memory=9000")
    result = shell("plan", shell.write_flow(FLOW), *options)

    assert result.code == 0, result.err
    assert "4 (asked for 3)" in result.out
    assert "9216 (asked for 9000)" in result.out


def test_a_plan_for_people_says_how_tasks_go_where_values_come_from_and_what_is_asked(shell: Shell) -> None:
    result = shell("plan", shell.write_flow(FLOW))

    lines = result.out.splitlines()
    assert lines[0] == "Planned on EC2"
    assert "process: one array job, of as many tasks as shards has items" in lines
    (cpu,) = (line for line in lines if line.startswith("  cpu "))
    assert cpu.split(maxsplit=2) == ["cpu", "4", "@batch (flow.py:12)"]
    (timeout,) = (line for line in lines if line.startswith("  timeout "))
    assert "7200 s an attempt" in timeout
    assert '      "jobQueue": "the-relays-job-queue",' in lines
    assert (
        '        "resourceRequirements": [{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "16384"}]'
        in lines
    )
    assert lines[-2] == "light steps, which ask nothing of AWS Batch: start, end"


def test_the_bootstrap_does_not_bury_a_plan_for_people(shell: Shell) -> None:
    out = shell("plan", shell.write_flow(FLOW)).out

    assert max(len(line) for line in out.splitlines()) < 200
    assert " characters)" in out


def test_a_flow_without_batch_is_told_how_to_get_it(shell: Shell) -> None:
    result = shell(
        "plan", shell.write_flow(FLOW.replace("    @batch(cpu=4, memory=16384)\n", "").replace("2)", "0.1)"))
    )

    assert result.code == 0, result.err
    assert "no step has @batch; `--with batch` gives it to all of them" in result.out


def test_an_unknown_platform_is_told_what_there_is(shell: Shell) -> None:
    result = shell("plan", shell.write_flow(FLOW), "--platform", "fargat")

    assert result.code == 2
    assert "fargate" in result.err


def test_a_plan_hints_at_good_practice_on_stderr(shell: Shell) -> None:
    options = ("--with", "timeout:minutes=30", "--with", "process/batch:tmpfs_size=20000")
    result = shell("plan", shell.write_flow(FLOW), "--json", *options)

    assert result.code == 0
    assert "hint: flow.py:11: step 'process': --with adds to the time of @timeout, which makes 9000 s" in result.err
    assert "hint: flow.py:12: step 'process': tmpfs_size is above memory" in result.err
    assert len(result.json) == 1


TO_BATCH = ("--with", "batch:cpu=8,memory=16384", "--with", "timeout:hours=2", "--with", "retry")


def test_a_real_process_plans_without_aws_relay_or_configuration(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(FLOW)
    known = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPRELAY_"))}
    # A proxy that nobody listens at: whatever went to the network would fail.
    nowhere = {"HOME": str(tmp_path), "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    for platform in ("ec2", "fargate"):
        result = subprocess.run(
            [sys.executable, "flow.py", "plan", "--platform", platform, *TO_BATCH, "--json"],
            cwd=tmp_path, env=known | nowhere, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (result.returncode, result.stderr) == (0, "")
        steps = json.loads(result.stdout)["steps"]
        assert list(steps) == ["start", "process", "end"]
        assert request_faults(steps) == []
