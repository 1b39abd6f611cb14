"""`current.checkpoint`: what one attempt leaves, and the next one finds."""

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from steprelay.runner.brief import Task
from steprelay.runner.checkpoint import TaskCheckpoint
from steprelay.runner.claim import Claim
from steprelay.runner.outcome import Attempt
from steprelay.sdk.exceptions import CheckpointError
from tests.runner.folder_store import FolderStore
from tests.runner.lab import Lab

PLACE = "runs/TheFlow-1/.checkpoints/start/0/"
LARGE = os.urandom(9 * 1024 * 1024)


class Crashes(FolderStore):
    """Fails as a network does, before the effect with this number (from 0)."""

    def __init__(self, root: Path, effects: int | None = None) -> None:
        super().__init__(root)
        self.left = effects
        self.broken = False
        self.while_uploading: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def _effect(self) -> None:
        with self._lock:
            if self.left is not None:
                if not self.left:
                    raise ConnectionError("the network is down")
                self.left -= 1

    def get(self, key: str) -> bytes:
        if self.broken and "/files/" in key:
            raise ConnectionError("the network is down")
        return super().get(key)

    def put(self, key: str, body: bytes) -> None:
        self._effect()
        super().put(key, body)

    def put_once(self, key: str, body: bytes) -> bool:
        self._effect()
        return super().put_once(key, body)

    def upload(self, key: str, body: Any, size: int) -> None:
        self._effect()
        super().upload(key, body, size)
        self.while_uploading()


class World:
    """The attempts of one task, each in a place of its own."""

    def __init__(self, folder: Path) -> None:
        self.lab = Lab(folder)
        self.store = Crashes(folder / "bucket")
        self._folder, self._places = folder, 0

    def task(self, attempt: int) -> Task:
        return self.lab.task("start", attempt=attempt, max_attempts=9)

    def attempt(self, number: int, batch: int | None = 1, **more: Any) -> TaskCheckpoint:
        self._places += 1
        place = self._folder / f"place-{self._places}"
        place.mkdir()
        return TaskCheckpoint(self.store, self.task(number), Attempt("job", batch, 1.0), place, **more)

    def claim(self, attempt: int, owner: str = "runner:x", job: str | None = "job") -> None:
        """The attempt is claimed by a first container of the job."""
        self.store.put(self.task(attempt).key("claim.json"), Claim(job, 1 if job else None, owner, 1.0).encode())

    def sent(self) -> list[str]:
        """What has been written since it was last asked, without the place of it all."""
        keys = [key.removeprefix(PLACE) for what, key in self.store.requests if what in {"PUT", "UPLOAD"}]
        self.store.requests.clear()
        return keys

    def files(self) -> list[str]:
        return [key.removeprefix(PLACE) for key in self.store.keys(f"{PLACE}files/")]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _fill(folder: Path, content: Mapping[str, bytes]) -> None:
    """Make these its files, and no others."""
    for name in _texts(folder).keys() - content.keys():
        (folder / name).unlink()
    for name, body in content.items():
        (folder / name).write_bytes(body)


