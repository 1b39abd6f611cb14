"""The bootstrap as a process in an image that has nothing but Python."""

import ast
import io
import json
import os
import runpy
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from steprelay.runner.bootstrap import bootstrap_command, bootstrap_source
from steprelay.runner.bundle import build_bundle
from tests.runner.lab import Lab, flow
from tests.runner.s3_server import ACCESS, SECRET, TOKEN, S3Server, s3_server, signature_is_valid

KEYS = {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET}
MAIN = """
import json, sys
def main():
    print(json.dumps([entry for entry in sys.path]))
    return 5
"""


def _bundle() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in {"__init__": "", "runner/__init__": "", "runner/main": MAIN}.items():
            archive.writestr(f"steprelay/{name}.py", text)
    return buffer.getvalue()


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        server.objects["/data/runner/abc.zip"] = _bundle()
        yield server


@pytest.fixture
def start(s3: S3Server, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    workdir, temporary = tmp_path / "workdir", tmp_path / "tmp"
    workdir.mkdir()
    temporary.mkdir()

    def start(command: list[str] | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        settings = {
            "PATH": os.environ["PATH"], "TMPDIR": str(temporary), "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": s3.url, "STEPRELAY_BUNDLE": "s3://data/runner/abc.zip",
        }  # fmt: skip
        # -S: without anything that is installed beside the interpreter.
        return subprocess.run(
            command or [_bare_python(), "-S", "-c", bootstrap_source()],
            cwd=workdir, env={**settings, **environment}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    return start


def _bare_python() -> str:
    """The interpreter behind the virtual environment."""
    return str(Path(sys.executable).resolve())


Start = Callable[..., subprocess.CompletedProcess[str]]


def test_it_fetches_the_bundle_and_starts_the_runner_with_its_exit_code(start: Start) -> None:
    done = start(**KEYS)
    assert (done.returncode, done.stderr) == (5, "")


def test_the_bundle_comes_first_and_its_vendored_packages_come_last(start: Start) -> None:
    path = json.loads(start(**KEYS).stdout)
    assert path[0].endswith("/abc")
    assert path[-1] == f"{path[0]}/_vendor"
    assert "" not in path


def test_files_in_the_working_folder_do_not_shadow_the_standard_library(start: Start, tmp_path: Path) -> None:
    for name in ("json", "zipfile", "steprelay"):
        (tmp_path / "workdir" / f"{name}.py").write_text("raise RuntimeError('shadowed')")
    assert start(**KEYS).returncode == 5


def test_the_request_is_signed_as_botocore_signs_it(start: Start, s3: S3Server) -> None:
    s3.objects["/data/a b/ü+~.zip"] = _bundle()
    done = start(**KEYS, AWS_SESSION_TOKEN=TOKEN, STEPRELAY_BUNDLE="s3://data/a b/ü+~.zip", PYTHONUTF8="1")
    ((method, path, headers),) = s3.requests[-1:]
    assert signature_is_valid(method, path, headers, s3.url)
    assert headers["x-amz-security-token"] == TOKEN
    assert "/eu-west-1/s3/" in headers["authorization"]
    # The server keeps paths as sent; that the object was asked for is what counts here.
    assert path == "/data/a%20b/%C3%BC%2B~.zip", done.stderr


def test_it_uses_the_credentials_of_the_ecs_task(start: Start, s3: S3Server) -> None:
    uri = f"{s3.url}/credentials"
    done = start(AWS_CONTAINER_CREDENTIALS_FULL_URI=uri, AWS_CONTAINER_AUTHORIZATION_TOKEN="token")
    assert done.returncode == 5
    assert s3.requests[-1][2]["x-amz-security-token"] == TOKEN


def test_it_uses_the_credentials_of_the_instance(start: Start, s3: S3Server) -> None:
    assert start(AWS_EC2_METADATA_SERVICE_ENDPOINT=s3.url).returncode == 5
    assert s3.paths() == [
        "/latest/api/token",
        "/latest/meta-data/iam/security-credentials/",
        "/latest/meta-data/iam/security-credentials/the-role",
        "/data/runner/abc.zip",
    ]


def test_a_proxy_is_not_asked_for_credentials(start: Start, s3: S3Server) -> None:
    closed = "http://127.0.0.1:9"
    done = start(
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{s3.url}/credentials",
        AWS_CONTAINER_AUTHORIZATION_TOKEN="token",
        AWS_ENDPOINT_URL=s3.url.replace("127.0.0.1", "localhost"),
        http_proxy=closed,
        no_proxy="localhost",
    )
    assert done.returncode == 5


def test_it_tries_again_after_errors_of_the_service(start: Start, s3: S3Server) -> None:
    s3.failures = [503]
    assert start(**KEYS).returncode == 5
    assert s3.paths() == ["/data/runner/abc.zip"] * 2


def test_a_bundle_that_is_there_already_is_not_fetched_again(start: Start, s3: S3Server) -> None:
    assert [start(**KEYS).returncode for _ in range(2)] == [5, 5]
    assert len(s3.requests) == 1


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"STEPRELAY_BUNDLE": "s3://data/gone.zip"}, "s3://data/gone.zip: 404 <Error><Code>NoSuchKey</Code></Error>"),
        ({"STEPRELAY_BUNDLE": ""}, "STEPRELAY_BUNDLE must be s3://bucket/key.zip, given ''"),
    ],
)
def test_what_cannot_be_fetched_is_said_in_one_line(start: Start, environment: dict[str, str], message: str) -> None:
    done = start(**KEYS, **environment)
    assert (done.returncode, done.stderr) == (1, f"steprelay: the runner cannot be fetched: {message}\n")


