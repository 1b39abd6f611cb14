"""The commands beside `run`, each on a folder and a relay of the test's own."""

import json
import re

import pytest

from steprelay.client.relay import Verdict
from steprelay_core.ports import Stored
from steprelay_core.state.model import Failure, GroupKey, Notice, Origin, RunFailure, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.cli.surroundings import Shell
from tests.client.fake_relay import (
    FOREACH,
    RUN,
    START,
    failed_foreach,
    group,
    run_of,
    stored,
    submitted,
    versions,
)

FLOW = """
from steprelay import FlowSpec, batch, step

class One(FlowSpec):
    '''Do one thing.'''

    @step
    def start(self):
        self.next(self.end)

    @batch(cpu=2)
    @step
    def end(self):
        pass
"""
WRONG = FLOW.replace("self.next(self.end)", "self.next(self.ende)").replace("cpu=2", "cpus=2")


def test_check_says_that_a_flow_is_fine(shell: Shell) -> None:
    result = shell("check", shell.write_flow(FLOW))

    assert (result.code, result.out) == (0, "One is fine: 2 steps\n")


def test_check_tells_every_problem_with_file_and_line(shell: Shell) -> None:
    path = shell.write_flow(WRONG)
    result = shell("check", path)

    assert result.code == 2
    # The person's own lines, named from where they are.
    assert "  flow.py:9: " in result.err
    assert "  flow.py:11: " in result.err
    assert "Traceback" not in result.err


def test_one_of_several_flows_is_named_behind_a_colon(shell: Shell) -> None:
    path = shell.write_flow(FLOW + FLOW.replace("One", "Two"))

    assert shell("check", path).code == 2
    assert shell("check", f"{path}:Two").out == "Two is fine: 2 steps\n"


def test_show_tells_the_graph_and_what_each_step_needs(shell: Shell) -> None:
    out = shell("show", shell.write_flow(FLOW)).out

    assert "One: Do one thing." in out
    assert "start  → end" in out
    assert "AWS Batch: cpu 2, memory 4096" in out


MUCH = {
    "queue": ["spot", "on-demand"],
    "gpu": 1,
    "aws_batch_tags": {"Team": "x", "Env": "prod"},
    "host_volumes": ["/data:/mnt/data:ro", "/scratch"],
    "efs_volumes": [
        {"filesystem": "fs-0123abcd", "target": "/e", "root": "/in"},
        {"filesystem": "fs-4567cdef", "target": "/f", "access_point": "fsap-1", "iam": True},
    ],
    "ulimits": {"nofile": [1024, 4096], "nproc": 5},
    "log_options": ["awslogs-group:/a/b:c"],
    "use_tmpfs": True,
}


def test_show_tells_lists_and_mappings_in_words(shell: Shell) -> None:
    steps = {"start": {"command": ["true"], "batch": MUCH, "environment": {"A": "1", "LONG": "x" * 1000}}}
    out = shell("show", shell.write_spec(steps=steps, parameters={})).out

    needs = [line.strip() for line in out.splitlines() if line.startswith("      ")]
    assert set(needs) > {
        "AWS Batch: cpu 1, memory 4096, gpu 1, use_tmpfs yes",
        "queue: spot, then on-demand",
        "aws_batch_tags: Team=x, Env=prod",
        "host_volumes: /data at /mnt/data read-only, /scratch at /scratch",
        "efs_volumes: fs-0123abcd/in at /e, fs-4567cdef at /f by access point fsap-1 with the job's role",
        "ulimits: nofile=1024:4096, nproc=5",
        "log_options: awslogs-group=/a/b:c",
    }
    assert max(len(line) for line in out.splitlines()) < 130


def test_show_tells_the_parameters(shell: Shell) -> None:
    out = shell("show", shell.write_spec()).out

    assert "--alpha  float, default 0.1  learning rate" in out
    assert "--data_set  str, required" in out


def test_compile_writes_the_spec(shell: Shell) -> None:
    result = shell("compile", shell.write_flow(FLOW))

    spec = json.loads(result.out)
    assert (spec["flow"], list(spec["steps"])) == ("One", ["start", "end"])
    assert shell("compile", shell.write_flow(FLOW), "--json").json == [spec]


