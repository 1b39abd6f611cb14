"""The command line on a real local relay: a few runs from the shell to the container and back."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from steprelay.cli.relays import ConfiguredRelays
from steprelay.client.follow import Rejected, follow
from steprelay.local.record import RelayInfo
from tests.cli.waiting import until

STEPRELAY = [sys.executable, "-c", "from steprelay.cli.app import main; main()"]
FLOW = """
import time
from steprelay import FlowSpec, Parameter, batch, current, retry, step

class {name}(FlowSpec):
    seconds = Parameter("seconds", default=0.0)
    fail = Parameter("fail", default=False)

    @step
    def start(self):
        print("starting")
        self.items = [1, 2]
        self.next(self.work, foreach="items")

    @retry(times=1, minutes_between_retries=0)
    @batch(memory=256)
    @step
    def work(self):
        print("item", self.input, flush=True)
        if current.retry_count == 0 and self.input == 2:
            raise ValueError("not the first time")
        time.sleep(self.seconds)
        self.square = self.input ** 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(one.square for one in inputs)
        self.next(self.end)

    @step
    def end(self):
        if self.fail:
            raise RuntimeError("as asked for")

if __name__ == "__main__":
    {name}()
"""


def write_flow(project: Path, name: str) -> str:
    """Each test has a folder of its own below the relay's, as a package holds its flow's folder."""
    folder = project / name
    folder.mkdir(exist_ok=True)
    (folder / "flow.py").write_text(FLOW.format(name=name))
    return f"{name}/flow.py"


def command(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "STEPRELAY_STACK"}
    return subprocess.run(
        arguments, cwd=project, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_flow_runs_from_its_own_command_line_to_its_artifacts(relay: RelayInfo, relay_project: Path) -> None:
    flow = write_flow(relay_project, "WholeFlow")

    result = command(relay_project, sys.executable, flow, "run", "--on", "local")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "start | starting" in result.stdout
    assert "work.0 | item 1" in result.stdout
    assert "work.1 attempt 1 failed: program, exit code 1: ValueError: not the first time — retrying" in result.stdout
    assert re.search(r"total +int +5$", result.stdout, re.MULTILINE)


def test_a_run_that_failed_is_found_again_with_its_cause_and_its_logs(relay: RelayInfo, relay_project: Path) -> None:
    flow = write_flow(relay_project, "FailingFlow")

    result = command(relay_project, *STEPRELAY, "run", flow, "--fail", "--on", "local", "--json")
    assert result.returncode == 1, result.stdout + result.stderr
    end = json.loads(result.stdout.splitlines()[-1])
    assert (end["status"], end["failure"]["task"]) == ("FAILED", "end")

    run = end["run"]
    listed = json.loads(command(relay_project, *STEPRELAY, "runs", "list", "--json").stdout)
    assert run in [one["run"] for one in listed]
    shown = command(relay_project, *STEPRELAY, "runs", "show", run).stdout
    assert "parameter   fail = True" in shown
    assert "reason  RuntimeError: as asked for" in shown
    logs = command(relay_project, *STEPRELAY, "logs", run, "work").stdout
    assert {"work.0 | item 1", "work.1 | item 2", "work.1 (attempt 2) | item 2"} <= set(logs.splitlines())


def test_a_run_goes_on_after_ctrl_c_until_it_is_cancelled(relay: RelayInfo, relay_project: Path) -> None:
    flow = write_flow(relay_project, "LongFlow")
    output = relay_project / "long.txt"
    with output.open("w") as out:
        started = subprocess.Popen(
            [*STEPRELAY, "run", flow, "--seconds", "60", "--on", "local", "--json"],
            cwd=relay_project, stdout=out, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    with started:
        until(lambda: "item 1" in output.read_text(), "the first item is at work")
        started.send_signal(signal.SIGINT)
        _, said = started.communicate(timeout=60)
    run = json.loads(output.read_text().splitlines()[-1])["run"]
    assert started.returncode == 130
    assert f"steprelay runs show {run} -f" in said

    shown = command(relay_project, *STEPRELAY, "runs", "show", run, "--json").stdout
    assert json.loads(shown)["status"] == "RUNNING"
    cancelled = command(relay_project, *STEPRELAY, "runs", "cancel", run)
    assert (cancelled.returncode, cancelled.stdout) == (0, f"{run} is cancelled\n"), cancelled.stderr
    assert command(relay_project, *STEPRELAY, "runs", "show", run, "-f").returncode == 3


def test_what_the_relay_rejects_is_told_with_its_problems(relay: RelayInfo, relay_project: Path) -> None:
    connection = ConfiguredRelays({}, relay_project).connect("local", None, print)
    (relay_project / "broken.tar.gz").write_bytes(b"no archive")

    upload = connection.client.upload("run", "Broken", relay_project / "broken.tar.gz", {})
    with pytest.raises(Rejected) as rejected:
        list(follow(connection.client, upload.run, connection.pace, upload))
    assert "gzip" in str(rejected.value.problems)


def test_deploy_waits_until_the_relay_has_taken_the_flow(relay: RelayInfo, relay_project: Path) -> None:
    flow = write_flow(relay_project, "DeployedFlow")

    result = command(relay_project, *STEPRELAY, "deploy", flow, "--on", "local")
    assert result.returncode == 0, result.stderr
    connection = ConfiguredRelays({}, relay_project).connect("local", None, print)
    assert connection.client.deployment("DeployedFlow") is not None
