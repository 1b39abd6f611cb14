"""The data bucket as the runner needs it."""

from collections.abc import Iterable
from typing import BinaryIO, Protocol


class Missing(LookupError):
    """There is no object with this key."""


class Store(Protocol):
    """One bucket. Every method may raise the implementation's own error when the bucket cannot be reached."""

    def get(self, key: str) -> bytes:
        """Raises Missing."""

    def get_tagged(self, key: str) -> tuple[bytes, str]:
        """The object and its ETag. Raises Missing."""

    def get_range(self, key: str, first: int, last: int) -> bytes:
        """Bytes `first` to `last`, both included; fewer if the object ends before. Raises Missing."""

    def download(self, key: str, into: BinaryIO) -> None:
        """Write an object of any size to a file. Raises Missing."""

    def exists(self, key: str) -> bool: ...

    def put(self, key: str, body: bytes) -> None: ...

    def put_once(self, key: str, body: bytes) -> bool:
        """Write unless the key exists; whether it was written now."""

    def put_if_match(self, key: str, body: bytes, etag: str) -> bool:
        """Replace the object if it still has this ETag; whether it was replaced."""

    def upload(self, key: str, body: BinaryIO, size: int) -> None:
        """Write an object of any size (bytes) from what can be read, in parallel parts."""

    def list_keys(self, prefix: str) -> list[str]:
        """All keys that start so, in ascending order."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are not there are no matter."""

    def after_fork(self) -> None:
        """To be called in a forked child before anything else: connections must not be shared."""
