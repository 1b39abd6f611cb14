"""`current.checkpoint` on the store: restored at its first use, saved as a whole or not at all.

Each container that makes an attempt has a manifest of its own and files of its own. So one that outlives its attempt
cannot touch what a later one has saved, and the latest attempt's manifest is the one to restore.
"""

import contextlib
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from steprelay.runner.brief import Task
from steprelay.runner.checkpoint_files import Sender, fetch, look_through
from steprelay.runner.claim import decode_claim
from steprelay.runner.manifest import Manifest, ManifestError, decode_manifest, encode_manifest
from steprelay.runner.outcome import Attempt
from steprelay.runner.store import Missing, Store
from steprelay.runner.watchdog import held_back
from steprelay.sdk.exceptions import CheckpointError

_PATIENCE_SECONDS = 15.0
_MANIFEST = re.compile(r"(\d+)\.(\d+)\.json")


def _ignored(*, may_be_saved: bool) -> None:
    """Nobody wants to know."""


def place_of(task: Task) -> str:
    """What the keys of all checkpoints of a task begin with. No step has such a name; so none has these keys."""
    return f"runs/{task.brief.run}/.checkpoints/{task.brief.step}/{task.split}/"


class TaskCheckpoint:
    """One attempt's checkpoint. `scratch`: where its folder is made; `saves`: not on every node of a job.

    `tell` hears, whenever it changes, whether the folder may be saved by whoever watches this process.
    """

    def __init__(
        self,
        store: Store,
        task: Task,
        attempt: Attempt,
        scratch: Path,
        *,
        saves: bool = True,
        tell: Callable[..., None] = _ignored,
    ) -> None:
        self._store, self._task, self._attempt, self._saves, self._tell = store, task, attempt, saves, tell
        self._folder, self._note = scratch / "checkpoint", scratch / "checkpoint.json"
        self._making = scratch / "checkpoint-making"
        self._place = place_of(task)
        self._number = (task.brief.attempt, attempt.batch_attempt or 1)
        # Threads of a step use it too.
        self._lock = threading.RLock()
        self._writing = 0
        self._base: Manifest | None = None
        self._found = False
        self._opened = False
        self._torn = False

    @property
    def directory(self) -> Path:
        self._open()
        return self._folder

    @property
    def restored(self) -> bool:
        self._open()
        return self._found

    def save(self) -> None:
        self._open()
        with _in_peace(), self._lock:
            if self._saves:
                self._save()
            self._is_torn(self._torn and self._writing > 0)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Path]:
        directory = self.directory
        with _in_peace(), self._lock:
            self._writing += 1
            self._is_torn(True)
            try:
                yield directory
            finally:
                self._writing -= 1
            # Not where the body failed: what it was writing stays half written, until all of it is written again.
            self._is_torn(self._writing > 0)

    def keep(self) -> None:
        """Save what an attempt leaves that is cut short, if it used its checkpoint; problems are only said."""
        if self._opened and self._saves:
            self._tell(may_be_saved=False)
            self._keep()

    def keep_for_ended_process(self) -> None:
        """The same in place of a process that is gone: from the folder it left, and its note of what it had saved."""
        with contextlib.suppress(FileNotFoundError):
            self._base = decode_manifest(self._note.read_bytes())
        self._keep()

    def discard(self) -> None:
        """Delete all of the task's checkpoints, whose attempt has succeeded, if it had to do with any."""
        if self._base is not None and self._saves:
            with self._said("the checkpoint is no longer needed and could not be deleted"):
                self._delete(self._store.list_keys(self._place))

    def _keep(self) -> None:
        with self._said("the checkpoint could not be saved"):
            # A thread of the step that never lets go must not keep the attempt from ending.
            if not self._lock.acquire(timeout=_PATIENCE_SECONDS):
                raise CheckpointError("a thread of the step is still writing to it")
            try:
                if self._torn:
                    raise CheckpointError("it was left half written; the last save stands")
                self._save(unless_unchanged=True)
            finally:
                self._lock.release()

    def _open(self) -> None:
        with self._lock:
            if self._opened:
                return
            found = self._restore()
            with _in_peace():
                self._making.rename(self._folder)
                if found is not None:
                    self._remember(found)
                self._found, self._opened = found is not None, True
                self._is_torn(False)

    def _is_torn(self, torn: bool) -> None:
        self._torn = torn
        self._tell(may_be_saved=self._saves and not torn)

    def _restore(self) -> Manifest | None:
        """Put the latest earlier attempt's checkpoint where it is made ready; None, and nothing, if there is none."""
        for key in self._earlier():
            self._make_room()
            try:
                manifest = decode_manifest(self._store.get(key))
                fetch(self._store, manifest, self._making)
            except (ManifestError, Missing) as error:
                _say(f"the checkpoint {key} is passed over: {error}")
                continue
            except OSError as error:
                raise CheckpointError(f"checkpoint: cannot be restored to {self._making}: {error}") from error
            return manifest
        self._make_room()
        return None

    def _make_room(self) -> None:
        shutil.rmtree(self._making, ignore_errors=True)
        self._making.mkdir(parents=True)

    def _earlier(self) -> list[str]:
        """The manifests of earlier attempts, the latest first; the first attempt of all asks nobody."""
        if self._number <= (1, 1):
            return []
        keys = self._store.list_keys(f"{self._place}saved/")
        numbered = [(_number_of(key), key) for key in keys]
        return [key for number, key in sorted(numbered, reverse=True) if (0, 0) < number < self._number]

    def _save(self, *, unless_unchanged: bool = False) -> None:
        found = look_through(self._folder)
        if found.left_out:
            _say(f"left out of the checkpoint: {', '.join(found.left_out)}")
        own = ".".join(map(str, self._number))
        base = self._base or Manifest()
        manifest = Sender(self._store, self._folder, f"{self._place}files/{own}/", base).send(found)
        if unless_unchanged and manifest == base:
            return
        raw = encode_manifest(manifest, time.time())
        self._store.put(f"{self._place}saved/{own}.json", raw)
        self._remember(manifest, raw)
        if gone := base.keys - manifest.keys:
            with self._said("files of the checkpoint that are no longer needed could not be deleted"):
                self._delete(sorted(gone))

    def _remember(self, manifest: Manifest, raw: bytes | None = None) -> None:
        self._base = manifest
        making = self._note.with_suffix(".making")
        making.write_bytes(raw or encode_manifest(manifest, 0.0))
        making.replace(self._note)

    def _delete(self, keys: list[str]) -> None:
        # Whoever has lost the attempt leaves all to the next one, which may be at work with it.
        if self._is_ours():
            self._store.delete(keys)

    def _is_ours(self) -> bool:
        try:
            held = decode_claim(self._store.get(self._task.key("claim.json")))
        except Missing:
            return False
        mine = (self._attempt.job_id, self._attempt.batch_attempt)
        return held.owner != "dispatcher" and (held.job_id, held.batch_attempt) == mine

    @contextlib.contextmanager
    def _said(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            _say(f"{what}: {type(error).__name__}: {error}")


def _number_of(key: str) -> tuple[int, int]:
    """Attempt and Batch-internal attempt that wrote a manifest; (0, 0) for what is none."""
    matched = _MANIFEST.fullmatch(key.rpartition("/")[2])
    return (int(matched[1]), int(matched[2])) if matched else (0, 0)


def _in_peace() -> contextlib.AbstractContextManager[None]:
    """The body is not interrupted by the time limit nor the container's end; other threads are not anyhow."""
    return held_back() if threading.current_thread() is threading.main_thread() else contextlib.nullcontext()


def _say(text: str) -> None:
    print(f"steprelay: {text}", file=sys.stderr)  # noqa: T201 - the step's log
