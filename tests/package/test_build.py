"""A package is reproducible, complete, and refused before the upload where it cannot work."""

import gzip
import hashlib
import io
import json
import os
import tarfile
import time
from pathlib import Path

import pytest

from steprelay.compile import compile_file
from steprelay.package import SIZE_LIMIT, PackageError, PackageProblem, build_package
from steprelay_core.spec import SpecError, parse_spec
from tests.package.conftest import SPEC, put

FLOW = """
from steprelay import FlowSpec, step

class PythonFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def _names(root: Path) -> list[str]:
    return [member.name for member in build_package(root).members]


def _problems(root: Path, size_limit: int = SIZE_LIMIT) -> tuple[PackageProblem, ...]:
    with pytest.raises(PackageError) as caught:
        build_package(root, size_limit=size_limit)
    return caught.value.problems


def test_the_same_content_gives_the_same_bytes_whenever_and_wherever_it_is_packed(folder: Path, tmp_path: Path) -> None:
    first = build_package(folder, destination=tmp_path / "a.tar.gz")
    other = tmp_path / "another" / "place"
    other.mkdir(parents=True)
    for name in ("work.sh", "steprelay.json"):  # written in another order, at another time, readable by others
        put(other, name, (folder / name).read_text())
        os.utime(other / name, (1, 1))
        (other / name).chmod(0o600 if name == "steprelay.json" else 0o664)
    second = build_package(other, destination=tmp_path / "b.tar.gz")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.digest == second.digest


def test_other_content_gives_another_digest(folder: Path) -> None:
    before = build_package(folder).digest
    put(folder, "work.sh", "echo bye\n")
    assert build_package(folder).digest != before


def test_a_file_becoming_executable_changes_the_digest(folder: Path) -> None:
    before = build_package(folder).digest
    (folder / "work.sh").chmod(0o755)
    assert build_package(folder).digest != before


def test_digest_and_size_are_those_of_the_file(folder: Path) -> None:
    package = build_package(folder)
    content = package.path.read_bytes()
    assert (package.digest, package.size) == (hashlib.sha256(content).hexdigest(), len(content))


def test_the_spec_comes_first_in_its_canonical_form_and_the_rest_by_name(folder: Path) -> None:
    for name in ("b/z.txt", "a.txt", "b/a.txt", "B.txt"):
        put(folder, name)
    package = build_package(folder)
    with tarfile.open(package.path) as archive:
        entries = archive.getmembers()
        spec = archive.extractfile(entries[0])
        assert spec is not None
        assert parse_spec(spec.read()).spec == package.spec
    assert [entry.name for entry in entries] == ["steprelay.json", "B.txt", "a.txt", "b/a.txt", "b/z.txt", "work.sh"]
    assert [member.name for member in package.members] == [entry.name for entry in entries]


def test_entries_tell_nothing_of_who_packed_them_and_when(folder: Path) -> None:
    (folder / "work.sh").chmod(0o775)
    package = build_package(folder)
    with tarfile.open(package.path) as archive:
        entries = {entry.name: entry for entry in archive}
    assert {(entry.uid, entry.gid, entry.uname, entry.gname, entry.mtime) for entry in entries.values()} == {
        (0, 0, "", "", 0)
    }
    assert (entries["work.sh"].mode, entries["steprelay.json"].mode) == (0o755, 0o644)
    # Flags (no name) and time in gzip's header, RFC 1952.
    assert package.path.read_bytes()[3:8] == b"\0\0\0\0\0"


def test_long_names_and_names_in_any_script_survive(folder: Path) -> None:
    name = "/".join(["ordner-für-äpfel"] * 12) + "/日本語.txt"
    put(folder, name, "content")
    with tarfile.open(build_package(folder).path) as archive:
        content = archive.extractfile(name)
        assert content is not None
        assert content.read() == b"content"


def test_all_kinds_of_files_are_packed_and_what_nobody_needs_is_left_out(folder: Path) -> None:
    kept = ["data.csv", "sub/tool.sh", "sub/model.bin", ".config", "environment/x.py"]
    left = [
        ".git/HEAD", "sub/.git/HEAD", "__pycache__/a.cpython-311.pyc", "old.pyc", "node_modules/a/b.js",
        ".steprelay/state",
        "my-env/pyvenv.cfg", "my-env/bin/python", ".mypy_cache/x", ".DS_Store", "sub/work.py~", ".work.py.swp", ".env",
        ".vscode/settings.json", "mine.egg-info/PKG-INFO",
    ]  # fmt: skip
    for name in [*kept, *left]:
        put(folder, name)
    assert sorted(_names(folder)) == sorted([*kept, "steprelay.json", "work.sh"])


def test_steprelayignore_adds_patterns_and_takes_defaults_back(folder: Path) -> None:
    put(folder, ".steprelayignore", "*.csv\n!keep.csv\n/top/\n!.env\n# a comment\n")
    for name in ("a.csv", "sub/b.csv", "keep.csv", "top/x.txt", "sub/top/x.txt", ".env"):
        put(folder, name)
    assert sorted(_names(folder)) == [".env", "keep.csv", "steprelay.json", "sub/top/x.txt", "work.sh"]


def test_packages_are_not_packed_into_the_next_one(folder: Path) -> None:
    first = build_package(folder)
    assert first.path.is_relative_to(folder / ".steprelay")
    assert build_package(folder).digest == first.digest


def test_a_package_written_into_its_own_folder_is_not_packed_into_the_next_one(folder: Path) -> None:
    first = build_package(folder, destination=folder / "out.tar.gz")
    assert build_package(folder, destination=folder / "out.tar.gz").digest == first.digest


def test_packages_of_days_ago_are_removed_and_new_ones_stay(folder: Path) -> None:
    old = build_package(folder)
    put(folder, "more.txt")
    recent = build_package(folder)
    os.utime(old.path, (time.time() - 10 * 24 * 3600,) * 2)
    put(folder, "yet-more.txt")
    newest = build_package(folder)
    assert sorted(old.path.parent.iterdir()) == sorted([recent.path, newest.path])


def test_links_within_the_folder_are_packed_as_what_they_point_to(folder: Path) -> None:
    put(folder, "data/a.txt", "content")
    (folder / "again").symlink_to("data", target_is_directory=True)
    (folder / "one.txt").symlink_to(folder / "data" / "a.txt")
    with tarfile.open(build_package(folder).path) as archive:
        assert all(entry.isfile() for entry in archive)
        for name in ("again/a.txt", "one.txt"):
            content = archive.extractfile(name)
            assert content is not None
            assert content.read() == b"content"


def test_links_that_lead_out_in_circles_or_nowhere_are_all_named(folder: Path, tmp_path: Path) -> None:
    outside = put(tmp_path, "secret.txt")
    (folder / "a-out").symlink_to(outside)
    (folder / "b-circle").symlink_to(folder, target_is_directory=True)
    (folder / "c-nothing").symlink_to("missing")
    found = _problems(folder)
    assert [problem.path for problem in found] == ["a-out", "b-circle", "c-nothing"]
    assert found[0].message == f"is a link out of the package, to {outside}"
    assert found[0].hint == "copy what it points to, or add it to .steprelayignore"


def test_a_link_that_is_ignored_troubles_nobody(folder: Path) -> None:
    (folder / "nothing").symlink_to("missing")
    put(folder, ".steprelayignore", "nothing\n")
    assert _names(folder) == ["steprelay.json", "work.sh"]


def test_a_named_pipe_is_no_part_of_a_package(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert _names(folder) == ["steprelay.json", "work.sh"]


def test_a_file_name_that_is_no_text_is_a_problem(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).write_text("x")
    (problem,) = _problems(folder)
    assert problem.message == "the name is not UTF-8"


def test_too_much_is_refused_with_the_ten_largest_files(folder: Path) -> None:
    for size in range(1, 13):
        put(folder, f"file-{size:02}", "x" * size * 100)
    (problem,) = _problems(folder, size_limit=1000)
    assert "at most 1000 bytes are allowed" in problem.message
    assert problem.message.index("file-12 1.2 KiB") < problem.message.index("file-03 300 bytes")
    assert "file-02" not in problem.message
    assert problem.hint is not None
    assert ".steprelayignore" in problem.hint
    assert not (folder / ".steprelay").exists()


def test_a_folder_without_a_spec_says_what_to_write(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path)
    assert problem.message == "holds no steprelay.json"


def test_a_hand_written_spec_is_checked_before_it_is_packed(folder: Path) -> None:
    put(folder, "steprelay.json", '{"spec_version": 1, "flow": "F", "stepz": {}}')
    with pytest.raises(SpecError) as caught:
        build_package(folder)
    assert {problem.path for problem in caught.value.problems} == {"stepz", "steps"}


def test_the_spec_of_a_compiled_flow_takes_the_place_of_one_in_the_folder_with_a_warning(folder: Path) -> None:
    flow = put(folder, "flow.py", FLOW)
    package = build_package(folder, compile_file(flow).flow.spec)
    assert package.spec.flow == "PythonFlow"
    assert [member.name for member in package.members].count("steprelay.json") == 1
    assert "steprelay.json" in package.warnings[0]
    with tarfile.open(package.path) as archive:
        content = archive.extractfile("steprelay.json")
        assert content is not None
        assert parse_spec(content.read()).name == "PythonFlow"


def test_a_folders_own_spec_is_packed_with_changes_and_without_a_warning(folder: Path) -> None:
    changed = parse_spec(json.dumps({**SPEC, "doc": "changed"})).spec

    package = build_package(folder, changed, replaces_own=True)
    assert package.warnings == ()
    assert [member.name for member in package.members].count("steprelay.json") == 1
    with tarfile.open(package.path) as archive:
        spec = archive.extractfile("steprelay.json")
        assert spec is not None
        assert json.load(spec)["doc"] == "changed"


def test_a_flow_file_that_is_ignored_is_found_before_the_upload(folder: Path) -> None:
    flow = put(folder, "flow.py", FLOW)
    put(folder, ".steprelayignore", "*.py\n")
    with pytest.raises(PackageError) as caught:
        build_package(folder, compile_file(flow).flow.spec)
    assert [problem.path for problem in caught.value.problems] == ["flow.py"]


@pytest.mark.parametrize(
    ("command", "mode", "message"),
    [
        ("./missing.sh", 0o644, "is the command of step 'start', but is not in the package"),
        ("./work.sh", 0o644, "is the command of step 'start', but cannot be executed"),
    ],
)
def test_a_command_that_cannot_run_is_found_before_the_upload(
    folder: Path, command: str, mode: int, message: str
) -> None:
    put(folder, "steprelay.json", json.dumps({**SPEC, "steps": {"start": {"command": [command]}}}))
    (folder / "work.sh").chmod(mode)
    assert [(problem.path, problem.message) for problem in _problems(folder)] == [(command, message)]


def test_a_command_that_can_run_is_accepted(folder: Path) -> None:
    put(folder, "steprelay.json", '{"spec_version":1,"flow":"F","steps":{"start":{"command":["./work.sh"]}}}')
    (folder / "work.sh").chmod(0o755)
    assert build_package(folder).spec.flow == "F"


def test_nothing_is_left_where_packing_fails(folder: Path, tmp_path: Path) -> None:
    put(folder, "steprelay.json", "{")
    with pytest.raises(SpecError):
        build_package(folder, destination=tmp_path / "out" / "p.tar.gz")
    assert not (tmp_path / "out").exists()


def test_the_archive_can_be_read_by_any_tar(folder: Path) -> None:
    raw = gzip.decompress(build_package(folder).path.read_bytes())
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        assert archive.getnames() == ["steprelay.json", "work.sh"]
