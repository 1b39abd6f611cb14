"""Artifacts: pickled values, stored under the digest of their bytes, so that equal content is stored once.

Small ones are no objects of their own: they travel in the outcome, which is read anyhow.
"""

import hashlib
import pickle
import tempfile
from collections.abc import Container, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from steprelay.runner.store import Store
from steprelay.sdk.binding import Ref
from steprelay.sdk.exceptions import ArtifactError

# Protocol 5 is in every Python that can run a step, and is never raised: digests must not change with Python.
PICKLE_PROTOCOL = 5
# Up to here an artifact is one PUT from memory; above, it is spooled to disk and sent in parallel parts.
SMALL_BYTES = 8 * 1024 * 1024
# Up to here a pickle travels in the outcome, and so do all of an outcome's together up to the other.
INLINE_BYTES = 1024
INLINE_TOTAL = 16 * 1024
_THREADS = 8
_IMMUTABLE = (int, float, complex, str, bytes, bool, type(None))


class Spool:
    """What pickling writes: in memory while small, else in a temporary file in `folder`. Close it when done."""

    def __init__(self, folder: Path | None = None) -> None:
        place = None if folder is None else str(folder)
        self.file = tempfile.SpooledTemporaryFile(max_size=SMALL_BYTES, prefix="steprelay-", dir=place)  # noqa: SIM115
        self.size = 0

    def write(self, data: bytes) -> int:
        """Take in what comes; a large value goes to the disk at once, and is never copied whole."""
        size = memoryview(data).nbytes
        if self.size <= SMALL_BYTES < self.size + size:
            self.file.rollover()
        self.size += size
        self.file.write(data)
        return size

    def close(self) -> None:
        self.file.close()


class Payload(Spool):
    """A pickled value, with its digest."""

    def __init__(self, value: Any, spool: Path | None = None) -> None:
        super().__init__(spool)
        self._digest = hashlib.sha256()
        pickle.Pickler(cast("BinaryIO", self), protocol=PICKLE_PROTOCOL).dump(value)
        self.ref = Ref(self._digest.hexdigest(), self.size, type(value).__qualname__, self._inline())

    def _inline(self) -> bytes | None:
        if self.size > INLINE_BYTES:
            return None
        self.file.seek(0)
        return self.file.read()

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return super().write(data)

    def store(self, store: Store, key: str) -> None:
        """Write it, unless it is there."""
        self.file.seek(0)
        if self.size <= SMALL_BYTES:
            store.put_once(key, self.file.read())
        elif not store.exists(key):
            store.upload(key, cast("BinaryIO", self.file), self.size)


def artifact_key(flow: str, ref: Ref) -> str:
    return f"artifacts/{flow}/{ref.sha256}"


@dataclass(frozen=True)
class ArtifactReader:
    """Loads artifacts of one flow; the bytes of small ones are kept, to tell later whether they changed.

    `spool`: a folder on disk for large ones. The step's own temporary folder may be memory, and is the step's.
    """

    store: Store
    flow: str
    spool: Path | None = None
    kept: dict[str, bytes] = field(default_factory=dict)

    def is_small(self, ref: Ref) -> bool:
        """Whether reading it ahead is worth its memory."""
        return ref.size <= SMALL_BYTES // 64

    def fetch(self, ref: Ref) -> bytes:
        return self.store.get(artifact_key(self.flow, ref)) if ref.body is None else ref.body

    def _fetch_and_keep(self, ref: Ref) -> bytes:
        body = self.kept.get(ref.sha256) or self.fetch(ref)
        if self.is_small(ref):
            self.kept[ref.sha256] = body
        return body

    def load(self, ref: Ref, body: bytes | None = None) -> Any:
        """The value; `body` if its bytes are at hand.

        Raises:
            ArtifactError: if it cannot be unpickled here.
        """
        try:
            if body is not None or ref.size <= SMALL_BYTES:
                return pickle.loads(body or self._fetch_and_keep(ref))  # noqa: S301 - the run's own data
            with tempfile.TemporaryFile(prefix="steprelay-", dir=self.spool) as file:
                self.store.download(artifact_key(self.flow, ref), file)
                file.seek(0)
                return pickle.load(file)  # noqa: S301 - the run's own data
        except (pickle.UnpicklingError, AttributeError, ImportError, EOFError, TypeError) as error:
            raise ArtifactError(
                f"an artifact of class {ref.type} cannot be read: {type(error).__name__}: {error} "
                "(is its module in the package and in the image?)"
            ) from error


