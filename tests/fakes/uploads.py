"""The package bucket as a dictionary."""

import hashlib
from dataclasses import dataclass, field

from steprelay_core import keys
from steprelay_core.inbound import Upload
from steprelay_core.ports import UploadHead
from tests.fakes.objects import MemoryObjects


@dataclass
class Uploaded:
    """One version of an object, with what the relay wrote on it."""

    body: bytes
    version: str | None = "v1"
    uploaded_at: float = 1_790_000_000.0
    metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


class MemoryUploads:
    """`uploaded` by key; `reads` lists the ranges fetched. `store` copies to `objects`."""

    def __init__(self, objects: MemoryObjects) -> None:
        self.uploaded: dict[str, Uploaded] = {}
        self.reads: list[tuple[int, int]] = []
        self._objects = objects

    def head(self, upload: Upload) -> UploadHead | None:
        found = self.uploaded.get(upload.key)
        if found is None or upload.version not in (None, found.version):
            return None
        return UploadHead(found.version, len(found.body), found.uploaded_at, found.metadata)

    def read(self, upload: Upload, start: int, size: int) -> bytes:
        self.reads.append((start, size))
        return self.uploaded[upload.key].body[start : start + size]

    def store(self, upload: Upload, head: UploadHead) -> str:
        body = self.uploaded[upload.key].body
        digest = hashlib.sha256(body).hexdigest()
        self._objects.put(keys.package(digest), body)
        return digest

    def tag(self, upload: Upload, tags: dict[str, str]) -> None:
        self.uploaded[upload.key].tags |= tags
