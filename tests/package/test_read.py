"""Looking into a package, and saying well what is wrong with a file that is none."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from steprelay.package import PackageError, build_package, read_package
from steprelay_core.spec import SpecError
from tests.package.conftest import put


def _archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.replace("_json", ".json"))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def test_what_was_built_reads_back_from_file_and_bytes(folder: Path) -> None:
    (folder / "work.sh").chmod(0o755)
    package = build_package(folder)
    for source in (package.path, str(package.path), package.path.read_bytes()):
        contents = read_package(source)
        assert contents.flow.spec == package.spec
        assert (contents.digest, contents.size, contents.members) == (package.digest, package.size, package.members)


def test_a_spec_that_does_not_come_first_is_found() -> None:
    spec = b'{"spec_version": 1, "flow": "F", "steps": {"start": {"command": ["x"]}}}'
    assert read_package(_archive(other=b"x", steprelay_json=spec)).flow.name == "F"


def test_a_cut_off_package_is_refused(folder: Path) -> None:
    put(folder, "noise.txt", "".join(chr(97 + n * n * 7 % 26) for n in range(100_000)))
    content = build_package(folder).path.read_bytes()
    for length in (5, 30, len(content) // 2, len(content) - 30):
        with pytest.raises(PackageError, match="is no package, or cut off"):
            read_package(content[:length])


@pytest.mark.parametrize("content", [b"", b"hello", gzip.compress(b"hello", mtime=0), b"\x1f\x8b" + b"\0" * 40])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    with pytest.raises(PackageError):
        read_package(content)


def test_an_archive_without_a_spec_is_refused() -> None:
    with pytest.raises(PackageError, match=r"holds no steprelay\.json"):
        read_package(_archive(other=b"x"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="cannot be read: No such file"):
        read_package(tmp_path / "missing.tar.gz")


def test_an_invalid_spec_in_a_package_gives_its_problems() -> None:
    with pytest.raises(SpecError):
        read_package(_archive(steprelay_json=b"{}"))