def test_an_older_python_is_told_so_in_one_line(start: Start) -> None:
    program = f"import sys; sys.version_info = (3, 10, 4); exec({bootstrap_source()!r})"
    done = start([_bare_python(), "-c", program])
    assert done.returncode == 1
    assert done.stderr == "steprelay: steps need Python 3.11 or newer, this image has 3.10: choose another image\n"


def test_the_source_is_small_and_parses_in_python_3_9() -> None:
    ast.parse(bootstrap_source(), feature_version=(3, 9))
    assert bootstrap_command()[:2] == ["python3", "-c"]
    # A job definition may have 24 KiB in all.
    assert len(bootstrap_source()) < 8 * 1024


@pytest.mark.parametrize(
    ("bucket", "region", "place"),
    [
        ("data", "eu-west-1", ("https://data.s3.eu-west-1.amazonaws.com", "/a/b.zip")),
        ("my.data", "eu-west-1", ("https://s3.eu-west-1.amazonaws.com", "/my.data/a/b.zip")),
        ("data", "cn-north-1", ("https://data.s3.cn-north-1.amazonaws.com.cn", "/a/b.zip")),
    ],
)
def test_without_an_endpoint_it_asks_the_regions_own(
    monkeypatch: pytest.MonkeyPatch, bucket: str, region: str, place: tuple[str, str]
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    program: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[2] / "src/steprelay/runner/boot.py"))
    assert program["place"](bucket, "a/b.zip", region) == place


def test_a_step_runs_from_bootstrap_to_outcome_in_an_image_without_boto3(
    start: Start, s3: S3Server, tmp_path: Path
) -> None:
    bundle = build_bundle()
    lab = Lab(
        tmp_path / "lab",
        flow("""
        @step
        def start(self):
            self.x = list(range(1000))
            self.next(self.end)
        @step
        def end(self): pass
    """),
    )
    brief = lab.put_brief("start", "end")
    s3.objects = {f"/data/{key}": lab.store.get(key) for key in lab.store.keys("")}
    s3.objects[f"/data/{bundle.name}"] = bundle.body
    done = start(
        **KEYS, STEPRELAY_BUNDLE=f"s3://data/{bundle.name}", STEPRELAY_BRIEF=f"s3://data/{brief}",
        AWS_BATCH_JOB_ID="job-1", AWS_BATCH_JOB_ATTEMPT="1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outcome = json.loads(s3.objects["/data/runs/TheFlow-1/start/0/1/outcome.json"])
    assert (outcome["status"], outcome["job_id"]) == ("succeeded", "job-1")
    assert f"/data/artifacts/TheFlow/{outcome['artifacts']['x']['sha256']}" in s3.objects
