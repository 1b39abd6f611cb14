"""`--with`, `--round-up` and the configuration, in every command that reads a flow."""

import json
from pathlib import Path
from typing import Any

import pytest

from steprelay.cli.errors import Report, explain
from steprelay.cli.relays import ConfiguredRelays
from steprelay.client.relay import Verdict
from steprelay.package import read_package
from steprelay_core.state.model import RunStatus
from tests.cli.surroundings import Result, Shell
from tests.cli.test_plan import FLOW
from tests.client.fake_relay import run_of, stored, versions

OVERRIDE = ("--with", "batch:cpu=8,memory=32768,gpu=1")


def batch_of(shell: Shell, *options: str, env: dict[str, str] | None = None, step: str = "process") -> Any:
    """The step's `batch` in the spec that `compile` writes."""
    result = shell("compile", shell.write_flow(FLOW), *options, env=env)
    assert result.code == 0, result.err
    return json.loads(result.out)["steps"][step].get("batch")


def run(shell: Shell, *options: str, **given: Any) -> Result:
    shell.relay.states = versions([stored(run=run_of(RunStatus.SUCCEEDED))])
    return shell("run", *options, **given)


def test_what_is_asked_for_on_the_command_line_is_in_the_package_that_runs(shell: Shell) -> None:
    result = run(shell, shell.write_flow(FLOW), *OVERRIDE, "--with", "retry:times=4")

    assert result.code == 0, result.err
    batch, retry = (getattr(packed_step(shell, "process"), name) for name in ("batch", "retry"))
    assert (batch.cpu, batch.memory, batch.gpu, retry.times) == (8, 32768, 1, 4)


def packed_step(shell: Shell, step: str) -> Any:
    """A step of the only package that was uploaded."""
    ((_, _, package, _),) = shell.relay.uploads
    return read_package(package).flow.step(step)


def test_a_hand_written_spec_is_packed_with_what_was_asked_for_and_without_a_warning(shell: Shell) -> None:
    result = run(shell, shell.write_spec(), "--data_set", "d", "--with", "train/batch:cpu=2")

    assert packed_step(shell, "train").batch.cpu == 2
    assert "warning" not in result.err


def test_a_hand_written_spec_is_packed_as_it_is_where_nothing_is_asked_for(shell: Shell) -> None:
    path = shell.write_spec()
    run(shell, path, "--data_set", "d")

    assert packed_step(shell, "train").batch.cpu == 1


def test_deploy_and_package_take_the_same_options(shell: Shell) -> None:
    from steprelay.client.relay import Verdict

    shell.relay.verdicts = [Verdict(True)]
    path = shell.write_flow(FLOW)
    assert shell("deploy", path, *OVERRIDE).code == 0
    assert packed_step(shell, "process").batch.gpu == 1

    target = shell.folder.parent / "p.tar.gz"
    assert shell("package", path, *OVERRIDE, "-o", str(target)).code == 0
    assert read_package(target).flow.step("process").batch.gpu == 1  # type: ignore[union-attr]


def test_show_shows_the_flow_with_what_was_asked_for(shell: Shell) -> None:
    out = shell("show", shell.write_flow(FLOW), *OVERRIDE).out

    assert "AWS Batch: cpu 8, memory 32768, gpu 1" in out


def test_a_flow_that_only_the_command_line_makes_right_can_run(shell: Shell) -> None:
    long = FLOW.replace("    @step\n    def end", "    @timeout(hours=1)\n    @step\n    def end")

    assert run(shell, shell.write_flow(long)).code == 2
    assert run(shell, shell.write_flow(long), "--with", "end/batch").code == 0


def test_options_before_and_after_those_of_the_flow_are_found(shell: Shell) -> None:
    options = ("--alpha", "-1", "--with", "train/batch:cpu=2", "--data_set", "d", "--with=train/batch:memory=8000")
    run(shell, shell.write_spec(), *options)

    batch = packed_step(shell, "train").batch
    assert (batch.cpu, batch.memory) == (2, 8000)
    assert shell.relay.uploads[0][3] == {"alpha": -1.0, "data_set": "d"}


@pytest.mark.parametrize("command", ["run", "show", "check", "plan", "package", "deploy", "compile"])
def test_every_mistake_behind_with_is_told_at_once_by_every_command(shell: Shell, command: str) -> None:
    result = shell(command, shell.write_flow(FLOW), "--with", "bacth:cpu=8", "--with", "retry:time=4")

    assert result.code == 2
    assert "did you mean 'batch'?" in result.err
    assert "did you mean 'times'?" in result.err
    assert "Traceback" not in result.err


