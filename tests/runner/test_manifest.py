"""A checkpoint's list of files: what is kept, and what is never followed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steprelay.runner.manifest import (
    Folder,
    Link,
    Manifest,
    ManifestError,
    StoredFile,
    decode_manifest,
    encode_manifest,
    stays_inside,
)

names = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=5).filter(
    lambda name: name not in {".", ".."}
)
modes = st.integers(0, 0o777)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    top = draw(st.lists(names, unique=True, max_size=6))
    files = [
        StoredFile(f"d{name}", mode | 0o600, 5, len(body), "00", body)
        for name, mode, body in zip(
            top, [draw(modes) for _ in top], [draw(st.binary(max_size=9)) for _ in top], strict=True
        )
    ]
    stored = [StoredFile(f"e/{name}", 0o600, 7, 9, "11", key=f"k/{name}") for name in top]
    links = [Link(f"e/l{name}", f"../d{name}") for name in top]
    return Manifest((*files, *stored), tuple(links), (Folder("e", draw(modes) | 0o700),))


@given(manifests())
def test_what_is_encoded_is_decoded(manifest: Manifest) -> None:
    assert decode_manifest(encode_manifest(manifest, 1.0)) == manifest


def test_only_permissions_are_kept_and_whoever_restores_may_use_what_is_there() -> None:
    file = StoredFile("a", 0o6000, 0, 0, "00", b"")
    read = decode_manifest(encode_manifest(Manifest((file,), (), (Folder("b", 0o1000),)), 1.0))
    assert (read.files[0].mode, read.folders[0].mode) == (0o600, 0o700)


def _document(**changes: Any) -> bytes:
    return json.dumps({"checkpoint_version": 1, "files": [], "links": [], "folders": [], **changes}).encode()


def _file(path: str) -> dict[str, Any]:
    return {"path": path, "mode": 0o600, "modified": 0, "size": 0, "sha256": "", "inline": ""}


@pytest.mark.parametrize("path", ["/etc/passwd", "../a", "a/../../b", "..", ".", "", "a//b", "./a", "a/", "a\0b"])
@pytest.mark.parametrize("kind", ["files", "links", "folders"])
def test_a_path_that_leads_out_of_the_folder_is_refused(kind: str, path: str) -> None:
    entry = {"files": _file(path), "links": [path, "x"], "folders": [path, 0o700]}[kind]
    with pytest.raises(ManifestError, match="is no path inside a folder"):
        decode_manifest(_document(**{kind: [entry]}))


@pytest.mark.parametrize("target", ["/etc/passwd", "..", "../../a", "b/../../..", "b/../..", ""])
def test_a_link_that_leads_out_of_the_folder_is_refused(target: str) -> None:
    with pytest.raises(ManifestError, match="out of its folder"):
        decode_manifest(_document(links=[["a", target]]))


def test_nothing_can_be_written_through_a_link() -> None:
    with pytest.raises(ManifestError, match="which is no folder"):
        decode_manifest(_document(links=[["a", "b"]], files=[_file("a/c")]))


def test_a_path_that_comes_twice_is_refused() -> None:
    with pytest.raises(ManifestError, match="twice"):
        decode_manifest(_document(links=[["a", "b"]], files=[_file("a")]))


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"null", b"\xff", _document(files=[{}]), _document(checkpoint_version=2), b'{"a"']
)
def test_what_is_no_manifest_of_this_version_is_refused(raw: bytes) -> None:
    with pytest.raises(ManifestError):
        decode_manifest(raw)


@pytest.mark.parametrize(
    ("path", "target", "inside"),
    [
        ("a", "b", True), ("a", "b/c", True), ("a", ".", True), ("d/a", "../b", True), ("d/e/a", "../../b", True),
        ("a", "../b", False), ("d/a", "../../b", False), ("a", "/b", False),
        # Where `b` is a link to `.`, this is the folder above.
        ("a", "b/..", False), ("d/a", "../b/..", False),
    ],
)  # fmt: skip
def test_a_link_stays_inside_only_where_no_other_link_can_change_that(path: str, target: str, inside: bool) -> None:
    assert stays_inside(path, target) is inside