def test_validate_says_that_a_spec_is_valid(shell: Shell) -> None:
    result = shell("validate", shell.write_spec())

    assert result.code == 0
    assert result.out.endswith("is valid: flow Flow, 3 steps\n")


def test_validate_tells_every_problem_of_a_spec(shell: Shell) -> None:
    steps = {"start": {"command": ["true"], "next": "ned", "batc": {}}, "end": {"command": "true"}}
    result = shell("validate", shell.write_spec(steps=steps))

    assert result.code == 2
    assert "steps.start.batc: unknown key 'batc'" in result.err
    assert "did you mean 'batch'?" in result.err
    assert "steps.end.command" in result.err


@pytest.mark.parametrize("given", ["nowhere.py", "nowhere.json", "."])
def test_a_flow_that_is_not_there_is_said_to_be_missing(shell: Shell, given: str) -> None:
    result = shell("check", str(shell.folder / given))

    assert result.code == 2
    assert "no" in result.err


def test_a_folder_with_a_spec_is_a_flow(shell: Shell) -> None:
    shell.write_spec()

    assert shell("check", str(shell.folder)).code == 0


def test_package_writes_the_archive_where_it_is_told_to(shell: Shell) -> None:
    target = shell.folder / "out" / "p.tar.gz"
    target.parent.mkdir()

    result = shell("package", shell.write_spec(), "-o", str(target), "--json")
    (told,) = result.json
    assert (told["path"], told["size"]) == (str(target), target.stat().st_size)
    assert told["members"][0] == "steprelay.json"


def test_package_is_named_after_the_flow(shell: Shell) -> None:
    result = shell("package", shell.write_spec())

    assert "warning" not in result.err
    assert (shell.folder / "Flow.tar.gz").is_file()


def test_deploy_uploads_and_waits_for_the_relay_to_take_it(shell: Shell) -> None:
    shell.relay.verdicts = [None, Verdict(True)]
    schedule = {"expression": "rate(1 hour)", "timezone": "UTC"}

    result = shell("deploy", shell.write_spec(schedules=[schedule], triggers=[{"event": "new-data"}]))
    assert result.code == 0
    assert shell.relay.uploads[0][0] == "deploy"
    assert "starts rate(1 hour) (UTC)" in result.out
    assert "starts on event 'new-data'" in result.out


def test_deploy_gives_up_on_a_relay_that_reads_nothing(shell: Shell) -> None:
    shell.relay.verdicts = [None]

    result = shell("deploy", shell.write_spec())
    assert result.code == 4
    assert "has not read" in result.err


def test_runs_are_listed_with_status_origin_and_cause(shell: Shell) -> None:
    cause = RunFailure("train.3", 2, Failure("oom", "killed", 137))
    shell.relay.all_runs = [
        run_of(RunStatus.FAILED, id="Flow-b", failure=cause, origin=Origin("schedule")),
        run_of(RunStatus.SUCCEEDED, id="Flow-a"),
    ]

    lines = shell("runs", "list").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["Flow-b", "Flow-a"]
    assert "failed" in lines[1]
    assert "a schedule" in lines[1]
    assert "train.3: oom" in lines[1]


def test_no_more_runs_are_listed_than_asked_for(shell: Shell) -> None:
    shell.relay.all_runs = [run_of(id=f"Flow-{number}") for number in range(5)]

    (listed,) = shell("runs", "list", "--limit", "2", "--json").json
    assert [run["run"] for run in listed] == ["Flow-0", "Flow-1"]


def test_a_run_is_shown_with_steps_failed_attempts_parameters_and_its_end(shell: Shell) -> None:
    state = failed_foreach()
    shell.relay.spec = FOREACH
    shell.relay.states = [
        Stored(run_of(RunStatus.FAILED, parameters={"alpha": 0.3}, failure=state.run.failure), state.groups)
    ]

    result = shell("runs", "show", RUN)
    assert result.code == 0
    assert "parameter   alpha = 0.3" in result.out
    assert "3/4, 1 failed" in result.out
    assert "process.3 attempt 1 failed: program, exit code 1: ValueError: no luck — retrying" in result.out
    assert "process.3 attempt 2 failed: program, exit code 1: ValueError: no luck — giving up" in result.out
    assert "where   process.3, attempt 2" in result.out


