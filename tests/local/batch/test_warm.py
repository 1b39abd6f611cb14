"""Jobs of our runner, forked from a process that has it imported; the runner here only runs a script."""

import io
import os
import signal
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from steprelay.local.batch import warm_server
from steprelay.local.batch.warm import WarmLauncher
from steprelay.runner.bootstrap import bootstrap_command
from tests.local.batch.conftest import MakeLab
from tests.local.batch.harness import Lab, wait_until
from tests.runner.s3_server import ACCESS, SECRET, s3_server

BUNDLE = "s3://data/bundles/b1.zip"
RUNNER = {
    "steprelay/__init__.py": "",
    "steprelay/runner/__init__.py": "",
    "steprelay/runner/python_step.py": "",
    "steprelay/runner/main.py": """
import os
def parse_address(address):
    return address[5:].split("/", 1)
def main(environment=os.environ, store=None):
    exec(environment["SCRIPT"], {})
    return 0
""",
    "steprelay/runner/s3.py": """
class S3Store:
    def __init__(self, bucket, client): ...
class Client:
    def head_object(self, **what): ...
    def close(self): ...
make_client = Client
""",
}
PARENT = "import os; print(os.getppid())"


def _bundle() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in RUNNER.items():
            archive.writestr(name, text)
    return packed.getvalue()


@pytest.fixture
def warm(make_lab: MakeLab, tmp_path: Path) -> Iterator[Lab]:
    """A lab whose launcher keeps runners warm."""
    with s3_server() as s3:
        s3.objects["/data/bundles/b1.zip"] = _bundle()
        environment = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "TMPDIR": str(tmp_path),
            "AWS_ENDPOINT_URL": s3.url,
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }
        yield make_lab(environment=environment, launcher=WarmLauncher(environment), stop_grace_seconds=5.0)


@pytest.fixture
def submit(warm: Lab) -> Callable[..., str]:
    """Submits a job whose runner runs this script."""

    def submit(script: str, overrides: dict[str, Any] | None = None, **environment: str) -> str:
        variables = {"STEPRELAY_BUNDLE": BUNDLE, "STEPRELAY_BRIEF": "s3://data/brief", "SCRIPT": script, **environment}
        named = [{"name": name, "value": value} for name, value in variables.items()]
        return warm.submit(bootstrap_command(), containerOverrides={"environment": named, **(overrides or {})})

    return submit


Submit = Callable[..., str]


def _parent(lab: Lab, job_id: str) -> int:
    assert lab.ends(job_id)["status"] == "SUCCEEDED", (lab.output(job_id), lab.describe(job_id))
    return int(lab.output(job_id)[-1])


def test_jobs_of_one_bundle_come_from_one_process(warm: Lab, submit: Submit) -> None:
    parents = {_parent(warm, submit(PARENT)) for _ in range(3)}
    assert len(parents) == 1
    assert os.getpid() not in parents


def test_a_job_has_its_own_environment_folder_and_session_and_nothing_of_the_server(warm: Lab, submit: Submit) -> None:
    script = (
        "import os, sys, tempfile; print(os.environ['AWS_BATCH_JOB_ID'], os.environ.get('SHARD'), os.getcwd(), "
        "os.getsid(0) == os.getpid(), len(os.listdir('/proc/self/fd')), sys.stdin.read() == '')"
    )
    first, second = submit(script, SHARD="1"), submit(script)
    warm.ends(first)
    warm.ends(second)
    told = [warm.output(job)[-1].split() for job in (first, second)]
    assert [(line[0], line[1]) for line in told] == [(first, "1"), (second, "None")]
    assert told[0][2] != told[1][2]
    # Its three streams, and the listing itself.
    assert [line[3:] for line in told] == [["True", "4", "True"]] * 2


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("raise SystemExit(3)", 3),
        ("raise ValueError('no')", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
    ],
)
def test_the_exit_code_is_the_jobs(warm: Lab, submit: Submit, script: str, code: int) -> None:
    assert warm.ends(submit(script))["container"]["exitCode"] == code


def test_a_terminated_job_gets_sigterm(warm: Lab, submit: Submit) -> None:
    job = submit("import time; print('ready', flush=True); time.sleep(60)")
    wait_until(lambda: "ready" in warm.output(job))
    warm.call("TerminateJob", jobId=job, reason="enough")
    assert warm.ends(job)["container"]["exitCode"] == 143


def test_memory_beyond_the_jobs_is_not_had(warm: Lab, submit: Submit) -> None:
    job = warm.ends(
        submit("import time; held = bytearray(600 << 20); print(len(held), flush=True); time.sleep(60)",
               warm.needing(1, 256))
    )  # fmt: skip
    assert job["container"]["exitCode"] == 137
    assert "OutOfMemory" in job["container"]["reason"]


@pytest.mark.parametrize(
    "variable", ["PYTHONHASHSEED", "LD_BIND_NOW", "AWS_ENDPOINT_URL_S3", "MALLOC_ARENA_MAX", "LANG"]
)
def test_a_job_that_says_how_python_is_to_start_is_started_anew(warm: Lab, submit: Submit, variable: str) -> None:
    value = warm.config.environment["AWS_ENDPOINT_URL"] if variable.startswith("AWS") else "1"
    assert _parent(warm, submit(PARENT, **{variable: value})) == os.getpid()


def test_what_is_no_runner_is_started_as_it_is(warm: Lab) -> None:
    assert _parent(warm, warm.python(PARENT)) == os.getpid()


def test_a_bundle_that_is_not_there_is_told_by_the_job_itself(warm: Lab, submit: Submit) -> None:
    job = submit("", STEPRELAY_BUNDLE="s3://data/bundles/gone.zip")
    assert warm.ends(job)["container"]["exitCode"] == 1
    assert "the runner cannot be fetched" in warm.output(job)[-1]


def test_jobs_end_with_their_server_and_the_next_ones_have_another(warm: Lab, submit: Submit) -> None:
    lost = submit("import os, time; print(os.getppid(), flush=True); time.sleep(60)")
    wait_until(lambda: warm.output(lost))
    server = int(warm.output(lost)[0])
    os.kill(server, signal.SIGKILL)
    assert warm.ends(lost)["container"]["exitCode"] == 137
    assert _parent(warm, submit(PARENT)) not in {server, os.getpid()}


def test_many_at_once_each_end_as_their_own(warm: Lab, submit: Submit) -> None:
    jobs = {submit(f"raise SystemExit({code})"): code for code in range(1, 25)}
    assert {job: warm.ends(job)["container"]["exitCode"] for job in jobs} == jobs


def test_nothing_is_left_of_a_local_batch_that_is_stopped(warm: Lab, submit: Submit) -> None:
    job = submit("import os, time; print(os.getppid(), os.getpid(), flush=True); time.sleep(60)")
    wait_until(lambda: warm.output(job))
    pids = [int(pid) for pid in warm.output(job)[0].split()]
    warm.batch.stop()
    wait_until(lambda: not any(map(_lives, pids)), "server and job are gone")


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_server_needs_the_standard_library_only() -> None:
    imported = {
        line.split()[1].partition(".")[0]
        for line in Path(warm_server.__file__).read_text().splitlines()
        if line.startswith(("import ", "from "))
    }
    assert imported <= sys.stdlib_module_names
