"""The store in a folder: a fake that forked and started processes share."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from steprelay.runner.store import Missing


class FolderStore:
    """Each object is a file. `requests` lists what this process asked for, as (method, key)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.requests: list[tuple[str, str]] = []

    def get(self, key: str) -> bytes:
        self.requests.append(("GET", key))
        try:
            return (self.root / key).read_bytes()
        except FileNotFoundError:
            raise Missing(key) from None

    def get_tagged(self, key: str) -> tuple[bytes, str]:
        body = self.get(key)
        return body, hashlib.md5(body).hexdigest()

    def get_range(self, key: str, first: int, last: int) -> bytes:
        return self.get(key)[first : last + 1]

    def download(self, key: str, into: BinaryIO) -> None:
        into.write(self.get(key))

    def exists(self, key: str) -> bool:
        self.requests.append(("HEAD", key))
        return (self.root / key).exists()

    def put(self, key: str, body: bytes) -> None:
        self.requests.append(("PUT", key))
        self._written(body).replace(self._path(key))

    def put_once(self, key: str, body: bytes) -> bool:
        self.requests.append(("PUT", key))
        written = self._written(body)
        try:
            os.link(written, self._path(key))
        except FileExistsError:
            return False
        finally:
            written.unlink()
        return True

    def put_if_match(self, key: str, body: bytes, etag: str) -> bool:
        if self.get_tagged(key)[1] != etag:
            return False
        self.put(key, body)
        return True

    def upload(self, key: str, body: BinaryIO, size: int) -> None:
        self.requests.append(("UPLOAD", key))
        with self._path(key).open("wb") as file:
            shutil.copyfileobj(body, file)

    def list_keys(self, prefix: str) -> list[str]:
        self.requests.append(("LIST", prefix))
        return self.keys(prefix)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.requests.append(("DELETE", key))
            (self.root / key).unlink(missing_ok=True)

    def after_fork(self) -> None:
        """Files are not shared connections."""

    def keys(self, under: str = "") -> list[str]:
        """All keys that start so."""
        every = (str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())
        return sorted(key for key in every if key.startswith(under))

    def _path(self, key: str) -> Path:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _written(self, body: bytes) -> Path:
        self.root.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.root.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        return Path(name)