def test_a_run_is_shown_as_one_json_object(shell: Shell) -> None:
    shell.relay.spec, shell.relay.states = FOREACH, [failed_foreach()]

    (shown,) = shell("runs", "show", RUN, "--json").json
    assert shown["status"] == "FAILED"
    assert [step["step"] for step in shown["steps"]] == ["start", "process", "join"]
    assert [failure["attempt"] for failure in shown["failed_attempts"]] == [1, 2]
    assert shown["result"]["failure"]["task"] == "process.3"


def test_a_run_is_shown_with_its_jobs_that_do_not_start_and_what_to_do_about_them(shell: Shell) -> None:
    notice = Notice(
        GroupKey("process", (0,)),
        "1-0",
        "config",
        "big",
        START,
        START + 60,
        "no machine is large enough",
        "ask for less",
    )
    waiting = group("process", (0,), submissions=(submitted(Ranges.upto(4)),))
    shell.relay.spec, shell.relay.states = FOREACH, [stored(waiting, run=run_of(notices=(notice,)))]

    out = shell("runs", "show", RUN).out
    assert re.search(r"process \(4 tasks\) waits in queue big since \S+: no machine is large enough", out)
    assert "config: ask for less" in out
    (shown,) = shell("runs", "show", RUN, "--json").json
    assert [(job["task"], job["tasks"], job["queue"]) for job in shown["stuck"]] == [("process", 4, "big")]


def test_a_run_is_shown_with_what_it_cost_and_how_much_of_that_was_wasted(shell: Shell) -> None:
    shell.relay.spec, shell.relay.states = FOREACH, [failed_foreach()]
    took = {"started_at": START, "ended_at": START + 7200.0, "job_id": "job-1:3"}
    shell.relay.outcomes = {(f"process.{member}", 1): took for member in range(4)}
    shell.relay.computes = {"job-1": "fargate"}

    out = shell("runs", "show", RUN).out
    assert "cost, estimated at list prices of us-east-1, 20" in out
    assert re.search(r"process +5 +10\.0 +40\.0 +\$0\.5826 +\$0\.2330 \(2 attempts\) +fargate", out)
    assert "GPU h" not in out

    (shown,) = shell("runs", "show", RUN, "--json").json
    assert [step["step"] for step in shown["cost"]["steps"]] == ["process"]
    assert shown["cost"]["wasted"] == pytest.approx(shown["cost"]["price"] * 2 / 5)


def test_a_run_that_is_shown_and_followed_gives_its_exit_code(shell: Shell) -> None:
    shell.relay.states = versions([stored(), stored(run=run_of(RunStatus.CANCELLED))])

    assert shell("runs", "show", RUN, "-f").code == 3


@pytest.mark.parametrize("command", [("runs", "show"), ("runs", "cancel"), ("logs",)])
def test_a_run_that_is_not_there_is_said_to_be_missing(shell: Shell, command: tuple[str, ...]) -> None:
    shell.relay.states = [None]

    result = shell(*command, "Flow-none")
    assert result.code == 2
    assert "there is no run 'Flow-none'" in result.err


def test_cancel_asks_for_it_and_waits_for_the_end(shell: Shell) -> None:
    shell.relay.states = [stored(), stored(), stored(run=run_of(RunStatus.CANCELLED))]

    result = shell("runs", "cancel", RUN, "--reason", "wrong data")
    assert (result.code, result.out) == (0, f"{RUN} is cancelled\n")
    assert shell.relay.cancelled == [(RUN, "wrong data")]


def test_a_run_that_has_ended_cannot_be_cancelled(shell: Shell) -> None:
    shell.relay.states = [stored(run=run_of(RunStatus.SUCCEEDED))]

    assert shell("runs", "cancel", RUN).code == 2
    assert shell.relay.cancelled == []


def test_the_version_is_told(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell("--version").code == 0
    assert capsys.readouterr().out.startswith("steprelay ")


def test_a_misspelt_command_gets_the_nearest_name(shell: Shell) -> None:
    result = shell("rnus", "list")

    assert result.code == 2
    assert 'Did you mean "runs"?' in result.err
