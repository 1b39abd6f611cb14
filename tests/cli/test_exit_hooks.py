"""Exit hooks on the screen: in `runs show`, while a run is followed, in `logs` and in `show`."""

from pathlib import Path

from tests.cli.surroundings import Shell
from tests.client.fake_relay import RUN, FakeRelay, failed_run, flow_of, stored, versions
from tests.client.test_hooks import FAILED, FAILURE, FLOW, HOOKS, RUNNING

LOGS = {("tell", 1): "calling\n", ("tell", 2): "calling again\n"}


def shell(folder: Path, *states: object) -> Shell:
    return Shell(folder, FakeRelay(versions(list(states)), spec=FLOW, light_logs=LOGS))  # type: ignore[arg-type]


def test_a_run_is_shown_with_its_hooks_and_how_they_ended(tmp_path: Path) -> None:
    result = shell(tmp_path, FAILED)("runs", "show", RUN)
    assert result.code == 0
    told = result.out.partition("exit hooks:")[2]
    assert "exit hook tell failed in 5.00 s, attempt 2: program: ValueError: nobody answers\n" in told
    assert f"{RUN} succeeded" in told


def test_a_hook_that_has_not_ended_is_shown_as_running(tmp_path: Path) -> None:
    assert "exit hook tell running" in shell(tmp_path, RUNNING)("runs", "show", RUN).out


def test_the_hooks_of_a_run_are_in_its_json(tmp_path: Path) -> None:
    (shown,) = shell(tmp_path, FAILED)("runs", "show", RUN, "--json").json
    (hook,) = shown["hooks"]
    assert (hook["hook"], hook["state"], hook["failure_class"], hook["reason"]) == (
        "tell",
        "failed",
        "program",
        FAILURE.reason,
    )
    assert (shown["status"], shown["result"]["status"]) == ("SUCCEEDED", "SUCCEEDED")


def test_a_followed_run_ends_with_its_own_exit_code_whatever_its_hooks_do(tmp_path: Path) -> None:
    result = shell(tmp_path, RUNNING, FAILED)("runs", "show", RUN, "-f")
    assert result.code == 0
    lines = [
        line.partition("  ")[2].strip() if "exit hook" in line else line.strip() for line in result.out.splitlines()
    ]
    hook = [place for place, line in enumerate(lines) if line.startswith("exit hook tell")]
    assert [lines[place].split()[3] for place in hook] == ["running", "failed"]
    assert hook[-1] < lines.index(f"{RUN} succeeded in 1 min")


def test_the_output_of_a_hook_is_read_by_its_name_and_with_that_of_all(tmp_path: Path) -> None:
    lines = ["tell | calling", "tell (attempt 2) | calling again"]
    assert shell(tmp_path, FAILED)("logs", RUN, "tell").out.splitlines() == lines
    assert shell(tmp_path, FAILED)("logs", RUN).out.splitlines() == lines


def test_a_misspelt_hook_gets_the_nearest_name(tmp_path: Path) -> None:
    assert "did you mean 'tell'" in shell(tmp_path, FAILED)("logs", RUN, "tel").err


def test_show_tells_which_hooks_a_flow_has(tmp_path: Path) -> None:
    it = Shell(tmp_path)
    assert "exit hook tell on success and error" in it("show", it.write_spec(hooks=HOOKS)).out


def test_a_failed_run_is_shown_with_the_page_of_its_log(tmp_path: Path) -> None:
    relay = FakeRelay([stored(run=failed_run("start", 1, FAILURE))], spec=flow_of({"start": {}}))
    out = Shell(tmp_path, relay)("runs", "show", RUN).out
    assert "in the console: https://eu-west-1.console.aws.amazon.com/s3/object/data?" in out