@dataclass(frozen=True)
class ArtifactWriter:
    """Stores artifacts of one flow. `known` holds digests that are certainly there already."""

    reader: ArtifactReader
    step: str

    def save(
        self,
        values: Mapping[str, Any],
        loaded: Mapping[str, tuple[Ref, Any]],
        known: Iterable[Ref] = (),
        *,
        room: int = INLINE_TOTAL,
        drop_unpicklable: bool = False,
    ) -> dict[str, Ref]:
        """Store what is new or changed; a reference for each value.

        `loaded` has the reference and the original of those that were read from the store; `room` is how many bytes
        of pickles the outcome has left.

        Raises:
            ArtifactError: if values cannot be pickled; it names them all.
        """
        refs, payloads, problems = self._pickle_all(values, loaded)
        try:
            if problems and not drop_unpicklable:
                raise ArtifactError("; ".join(problems))
            refs = _within(room, refs, {payload.ref.sha256 for payload in payloads})
            outside = {ref.sha256 for ref in refs.values() if ref.body is None}
            outside -= {ref.sha256 for ref in known if ref.body is None}
            fresh = {payload.ref.sha256: payload for payload in payloads if payload.ref.sha256 in outside}
            self._store_all(list(fresh.values()))
        finally:
            for payload in payloads:
                payload.close()
        return refs

    def _pickle_all(
        self, values: Mapping[str, Any], loaded: Mapping[str, tuple[Ref, Any]]
    ) -> tuple[dict[str, Ref], list[Payload], list[str]]:
        refs: dict[str, Ref] = {}
        payloads: list[Payload] = []
        problems: list[str] = []
        for name, value in values.items():
            before, original = loaded.get(name, (None, None))
            if before is not None and value is original and isinstance(value, _IMMUTABLE):
                refs[name] = before
                continue
            try:
                payload = Payload(value, self.reader.spool)
            except Exception as error:  # pickling runs people's code, which may raise anything
                problems.append(
                    f"step {self.step!r}: self.{name} is a {type(value).__qualname__} and cannot be stored as an "
                    f"artifact ({type(error).__name__}: {error}); delete it, or keep it in a local variable"
                )
                continue
            if before is not None and self._unchanged(before, payload.ref):
                refs[name] = before
                payload.close()
            else:
                refs[name] = payload.ref
                payloads.append(payload)
        return refs, payloads, problems

    def _unchanged(self, before: Ref, now: Ref) -> bool:
        """Whether a value that was read and pickled again is what it was.

        Equal values can pickle differently in another process (the order of a set, shared strings). Then
        the stored one is read and pickled here as well: a mere reading must not look like a change, which
        would become a conflict in a join.
        """
        if before.sha256 == now.sha256:
            return True
        if before.type != now.type or before.size > SMALL_BYTES:
            return False
        again = Payload(self.reader.load(before), self.reader.spool)
        again.close()
        return again.ref.sha256 == now.sha256

    def _store_all(self, payloads: list[Payload]) -> None:
        def store(payload: Payload) -> None:
            payload.store(self.reader.store, artifact_key(self.reader.flow, payload.ref))

        if len(payloads) < 2:
            for payload in payloads:
                store(payload)
            return
        with ThreadPoolExecutor(min(_THREADS, len(payloads)), thread_name_prefix="steprelay-write") as pool:
            list(pool.map(store, payloads))


def _within(room: int, refs: Mapping[str, Ref], fresh: Container[str]) -> dict[str, Ref]:
    """The references, those of fresh content without their body once there is no more room for it."""
    kept: dict[str, Ref] = {}
    for name, ref in refs.items():
        if ref.body is not None and len(ref.body) > room and ref.sha256 in fresh:
            kept[name] = ref._replace(body=None)
        else:
            kept[name] = ref
            room -= len(ref.body or b"")
    return kept


def inline_bytes(refs: Iterable[Ref]) -> int:
    """How much of an outcome's room these take."""
    return sum(len(ref.body or b"") for ref in refs)
