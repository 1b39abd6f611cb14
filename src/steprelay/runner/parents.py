"""Where a task's inputs come from: the finished tasks that the brief names, read when they are needed."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from steprelay.runner.artifacts import ArtifactReader
from steprelay.runner.brief import JOINS, ParentGroup, Task, attempt_key, split_of
from steprelay.runner.items import load_item
from steprelay.runner.outcome import Outcome, StackFrame, decode_outcome
from steprelay.runner.store import Store
from steprelay.sdk.binding import Ref

# A join over thousands of splits reads ahead this many outcomes, or artifacts, at a time.
_BLOCK = 64
_THREADS = 16


class Frame:
    """A foreach that encloses the task; its item is read once, when asked for."""

    def __init__(self, store: Store, frame: StackFrame) -> None:
        self._store, self.frame = store, frame

    @property
    def index(self) -> int:
        return self.frame.index

    @property
    def size(self) -> int:
        return self.frame.size

    def item(self) -> Any:
        return self._item

    @cached_property
    def _item(self) -> Any:
        return load_item(self._store, self.frame.items, self.frame.index)


class Parent:
    """A finished task: an input of a join, or the task that this one goes on from."""

    def __init__(self, crowd: "Parents", position: int, group: ParentGroup, member: int, attempt: int) -> None:
        self._crowd, self._position = crowd, position
        self.step, self.path, self.member = group.step, group.path, member
        self.split = split_of(group.path, member, group.laps)
        self.attempt = attempt

    @property
    def index(self) -> int | None:
        """Its split in the innermost foreach; None outside any."""
        return self.member if self.path else None

    def key(self, name: str) -> str:
        return attempt_key(self._crowd.run, self.step, self.split, self.attempt, name)

    def outcome(self) -> Outcome:
        return self._crowd.outcome(self._position)

    def artifacts(self) -> dict[str, Ref]:
        return dict(self.outcome().artifacts)

    def value(self, name: str) -> Any:
        return self._crowd.value(self._position, name)

    def item(self) -> Any:
        stack = self.outcome().stack
        return Frame(self._crowd.store, stack[-1]).item() if stack else None


class Parents:
    """All finished tasks that a task starts from, in the order a join sees them.

    Outcomes and artifacts are read in blocks: the first use of one reads its neighbours' too, in parallel.
    """

    def __init__(self, store: Store, reader: ArtifactReader, task: Task) -> None:
        self.store, self.run = store, task.brief.run
        self._reader = reader
        self._outcomes: dict[int, Outcome] = {}
        self._read_ahead: dict[str, bytes] = {}
        places = places_of(task)
        self.all = tuple(Parent(self, position, *place) for position, place in enumerate(places))

    @property
    def first(self) -> Parent | None:
        """The parent whose foreachs and, outside joins, artifacts the task takes over; None in the first step."""
        return self.all[0] if self.all else None

    def read_so_far(self) -> Iterable[Outcome]:
        """The outcomes that have been read."""
        return self._outcomes.values()

    def outcome(self, position: int) -> Outcome:
        if position not in self._outcomes:
            block = [at for at in self._block(position) if at not in self._outcomes]
            raws = _in_parallel(lambda at: self.store.get(self.all[at].key("outcome.json")), block)
            self._outcomes.update(zip(block, map(decode_outcome, raws), strict=True))
        return self._outcomes[position]

    def value(self, position: int, name: str) -> Any:
        ref = self.outcome(position).artifacts[name]
        if ref.sha256 not in self._read_ahead and len(self.all) > 1 and self._reader.is_small(ref):
            self._read_block(position, name)
        return self._reader.load(ref, self._read_ahead.get(ref.sha256))

    def _read_block(self, position: int, name: str) -> None:
        refs = {}
        for at in self._block(position):
            ref = self.outcome(at).artifacts.get(name)
            if ref is not None and self._reader.is_small(ref):
                refs[ref.sha256] = ref
        # Only one block is kept, so that memory does not grow with the number of splits.
        bodies = _in_parallel(self._reader.fetch, list(refs.values()))
        self._read_ahead = dict(zip(refs, bodies, strict=True))

    def _block(self, position: int) -> range:
        return range(position, min(position + _BLOCK, len(self.all)))


def _in_parallel(work: Callable[[Any], Any], given: Sequence[Any]) -> list[Any]:
    if len(given) < 2:
        return [work(one) for one in given]
    with ThreadPoolExecutor(min(_THREADS, len(given)), thread_name_prefix="steprelay-read") as pool:
        return list(pool.map(work, given))


def places_of(task: Task) -> Iterable[tuple[ParentGroup, int, int]]:
    """(group, member, winning attempt) of every parent, in the order a join sees them."""
    brief = task.brief
    won = [(group, member, attempt) for group in brief.groups for attempt, members in group.won for member in members]
    if brief.input_kind == "gather":
        return sorted(won, key=lambda place: place[1])
    if brief.input_kind == "item":
        return won[:1]
    return [place for place in won if place[1] == task.member]


def carried_artifacts(task: Task, parents: Parents) -> dict[str, Ref]:
    """What the task starts with by itself: its parent's artifacts; nothing in a join or in the first step."""
    if parents.first is None or task.brief.input_kind in JOINS:
        return {}
    return parents.first.artifacts()


def stack_of(task: Task, parents: Parents) -> tuple[StackFrame, ...]:
    """The foreachs that enclose the task, outermost first."""
    if parents.first is None:
        return ()
    outcome = parents.first.outcome()
    if task.brief.input_kind == "gather":
        return outcome.stack[:-1]
    if task.brief.input_kind == "item":
        return (*outcome.stack, StackFrame(task.member, outcome.foreach_count or 0, parents.first.key("items")))
    return outcome.stack
