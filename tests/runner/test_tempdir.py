"""The step's temporary folder."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from steprelay.runner.artifacts import SMALL_BYTES
from tests.runner.containers import Containers
from tests.runner.lab import Lab, flow

NAMES = ["TMPDIR", "STEPRELAY_TEMPDIR", "METAFLOW_TEMPDIR"]
FLOW = flow(
    f"""
    @step
    def start(self):
        self.seen = [current.tempdir, tempfile.gettempdir(), *(os.environ[name] for name in {NAMES})]
    @step
    def large(self):
        self.value = os.urandom({SMALL_BYTES + 1})
        os.rmdir(tempfile.gettempdir())
""",
    before="import os, tempfile",
)


@pytest.fixture
def containers(tmp_path: Path) -> Iterator[Containers]:
    with Containers(Lab(tmp_path, FLOW)) as running:
        yield running


def test_the_tmpfs_is_where_everything_keeps_its_temporary_files(containers: Containers, tmp_path: Path) -> None:
    place = str(tmp_path / "tmpfs")
    assert containers.run("start", tempdir=place) == (0, "")
    assert containers.lab.artifacts(containers.lab.outcome("start"))["seen"] == [place] * 5


def test_a_command_finds_it_in_the_same_variables(containers: Containers, tmp_path: Path) -> None:
    place = str(tmp_path / "tmpfs")
    script = 'printf \'["%s","%s","%s"]\' "$TMPDIR" "$STEPRELAY_TEMPDIR" "$METAFLOW_TEMPDIR"'
    command = ["sh", "-c", f'{script} > "$STEPRELAY_OUTPUT/seen.json"']
    assert containers.run("start", tempdir=place, command=command) == (0, "")
    assert containers.lab.artifacts(containers.lab.outcome("start"))["seen"] == [place] * 3


def test_a_folder_that_stands_for_the_mount_is_used_in_its_place(containers: Containers, tmp_path: Path) -> None:
    real = tmp_path / "real"
    mounts = json.dumps({"/steprelay_temp": str(real)})
    assert containers.run("start", tempdir="/steprelay_temp", environment={"STEPRELAY_LOCAL_MOUNTS": mounts})[0] == 0
    assert containers.lab.artifacts(containers.lab.outcome("start"))["seen"] == [str(real)] * 5
    assert not Path("/steprelay_temp").exists()


def test_mounts_say_nothing_of_other_folders(containers: Containers, tmp_path: Path) -> None:
    place = str(tmp_path / "tmpfs")
    containers.run("start", tempdir=place, environment={"STEPRELAY_LOCAL_MOUNTS": '{"/elsewhere": "/nowhere"}'})
    assert containers.lab.artifacts(containers.lab.outcome("start"))["seen"] == [place] * 5


def test_mounts_that_are_no_json_object_are_refused(containers: Containers) -> None:
    code, error = containers.run("start", tempdir="/x", environment={"STEPRELAY_LOCAL_MOUNTS": "[]"})
    assert (code, error) == (1, "steprelay: STEPRELAY_LOCAL_MOUNTS must be a JSON object of paths, given '[]'\n")


@pytest.mark.parametrize(
    ("place", "problem"),
    [("file", "is not a folder"), ("file/inner", "does not exist and cannot be made: Not a directory")],
)
def test_a_step_that_cannot_have_its_tempdir_fails_instead_of_using_another(
    containers: Containers, tmp_path: Path, place: str, problem: str
) -> None:
    (tmp_path / "file").touch()
    where = tmp_path / place
    assert containers.run("start", tempdir=str(where))[0] == 1
    failure = containers.lab.outcome("start").failure
    assert failure is not None
    assert failure.type == "TempdirError"
    assert failure.message == (
        f"step 'start' wants its temporary files in {where}, which {problem}; "
        "choose another tmpfs_path, or tmpfs_tempdir=False to keep them elsewhere"
    )


def test_catch_takes_a_tempdir_that_cannot_be_had(containers: Containers, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    catch = {"var": "problem", "print_exception": True}
    assert containers.run("start", tempdir=str(tmp_path / "file"), catch=catch)[0] == 0
    assert containers.lab.outcome("start").caught


def test_large_artifacts_do_not_pass_through_the_steps_tempdir(containers: Containers, tmp_path: Path) -> None:
    assert containers.run("large", tempdir=str(tmp_path / "tmpfs")) == (0, "")
    assert containers.lab.outcome("large").artifacts["value"].size > SMALL_BYTES
