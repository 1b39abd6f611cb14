"""What people are told when something is wrong that no flow is to blame for."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

from steprelay.cli.errors import ExitCode, Report, explain
from steprelay.cli.relays import ConfiguredRelays, needs_local
from steprelay.client.relay import Unreachable
from tests.cli.surroundings import Shell
from tests.client.fake_relay import FakeRelay


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "PutObject")


@pytest.mark.parametrize(
    ("error", "said", "hinted"),
    [
        (NoCredentialsError(), "no AWS credentials", "aws sso login"),
        (NoRegionError(), "no AWS region", "AWS_REGION"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "does not answer", "local status"),
        (client_error("ExpiredToken"), "does not take your credentials", "log in again"),
        (client_error("AccessDenied"), "AWS denies PutObject", "permission to call PutObject"),
        (Unreachable("there is no stack 'x'", "deploy one"), "there is no stack 'x'", "deploy one"),
    ],
)
def test_a_relay_out_of_reach_is_told_with_what_to_do(tmp_path: Path, error: Exception, said: str, hinted: str) -> None:
    class Failing(FakeRelay):
        def list_runs(self, limit: int) -> Any:
            raise error

    result = Shell(tmp_path, Failing())("runs", "list")
    assert result.code == ExitCode.UNREACHABLE
    assert said in result.err
    assert hinted in result.err
    assert "Traceback" not in result.err


def test_an_error_nobody_expected_is_a_line_and_a_file_with_the_rest(tmp_path: Path) -> None:
    class Broken(FakeRelay):
        def list_runs(self, limit: int) -> Any:
            return [][limit]

    result = Shell(tmp_path, Broken())("runs", "list")
    assert result.code == ExitCode.BUG
    first, second = result.err.splitlines()
    assert first == "error: steprelay failed: IndexError: list index out of range"
    written = Path(second.rpartition(" ")[2])
    assert "Traceback" in written.read_text()
    written.unlink()


def test_what_is_no_error_of_ours_is_not_explained() -> None:
    assert explain(ZeroDivisionError()) is None


def test_a_missing_extra_says_what_to_install() -> None:
    with pytest.raises(Exception) as raised, needs_local():
        raise ModuleNotFoundError("No module named 'ministack'", name="ministack")

    report = explain(raised.value)
    assert isinstance(report, Report)
    assert "'ministack'" in report.message
    assert report.hint == "pip install 'steprelay[local]'"


def told(relays: ConfiguredRelays, on: Any, stack: str | None) -> Report:
    with pytest.raises(Exception) as raised:
        relays.connect(on, stack, lambda _: None)
    report = explain(raised.value)
    assert report is not None
    return report


def test_the_cloud_needs_the_name_of_a_stack(tmp_path: Path) -> None:
    report = told(ConfiguredRelays({}, tmp_path), "cloud", None)

    assert report.message == "no stack is named"
    assert "STEPRELAY_STACK" in str(report.hint)


def test_a_stack_and_the_local_relay_are_not_both_meant(tmp_path: Path) -> None:
    assert "--on local" in told(ConfiguredRelays({}, tmp_path), "local", "prod").message


def test_a_local_relay_that_is_not_up_says_how_to_start_it(tmp_path: Path) -> None:
    report = told(ConfiguredRelays({}, tmp_path), None, None)

    assert report.message == "the local relay is not up"
    assert report.exit_code is ExitCode.UNREACHABLE
    assert "steprelay local up" in str(report.hint)


def test_a_configured_stack_is_passed_over_where_the_local_relay_is_asked_for(tmp_path: Path) -> None:
    relays = ConfiguredRelays({"STEPRELAY_STACK": "prod"}, tmp_path)

    assert told(relays, "local", None).message == "the local relay is not up"


@pytest.mark.parametrize(
    ("tokens", "said", "hinted"),
    [
        (("check", "FLOW", "--with", "batch:cpu=2", "memory=3"), "nothing takes 'memory=3' here", "without spaces"),
        (("check", "FLOW", "twice"), "nothing takes 'twice' here", "--help"),
        (("check", "FLOW", "--with"), "--with requires an argument", "--help"),
        (("--with", "batch:cpu=2", "run", "FLOW"), "--with", "options follow the command"),
    ],
)
def test_options_in_the_wrong_place_are_told_where_they_belong(
    shell: Shell, tokens: tuple[str, ...], said: str, hinted: str
) -> None:
    flow = shell.write_spec()
    result = shell(*(flow if token == "FLOW" else token for token in tokens))

    assert result.code == ExitCode.USER_ERROR
    assert said in result.err
    assert hinted in result.err


def test_a_platform_that_no_local_relay_has_is_told_with_those_there_are(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPRELAY_LOCAL_PLATFORM", "eks")
    result = shell("local", "up")

    assert result.code == ExitCode.USER_ERROR
    assert (
        result.err == "error: the platform of a local relay (STEPRELAY_LOCAL_PLATFORM) is ec2 or fargate, given 'eks'\n"
    )
