"""`run` from the command line to the exit code, on a relay that is scripted."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from steprelay.client.relay import Upload, Verdict
from steprelay.package import read_package
from steprelay_core.ports import Stored
from steprelay_core.spec import Problem
from steprelay_core.state.model import Failure, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.cli.surroundings import Shell
from tests.client.fake_relay import (
    RUN,
    FakeRelay,
    failed_attempt,
    failed_run,
    group,
    run_of,
    stored,
    submitted,
    versions,
    waiting,
    won,
)

NO_LUCK = Failure("program", "ValueError: no luck", 1)


def succeeding() -> list[Stored | None]:
    return versions(
        [
            None,
            stored(group("start", submissions=(submitted(light=True),))),
            stored(won("start"), won("train"), won("end"), run=run_of(RunStatus.SUCCEEDED)),
        ]
    )


def run(shell: Shell, *options: str) -> Any:
    return shell("run", shell.write_spec(), "--data_set", "d", *options)


def test_a_run_that_succeeds_ends_with_code_0_and_its_artifacts(shell: Shell) -> None:
    shell.relay.states = succeeding()
    shell.relay.outcomes = {("end", 1): {"artifacts": {"x": {"sha256": "s", "size": 5, "type": "int"}}}}
    shell.relay.artifacts = {"s": pickle.dumps(42)}

    result = run(shell)
    assert result.code == 0
    assert result.out.splitlines()[-3:] == [f"{RUN} succeeded in 1 min", "1 artifact:", "  x  int  42"]


def test_the_size_is_said_before_the_upload(shell: Shell) -> None:
    class Refusing(FakeRelay):
        def upload(self, purpose: Any, flow: str, package: Path, parameters: Mapping[str, Any]) -> Upload:
            raise KeyboardInterrupt

    result = run(Shell(shell.folder, Refusing()))
    assert "of at most 500.0 MiB" in result.out


def test_what_is_uploaded_is_the_package_with_the_parameters_that_were_given(shell: Shell) -> None:
    shell.relay.states = succeeding()

    run(shell, "--alpha", "0.3", "--no-fast", "--extra", '{"a": [1]}')
    ((purpose, flow, package, parameters),) = shell.relay.uploads
    assert (purpose, flow) == ("run", "Flow")
    assert read_package(package).flow.name == "Flow"
    assert parameters == {"data_set": "d", "alpha": 0.3, "fast": False, "extra": {"a": [1]}}


def test_the_relay_is_started_where_there_is_none(shell: Shell) -> None:
    shell.relay.states = succeeding()

    run(shell)
    assert shell.relays.asked == [(None, None, True)]


def test_a_negative_number_is_a_value_and_no_option(shell: Shell) -> None:
    shell.relay.states = succeeding()

    run(shell, "--alpha", "-1.5")
    assert shell.relay.uploads[0][3]["alpha"] == -1.5


def test_all_mistakes_in_parameters_are_told_at_once(shell: Shell) -> None:
    result = shell("run", shell.write_spec(), "--alpha", "much", "--extra", "{")

    assert result.code == 2
    assert "--alpha: must be a number" in result.err
    assert "--data_set: parameter 'data_set' is required" in result.err
    assert "--extra: must be JSON" in result.err
    assert shell.relay.uploads == []


def test_an_unknown_parameter_gets_the_nearest_name(shell: Shell) -> None:
    result = run(shell, "--alhpa", "1")

    assert result.code == 2
    assert "Did you mean --alpha?" in result.err


def test_a_parameter_named_like_an_option_of_run_is_refused(shell: Shell) -> None:
    result = shell("run", shell.write_spec(parameters={"json": {}}))

    assert result.code == 2
    assert "parameter json: has the name of an option" in result.err


def test_the_help_of_a_run_lists_the_parameters_of_the_flow(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    result = shell("run", shell.write_spec(), "--help")

    shown = capsys.readouterr().out
    assert result.code == 0
    assert "--alpha FLOAT" in shown
    assert "learning rate [default: 0.1]" in shown
    assert "--fast --no-fast" in shown


def test_each_change_is_one_line_of_text(shell: Shell) -> None:
    shell.relay.states = succeeding()
    shell.relay.light_logs = {("start", 1): "hello\n"}

    lines = run(shell).out.splitlines()
    assert [line[10:] for line in lines[1:6]] == [
        f"run {RUN} started",
        "start running",
        "start | hello",
        "start succeeded in 2.00 s",
        "train succeeded in 2.00 s",
    ]


def test_a_failed_attempt_is_told_with_class_code_reason_and_what_follows(shell: Shell) -> None:
    waits = group("train", waits=(waiting(2, 0, seconds=120),), history=(failed_attempt(0, 1, NO_LUCK),))
    shell.relay.states = versions([stored(waits), stored(won("train", attempt=2), run=run_of(RunStatus.SUCCEEDED))])

    result = run(shell)
    line = "train attempt 1 failed: program, exit code 1: ValueError: no luck — retrying in 2 min"
    assert line in result.out
    assert "train succeeded in 2.00 s, attempt 2" in result.out


def test_a_failed_run_ends_with_code_1_its_reason_its_log_and_what_to_do(shell: Shell) -> None:
    ended = group("start", failed=Ranges.upto(1), history=(failed_attempt(0, 1, NO_LUCK),))
    shell.relay.states = [stored(ended, run=failed_run("start", 1, NO_LUCK))]
    shell.relay.light_logs = {("start", 1): "loading\nTraceback…\n"}

    result = run(shell)
    assert result.code == 1
    ending = result.out[result.out.index(f"{RUN} failed") :]
    assert "class   program, exit code 1" in ending
    assert "reason  ValueError: no luck" in ending
    assert "| Traceback…" in ending
    assert "@retry" in ending
    assert f"steprelay logs {RUN} start" in ending


def test_a_cancelled_run_ends_with_code_3(shell: Shell) -> None:
    shell.relay.states = [stored(run=run_of(RunStatus.CANCELLED))]

    result = run(shell)
    assert result.code == 3
    assert f"{RUN} was cancelled" in result.out


def test_a_rejected_package_is_told_with_every_problem(shell: Shell) -> None:
    problems = (Problem("steps.a", "is odd", "make it even"), Problem("steps.b", "is missing"))
    shell.relay.states = [None]
    shell.relay.verdicts = [Verdict(False, problems)]

    result = run(shell)
    assert result.code == 2
    assert "steps.a: is odd" in result.err
    assert "make it even" in result.err
    assert "steps.b: is missing" in result.err


def test_ctrl_c_leaves_the_run_alone_and_says_how_to_come_back(shell: Shell) -> None:
    class Interrupted(FakeRelay):
        def load(self, run: str) -> Stored | None:
            raise KeyboardInterrupt

    relay = Interrupted()
    result = run(Shell(shell.folder, relay))
    assert result.code == 130
    assert f"steprelay runs show {RUN} -f" in result.err
    assert f"steprelay logs {RUN}" in result.err
    assert relay.cancelled == []


def test_without_following_the_run_is_only_started(shell: Shell) -> None:
    result = run(shell, "--no-follow")

    assert result.code == 0
    assert result.out.splitlines()[-1].startswith(f"{RUN}:")


def test_json_is_one_change_a_line_and_the_result_last(shell: Shell) -> None:
    shell.relay.states = succeeding()

    result = run(shell, "--json")
    kinds = [line["kind"] for line in result.json]
    assert kinds[0] == "run_seen"
    assert {"task", "step"} < set(kinds)
    assert kinds[-1] == "result"
    assert result.json[-1]["status"] == "SUCCEEDED"


def test_errors_are_json_too_where_json_was_asked_for(shell: Shell) -> None:
    result = shell("run", shell.write_spec(), "--json")

    assert result.code == 2
    (error,) = result.json
    assert error["kind"] == "error"
    assert [fault["where"] for fault in error["faults"]] == ["--data_set"]
    assert result.err == ""


def test_a_large_foreach_speaks_at_each_tenth_of_its_way(shell: Shell) -> None:
    def at(done: int) -> Stored:
        rest = Ranges(((done, 999),))
        return stored(group("train", won={1: Ranges.upto(done)}, submissions=(submitted(rest),), version=done))

    ended = stored(won("train", members=Ranges.upto(1000), version=1001), run=run_of(RunStatus.SUCCEEDED))
    shell.relay.states = versions([*(at(done) for done in range(1, 1000, 10)), ended])

    told = [line for line in run(shell).out.splitlines() if "/1,000" in line]
    assert 10 <= len(told) <= 12