def test_mistakes_of_the_configuration_and_of_the_command_line_are_told_together(shell: Shell) -> None:
    (shell.folder / "pyproject.toml").write_text('[tool.steprelay]\nbatch_job_queu = "q"\n')
    result = shell(
        "check", shell.write_flow(FLOW), "--with", "bacth:cpu=8", env={"STEPRELAY_BATCH_DEFAULT_TAGS": "Team"}
    )

    assert result.code == 2
    assert "batch_job_queue" in result.err
    assert "STEPRELAY_BATCH_DEFAULT_TAGS" in result.err
    assert "did you mean 'batch'?" in result.err


def test_problems_of_the_configuration_the_command_line_and_the_flow_are_told_in_one_go(shell: Shell) -> None:
    wrong = FLOW.replace("cpu=4", "cpu=4, image='no image'").replace("self.next(self.end)", "self.next(self.edn)")
    options = ("--with", "batch:cpus=1", "--with", "zzz/batch:cpu=1", "--with", "start/timeout:hours=2")
    env = {"STEPRELAY_BATCH_DEFAULT_TAGS": "{", "STEPRELAY_BATCH_JOB_QUEUE": "a,a"}
    result = shell("check", shell.write_flow(wrong), *options, env=env)

    assert result.code == 2
    assert "error: 6 problems in the configuration, --with and the flow" in result.err
    for told in (
        "environment STEPRELAY_BATCH_DEFAULT_TAGS: must be a mapping",
        "environment STEPRELAY_BATCH_JOB_QUEUE: queue names one twice: a, a",
        "--with batch:cpus=1: @batch has no argument 'cpus'",
        "--with zzz/batch:cpu=1: the flow has no step 'zzz'",
        "flow.py:12: @batch: no image is called 'no image'",
        "self.next goes to 'edn'",
    ):
        assert told in result.err


def test_the_places_of_problems_outside_of_the_source_are_no_files_in_json(shell: Shell) -> None:
    result = shell("check", shell.write_flow(FLOW), "--json", env={"STEPRELAY_BATCH_JOB_QUEUE": "a,a"})

    ((fault,),) = (error["faults"] for error in result.json)
    assert (fault["where"], fault["file"], fault["line"]) == ("environment STEPRELAY_BATCH_JOB_QUEUE", None, None)


def test_problems_of_a_spec_are_told_beside_those_of_the_command_line(shell: Shell) -> None:
    shell.write_spec()
    result = shell("check", str(shell.folder), "--with", "train/batch:cpus=2", "--with", "tain/batch:cpu=2")

    assert result.code == 2
    assert "error: 2 problems in --with and the flow" in result.err
    assert "the flow has no step 'tain'" in result.err


@pytest.mark.parametrize("command", ["run", "check", "plan", "package", "deploy"])
def test_a_step_that_runs_on_no_platform_is_refused_before_anything_is_sent(shell: Shell, command: str) -> None:
    result = shell(command, shell.write_flow(FLOW), "--with", "process/batch:gpu=1,ephemeral_storage=30")

    assert result.code == 2
    assert "process/batch:gpu=1,ephemeral_storage=30: runs on neither platform" in result.err
    assert shell.relay.uploads == []


@pytest.mark.parametrize("command", ["run", "check", "plan"])
def test_a_timeout_that_adds_up_is_hinted_at(shell: Shell, command: str) -> None:
    shell.relay.states = versions([stored(run=run_of(RunStatus.SUCCEEDED))])
    result = shell(command, shell.write_flow(FLOW), "--with", "timeout:minutes=30")

    assert result.code == 0
    assert "hint: flow.py:11: step 'process': --with adds to the time of @timeout, which makes 9000 s" in result.err


def test_hints_about_a_hand_written_spec_name_no_line_of_it(shell: Shell) -> None:
    shell.write_spec()
    result = shell("check", str(shell.folder))

    assert "steprelay.json: step" in result.err
    assert "steprelay.json:1" not in result.err


def test_the_configuration_is_read_from_the_folder_of_the_flow_upwards(shell: Shell) -> None:
    (shell.folder / "pyproject.toml").write_text('[tool.steprelay]\nbatch_job_queue = ["spot", "on-demand"]\n')
    below = shell.folder / "flows"
    below.mkdir()
    (below / "flow.py").write_text(FLOW)

    out = shell("show", str(below / "flow.py")).out
    assert "queue: spot, then on-demand" in out


