"""Packages, good and bad, as bytes."""

import gzip
import io
import json
import random
import tarfile
from collections.abc import Callable
from typing import Any

from steprelay_core.intake.package import read_package
from steprelay_core.spec import SpecError

# A member is its content, or what makes something else of it than a file.
Content = bytes | Callable[[tarfile.TarInfo], None]


def spec(flow: str = "RobustFlow", **more: Any) -> dict[str, Any]:
    """A spec of one light step."""
    return {"spec_version": 1, "flow": flow, "steps": {"start": {"command": ["true"]}}, **more}


def spec_member(document: Any = None) -> tuple[str, bytes]:
    return "steprelay.json", json.dumps(spec() if document is None else document).encode()


def tar(*members: tuple[str, Content]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                content(info)
                archive.addfile(info)
    return written.getvalue()


def package(*members: tuple[str, Content]) -> bytes:
    return gzip.compress(tar(*members), mtime=0)


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that no compression shortens."""
    return random.Random(seed).randbytes(size)


def link(target: str, kind: bytes = tarfile.SYMTYPE) -> Callable[[tarfile.TarInfo], None]:
    def make(info: tarfile.TarInfo) -> None:
        info.type, info.linkname = kind, target

    return make


class Bucket:
    """One uploaded object, and the ranges of it that were fetched."""

    def __init__(self, body: bytes, size: int | None = None) -> None:
        self.body = body
        self.size = len(body) if size is None else size
        self.fetched: list[int] = []

    def fetch(self, start: int, size: int) -> bytes:
        piece = self.body[start : start + size]
        self.fetched.append(len(piece))
        return piece


def problems(body: bytes) -> list[str]:
    """What is wrong with a package; empty where nothing is."""
    bucket = Bucket(body)
    try:
        read_package(bucket.fetch, bucket.size)
    except SpecError as error:
        return [str(problem) for problem in error.problems]
    return []