def _texts(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_next_attempt_finds_what_the_one_before_has_saved(world: World) -> None:
    first = world.attempt(1)
    assert (first.restored, list(first.directory.iterdir())) == (False, [])
    content = {"tiny": b"1", "inner/small": b"2" * 5000, "inner/large": LARGE, "empty": b""}
    for name, body in content.items():
        (first.directory / name).parent.mkdir(exist_ok=True)
        (first.directory / name).write_bytes(body)
    first.save()
    second = world.attempt(2)
    assert (second.restored, _texts(second.directory)) == (True, content)


def test_only_what_was_saved_comes_back(world: World) -> None:
    first = world.attempt(1)
    (first.directory / "a").write_text("saved")
    first.save()
    (first.directory / "a").write_text("not saved")
    (first.directory / "b").write_text("not saved")
    assert _texts(world.attempt(2).directory) == {"a": b"saved"}


def test_the_latest_earlier_attempt_counts_be_it_one_of_batch_itself(world: World) -> None:
    for number, batch in [(1, 1), (2, 1), (2, 2), (2, 10), (10, 1)]:
        made = world.attempt(number, batch)
        (made.directory / "at").write_text(f"{number}.{batch}")
        made.save()
    found = {at: (world.attempt(*at).directory / "at").read_text() for at in [(2, 1), (2, 2), (2, 9), (9, 1), (10, 2)]}
    assert found == {(2, 1): "1.1", (2, 2): "2.1", (2, 9): "2.2", (9, 1): "2.10", (10, 2): "10.1"}
    assert not world.attempt(1).restored


def test_an_attempt_that_saved_nothing_hides_nothing(world: World) -> None:
    first = world.attempt(1)
    (first.directory / "a").write_text("1")
    first.save()
    assert world.attempt(2).restored
    assert _texts(world.attempt(3).directory) == {"a": b"1"}


def test_tasks_do_not_see_each_others_checkpoints(world: World) -> None:
    first = world.attempt(1)
    (first.directory / "a").write_text("1")
    first.save()
    other = world.lab.task("start", path=[0], members=[[0, 0]], attempt=2)
    beside = world._folder / "beside"
    beside.mkdir()
    assert not TaskCheckpoint(world.store, other, Attempt("job", 1, 1.0), beside).restored


def test_only_what_has_changed_is_sent(world: World) -> None:
    first = world.attempt(1)
    (first.directory / "large").write_bytes(LARGE)
    (first.directory / "small").write_bytes(b"1" * 5000)
    first.save()
    assert len(world.sent()) == 3
    (first.directory / "tiny").write_text("1")
    first.save()
    assert world.sent() == ["saved/1.1.json"]
    second = world.attempt(2)
    (second.directory / "large").rename(second.directory / "renamed")
    (second.directory / "small").write_bytes(b"2" * 5000)
    second.save()
    kinds = [key.split("/")[0] for key in world.sent()]
    assert kinds == ["files", "saved"]
    assert _texts(world.attempt(3).directory) == {"renamed": LARGE, "small": b"2" * 5000, "tiny": b"1"}


def test_large_files_go_up_in_parts_and_small_ones_in_one_request(world: World) -> None:
    first = world.attempt(1)
    (first.directory / "large").write_bytes(LARGE)
    (first.directory / "small").write_bytes(b"1" * 5000)
    first.save()
    assert sorted(what for what, key in world.store.requests if "/files/" in key) == ["PUT", "UPLOAD"]


def test_many_tiny_files_fill_no_manifest_beyond_bounds(world: World) -> None:
    first = world.attempt(1)
    content = {f"{number:03}": bytes([number % 256]) * 1000 + str(number).encode() for number in range(400)}
    for name, body in content.items():
        (first.directory / name).write_bytes(body)
    first.save()
    assert len(world.store.get(f"{PLACE}saved/1.1.json")) < 600_000
    assert _texts(world.attempt(2).directory) == content


@pytest.mark.parametrize(("effects", "whole"), [(0, False), (1, False), (2, False), (3, True)])
def test_wherever_a_save_is_cut_short_the_next_attempt_finds_all_of_one_checkpoint(
    world: World, effects: int, whole: bool
) -> None:
    old, new = {"a": b"1" * 5000, "b": LARGE, "c": b"1"}, {"a": b"2" * 5000, "b": LARGE[::-1], "d": b"2"}
    first = world.attempt(1)
    _fill(first.directory, old)
    first.save()
    _fill(first.directory, new)
    world.store.left = effects
    with contextlib.nullcontext() if whole else pytest.raises(ConnectionError):
        first.save()
    assert _texts(world.attempt(2).directory) == (new if whole else old)


def test_nothing_is_asked_of_the_store_before_the_first_use_and_little_by_the_first_attempt(world: World) -> None:
    unused = world.attempt(3)
    unused.keep()
    unused.discard()
    first = world.attempt(1)
    assert not first.restored
    first.keep()
    first.discard()
    assert world.store.requests == []


def test_keeping_what_has_not_changed_writes_nothing(world: World) -> None:
    first = world.attempt(1)
    (first.directory / "a").write_text("1")
    first.save()
    world.sent()
    first.keep()
    second = world.attempt(2)
    assert second.restored
    second.keep()
    assert world.sent() == []


def test_times_permissions_folders_and_links_come_back(world: World) -> None:
    first = world.attempt(1)
    place = first.directory
    (place / "tool.sh").write_text("echo")
    (place / "tool.sh").chmod(0o4750)
    os.utime(place / "tool.sh", ns=(1, 1_000_000_000_000_000_001))
    (place / "empty" / "inner").mkdir(parents=True)
    (place / "empty").chmod(0o500)
    (place / "near").symlink_to("tool.sh")
    (place / "far").symlink_to(place / "empty")
    (place / "empty" / "inner" / "up").symlink_to("../../tool.sh")
    (place / "dangling").symlink_to("not/yet")
    first.save()
    found = world.attempt(2).directory
    tool = (found / "tool.sh").stat()
    assert (stat.S_IMODE(tool.st_mode), tool.st_mtime_ns) == (0o750, 1_000_000_000_000_000_001)
    assert (found / "empty" / "inner").is_dir()
    assert stat.S_IMODE((found / "empty").stat().st_mode) == 0o700
    links = ["near", "far", "empty/inner/up", "dangling"]
    assert [str((found / name).readlink()) for name in links] == ["tool.sh", "empty", "../../tool.sh", "not/yet"]


def test_what_leads_out_or_is_no_file_is_left_out_and_said(
    world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    first = world.attempt(1)
    (first.directory / "out").symlink_to("../../secret")
    (first.directory / "away").symlink_to(tmp_path / "secret")
    os.mkfifo(first.directory / "pipe")
    first.save()
    left = "away (a link that leads out of the checkpoint), out (a link that leads out of the checkpoint), "
    assert f"left out of the checkpoint: {left}pipe (neither a file nor a folder)\n" in capsys.readouterr().err
    assert list(world.attempt(2).directory.iterdir()) == []


def test_a_restore_that_was_interrupted_begins_anew_at_the_next_use(world: World) -> None:
    first = world.attempt(1)
    (first.directory / "a").write_bytes(b"1" * 5000)
    first.save()
    second = world.attempt(2)
    world.store.broken = True
    with pytest.raises(CheckpointError, match="the network is down"):
        _ = second.directory
    second.keep()
    world.store.broken = False
    assert (second.restored, _texts(second.directory)) == (True, {"a": b"1" * 5000})
    assert _texts(world.attempt(3).directory) == {"a": b"1" * 5000}


@pytest.mark.parametrize("times", [2, 3])
def test_a_large_file_that_changes_on_its_way_is_sent_again_and_in_the_end_told_by_name(
    world: World, times: int
) -> None:
    first = world.attempt(1)
    large = first.directory / "large"
    large.write_bytes(LARGE)
    left = iter(range(times))

    def write_to_it() -> None:
        if next(left, None) is not None:
            with large.open("ab") as file:
                file.write(b"more")

    world.store.while_uploading = write_to_it
    if times == 3:
        with pytest.raises(CheckpointError, match="large is written to while it is saved"):
            first.save()
    else:
        first.save()
        assert _texts(world.attempt(2).directory) == {"large": LARGE + b"moremore"}


def test_a_checkpoint_that_is_gone_or_damaged_gives_way_to_the_one_before(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2, 3):
        made = world.attempt(number)
        (made.directory / "a").write_bytes(str(number).encode() * 5000)
        made.save()
    world.store.delete(key for key in world.store.keys(f"{PLACE}files/3."))
    world.store.put(f"{PLACE}saved/2.1.json", b"damaged")
    assert _texts(world.attempt(4).directory) == {"a": b"1" * 5000}
    said = capsys.readouterr().err
    assert f"the checkpoint {PLACE}saved/3.1.json is passed over" in said
    assert f"the checkpoint {PLACE}saved/2.1.json is passed over" in said


def test_files_that_no_checkpoint_needs_any_more_are_deleted_by_whoever_has_the_attempt(world: World) -> None:
    first = world.attempt(1)
    world.claim(1)
    (first.directory / "a").write_bytes(b"1" * 5000)
    (first.directory / "kept").write_bytes(b"3" * 5000)
    first.save()
    before = world.files()
    (first.directory / "a").write_bytes(b"2" * 5000)
    first.save()
    assert len(before) == len(world.files()) == 2
    assert len(set(before) & set(world.files())) == 1


@pytest.mark.parametrize("owner", ["dispatcher", "runner:later"])
def test_whoever_has_lost_the_attempt_deletes_nothing(world: World, owner: str) -> None:
    first = world.attempt(1)
    (first.directory / "a").write_bytes(b"1" * 5000)
    first.save()
    world.claim(1, owner, job=None if owner == "dispatcher" else "another job")
    (first.directory / "a").write_bytes(b"2" * 5000)
    first.save()
    first.discard()
    assert len(world.files()) == 2


def test_one_that_outlives_its_attempt_changes_nothing_of_the_next_ones(world: World) -> None:
    late, next_one = world.attempt(1), world.attempt(2)
    (late.directory / "a").write_bytes(b"1" * 5000)
    late.save()
    assert next_one.restored
    (next_one.directory / "b").write_text("2")
    next_one.save()
    world.claim(1, "dispatcher", job=None)
    (late.directory / "a").write_bytes(b"late" * 5000)
    late.save()
    assert _texts(world.attempt(3).directory) == {"a": b"1" * 5000, "b": b"2"}


def test_after_a_success_nothing_is_left(world: World) -> None:
    first = world.attempt(1)
    (first.directory / "a").write_bytes(b"1" * 5000)
    first.save()
    second = world.attempt(2)
    world.claim(2)
    (second.directory / "a").write_bytes(b"2" * 5000)
    second.save()
    second.discard()
    assert world.store.keys(PLACE) == []


def test_other_nodes_of_a_job_find_it_and_save_nothing(world: World) -> None:
    first = world.attempt(1)
    (first.directory / "a").write_text("1")
    first.save()
    world.sent()
    other = world.attempt(2, saves=False)
    assert _texts(other.directory) == {"a": b"1"}
    (other.directory / "a").write_text("2")
    other.save()
    other.keep()
    assert world.sent() == []