def test_the_environment_of_the_command_is_what_counts(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPRELAY_BATCH_JOB_QUEUE", "of-the-process")

    assert batch_of(shell, env={"STEPRELAY_BATCH_JOB_QUEUE": "of-the-command"})["queue"] == "of-the-command"


def test_round_up_travels_with_the_package(shell: Shell) -> None:
    assert batch_of(shell, "--round-up")["round_up"] is True


@pytest.mark.parametrize("name", ["with", "with_", "round_up", "no_follow", "help"])
def test_a_parameter_named_like_an_option_of_run_is_refused(shell: Shell, name: str) -> None:
    result = shell("run", shell.write_spec(parameters={name: {}}))

    assert result.code == 2
    assert f"parameter {name}: has the name of an option" in result.err


def test_a_parameter_may_be_called_like_a_word_of_python(shell: Shell) -> None:
    result = run(shell, shell.write_spec(parameters={"class": {}}), "--class", "first")

    assert result.code == 0, result.err
    assert shell.relay.uploads[0][3] == {"class": "first"}


def refused(relays: ConfiguredRelays, folder: Path | None = None) -> Report:
    """What connecting says where only a stack that boto3 cannot reach is named."""
    with pytest.raises(Exception) as raised:
        relays.connect(None, None, lambda _: None, folder=folder)
    report = explain(raised.value)
    assert report is not None
    return report


def test_the_stack_of_the_configuration_is_used_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    (tmp_path / "pyproject.toml").write_text('[tool.steprelay]\nstack = "prod"\n')
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    assert "no AWS region" in refused(ConfiguredRelays({}, tmp_path)).message
    assert "no AWS region" in refused(ConfiguredRelays({}, Path("/")), tmp_path).message


def test_the_local_relay_wins_over_the_stack_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.steprelay]\nstack = "prod"\n')

    with pytest.raises(Exception, match="the local relay is not up"):
        ConfiguredRelays({}, tmp_path).connect("local", None, lambda _: None)


def test_a_mistake_in_the_configuration_stops_commands_that_look_for_a_relay(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.steprelay]\nstak = 1\n")

    report = refused(ConfiguredRelays({}, tmp_path))
    assert "configuration" in report.message
    assert "stack" in str(report.faults)


def test_a_relay_that_is_not_there_is_not_found_and_nothing_is_raised(tmp_path: Path) -> None:
    assert ConfiguredRelays({}, tmp_path).present(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text("[tool.steprelay]\nstak = 1\n")
    assert ConfiguredRelays({}, tmp_path).present(tmp_path) is None


FAN_OUT = """
from steprelay import FlowSpec, step

class Wide(FlowSpec):
    @step
    def start(self):
        self.xs = [1]
        self.next(self.work, foreach="xs", max_workers=3)

    @step
    def work(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.mark.parametrize("command", ["run", "deploy"])
def test_max_workers_is_in_the_package_that_is_uploaded(shell: Shell, command: str) -> None:
    shell.relay.states = versions([stored(run=run_of(RunStatus.SUCCEEDED))])
    shell.relay.verdicts = [None, Verdict(True)]
    result = shell(command, shell.write_flow(FAN_OUT), "--max-workers", "7")

    assert result.code == 0, result.err
    ((_, _, package, _),) = shell.relay.uploads
    assert read_package(package).flow.spec.max_workers == 7


def test_max_workers_is_in_the_package_that_is_written(shell: Shell) -> None:
    assert (
        shell("package", shell.write_flow(FAN_OUT), "--max-workers", "7", "-o", str(shell.folder / "p.tar.gz")).code
        == 0
    )
    assert read_package(shell.folder / "p.tar.gz").flow.spec.max_workers == 7


@pytest.mark.parametrize("given", ["0", "-1", "many"])
def test_max_workers_that_is_no_such_number_is_refused(shell: Shell, given: str) -> None:
    result = shell("package", shell.write_flow(FAN_OUT), "--max-workers", given)

    assert result.code == 2
    assert "--max-workers" in result.err
    assert "Traceback" not in result.err


def test_compile_and_show_tell_of_both_bounds(shell: Shell) -> None:
    path = shell.write_flow(FAN_OUT)
    document = json.loads(shell("compile", path, "--max-workers", "7").out)

    assert (document["max_workers"], document["steps"]["start"]["next"][0]["max_workers"]) == (7, 3)
    assert "→ each of xs: work (at most 3 at a time)" in shell("show", path).out
