"""Unpacking packages nobody vouches for."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from steprelay.runner.package import PackageError, link_package, unpack_package
from tests.runner.lab import Lab, pack


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> Callable[[tarfile.TarFile], None]:
    def add(archive: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        archive.addfile(info, io.BytesIO())

    return add


def _unpack(tmp_path: Path, body: bytes) -> Path:
    lab = Lab(tmp_path)
    unpack_package(lab.store, lab.add_archive(body), tmp_path / "unpacked")
    return tmp_path / "unpacked"


def test_files_keep_their_content_and_their_executable_bit(tmp_path: Path) -> None:
    root = _unpack(tmp_path, pack({"a/b.txt": "text", "run.sh": "#!/bin/sh"}))
    assert (root / "a/b.txt").read_text() == "text"
    assert (root / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (root / "a/b.txt").stat().st_mode & 0o777 == 0o644


def test_links_inside_the_package_are_kept(tmp_path: Path) -> None:
    root = _unpack(tmp_path, pack({"a/b.txt": "text"}, _member("c/link", tarfile.SYMTYPE, "../a/b.txt")))
    assert (root / "c/link").read_text() == "text"


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (_member("/etc/x"), "member '/etc/x' reaches out"),
        (_member("../x"), "member '../x' reaches out"),
        (_member("a/../../x"), "reaches out"),
        (_member("out", tarfile.SYMTYPE, "../outside"), "link 'out' points out of the package"),
        (_member("out", tarfile.SYMTYPE, "/etc"), "link 'out' points out of the package"),
        (_member("hard", tarfile.LNKTYPE, "a.txt"), "is neither file, folder nor symbolic link"),
        (_member("device", tarfile.CHRTYPE), "is neither file, folder nor symbolic link"),
        (_member("a.txt"), "File exists"),
    ],
)
def test_members_that_reach_out_are_refused(
    tmp_path: Path, member: Callable[[tarfile.TarFile], None], message: str
) -> None:
    with pytest.raises(PackageError, match=message):
        _unpack(tmp_path, pack({"a.txt": ""}, member))


def test_a_chain_of_links_does_not_lead_out(tmp_path: Path) -> None:
    def chain(archive: tarfile.TarFile) -> None:
        _member("d", tarfile.DIRTYPE)(archive)
        _member("d/up", tarfile.SYMTYPE, "..")(archive)
        _member("d/up/further", tarfile.SYMTYPE, "d/up/..")(archive)
        _member("d/up/further/x")(archive)

    with pytest.raises(PackageError, match="points out of the package"):
        _unpack(tmp_path, pack({}, chain))
    assert not (tmp_path / "x").exists()


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="cannot be unpacked"):
        _unpack(tmp_path, pack({"a.txt": "x" * 10_000})[:60])


def test_an_archive_with_another_digest_is_refused(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.store.put("packages/abc.tar.gz", pack({"a.txt": "x"}))
    with pytest.raises(PackageError, match="was changed after it was accepted"):
        unpack_package(lab.store, "packages/abc.tar.gz", tmp_path / "unpacked")


def test_a_linked_package_shows_every_file_and_takes_new_ones(tmp_path: Path) -> None:
    root = _unpack(tmp_path, pack({"a/b.txt": "text"}, _member("c", tarfile.SYMTYPE, "a/b.txt")))
    link_package(root, tmp_path / "linked")
    (tmp_path / "linked/a/new.txt").write_text("new")
    assert (tmp_path / "linked/a/b.txt").read_text() == (tmp_path / "linked/c").read_text() == "text"
    assert not (root / "a/new.txt").exists()
