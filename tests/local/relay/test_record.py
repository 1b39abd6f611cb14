import os
import subprocess
import sys
from pathlib import Path

import pytest

from steprelay.local.environment import client_environment, daemon_environment, job_environment, secret_values
from steprelay.local.processes import MARK, ProcessId
from steprelay.local.record import RelayFolder, RelayInfo

INFO = RelayInfo(
    state="ready",
    token="t0ken",
    process=ProcessId(1, 2.5),
    port=4567,
    version="0.1.0",
    fingerprint="f",
    outputs={"DataBucket": "data"},
)


@pytest.fixture
def folder(tmp_path: Path) -> RelayFolder:
    found = RelayFolder(tmp_path)
    found.root.mkdir(parents=True)
    return found


def test_a_record_reads_as_it_was_written(folder: RelayFolder) -> None:
    folder.write(INFO)
    assert folder.read() == INFO


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": "ready"}', '{"process": {"pid": 1}}'])
def test_a_record_of_another_version_or_half_of_one_counts_as_none(folder: RelayFolder, text: str) -> None:
    folder.record.write_text(text)
    assert folder.read() is None


def test_the_lock_leaves_no_file_behind(folder: RelayFolder) -> None:
    with folder.locked():
        assert [path.name for path in folder.root.parent.glob("*.lock")] == ["local.lock"]
    assert list(folder.root.parent.glob("*.lock")) == []


def test_the_environment_that_clients_get_names_no_address_but_the_relay_s() -> None:
    assert INFO.environment["AWS_ENDPOINT_URL"] == INFO.endpoint_url == "http://127.0.0.1:4567"
    assert {INFO.environment[name] for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")} == {os.devnull}


def test_nothing_of_the_shell_s_aws_account_reaches_a_relay_or_its_jobs(tmp_path: Path) -> None:
    shell = {"AWS_PROFILE": "production", "AWS_SECRET_ACCESS_KEY": "real", "HOME": "/home/me", "MY_TOKEN": "secret"}
    own = daemon_environment(shell, "t0ken", tmp_path)
    assert {"AWS_PROFILE", "AWS_SECRET_ACCESS_KEY", "MY_TOKEN"}.isdisjoint(own)
    job = job_environment({**own, "LATER": "x"}, 4567)
    assert job == {
        **client_environment(4567),
        "HOME": "/home/me",
        "PATH": own["PATH"],
        "TMPDIR": str(tmp_path),
        MARK: "t0ken",
    }


def test_jobs_secrets_come_from_all_of_the_shell_but_what_names_an_account() -> None:
    shell = {"AWS_PROFILE": "production", "AWS_SECRET_ACCESS_KEY": "real", "MY_TOKEN": "secret"}
    assert secret_values(shell) == {"MY_TOKEN": "secret"}


def test_python3_in_a_job_is_the_interpreter_of_the_relay(tmp_path: Path) -> None:
    own = daemon_environment({"PATH": "/usr/bin"}, "t0ken", tmp_path)
    asked = [sys.executable, "-c", "import shutil; print(shutil.which('python3'))"]
    found = subprocess.run(asked, env=own, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(found).parent == Path(sys.executable).parent


def test_a_process_is_not_taken_for_another_that_had_its_id() -> None:
    assert ProcessId.of(os.getpid()).alive
    assert not ProcessId(os.getpid(), 1.0).alive


def test_a_process_stays_the_same_when_the_clock_is_set_by_a_second() -> None:
    known = ProcessId.of(os.getpid())
    assert ProcessId(known.pid, known.started_at + 1).alive
