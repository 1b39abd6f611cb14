"""Where a task's inputs come from: the finished tasks that the brief names, read when they are needed."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

from steprelay.runner.artifacts import ArtifactReader
from steprelay.runner.brief import JOINS, ParentGroup, Task, attempt_key, split_of
from steprelay.runner.items import load_item
from steprelay.runner.outcome import Outcome, StackFrame, decode_outcome
from steprelay.runner.store import Store
from steprelay.sdk.binding import Ref

# A join that goes over its inputs in order reads up to so many outcomes, or artifacts, ahead.
_BLOCK = 64
_THREADS = 16
# Outcomes are kept up to so many bytes (as they are stored), artifacts that were read ahead for so many names.
_OUTCOMES_KEPT = 32 * 1024 * 1024
_NAMES_KEPT = 16


class Frame:
    """A foreach that encloses the task; its item is read once, when asked for."""

    def __init__(self, store: Store, frame: StackFrame, spool: Path | None = None) -> None:
        self._store, self.frame, self._spool = store, frame, spool

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
        return load_item(self._store, self.frame.items, self.frame.index, self._spool)


class Parent:
    """A finished task: an input of a join, or the task that this one goes on from."""

    def __init__(self, crowd: "Parents", position: int, group: ParentGroup, member: int, attempt: int) -> None:
        self._crowd, self._position = crowd, position
        self.step, self.path, self.member = group.step, group.path, member
        self.laps = group.laps
        self.attempt = attempt

    @property
    def split(self) -> str:
        return split_of(self.path, self.member, self.laps)

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
        return self._crowd.frame(stack[-1]).item() if stack else None


class _Ahead:
    """How far to read ahead: not at all, until one is asked for after the other; then ever farther."""

    def __init__(self) -> None:
        self._next, self._size = 0, 0

    def block(self, position: int, end: int) -> range:
        """What to read where `position` is missing."""
        self._size = min(2 * self._size or 1, _BLOCK) if position == self._next else 1
        self._next = min(position + self._size, end)
        return range(position, self._next)

    def passed(self, position: int) -> None:
        """This one was at hand already."""
        if position == self._next:
            self._next += 1


class Parents:
    """All finished tasks that a task starts from, in the order a join sees them.

    Only what is asked for is read; going over all in order reads blocks of neighbours, in parallel. `opener`: who
    started the foreach that a join without inputs closes.
    """

    def __init__(self, store: Store, reader: ArtifactReader, task: Task) -> None:
        self.store, self.run = store, task.brief.run
        self._reader = reader
        self._outcomes: OrderedDict[int, tuple[Outcome, int]] = OrderedDict()
        self._bytes_kept = 0
        self._outcomes_ahead = _Ahead()
        self._values: OrderedDict[str, tuple[_Ahead, dict[str, bytes]]] = OrderedDict()
        self.all = tuple(Parent(self, position, *place) for position, place in enumerate(places_of(task)))
        self.opener = None if self.all else _opener(self, task)

    @property
    def first(self) -> Parent | None:
        """The parent whose foreachs and, outside joins, artifacts the task takes over; None in the first step."""
        return self.all[0] if self.all else None

    def read_so_far(self) -> Iterable[Outcome]:
        """The outcomes that are at hand."""
        return [outcome for outcome, _ in self._outcomes.values()]

    def frame(self, frame: StackFrame) -> Frame:
        return Frame(self.store, frame, self._reader.spool)

    def outcome(self, position: int) -> Outcome:
        if position not in self._outcomes:
            block = [at for at in self._outcomes_ahead.block(position, len(self.all)) if at not in self._outcomes]
            raws = _in_parallel(lambda at: self.store.get(self._at(at).key("outcome.json")), block or [position])
            # The one that is asked for comes last, so that it is the last to be let go.
            for at, raw in reversed(list(zip(block or [position], raws, strict=True))):
                self._keep(at, raw)
        return self._outcomes[position][0]

    def _at(self, position: int) -> Parent:
        if self.opener is not None:
            return self.opener
        return self.all[position]

    def _keep(self, position: int, raw: bytes) -> None:
        self._outcomes[position] = (decode_outcome(raw), len(raw))
        self._bytes_kept += len(raw)
        while self._bytes_kept > _OUTCOMES_KEPT and len(self._outcomes) > _BLOCK:
            self._bytes_kept -= self._outcomes.popitem(last=False)[1][1]

    def value(self, position: int, name: str) -> Any:
        ref = self.outcome(position).artifacts[name]
        if ref.body is not None or len(self.all) < 2 or not self._reader.is_small(ref):
            return self._reader.load(ref, ref.body)
        ahead, bodies = self._values.pop(name) if name in self._values else (_Ahead(), {})
        if ref.sha256 in bodies:
            ahead.passed(position)
        else:
            # Only one block is kept of a name, so that memory does not grow with the number of splits.
            bodies = self._read_block(ahead.block(position, len(self.all)), name)
        self._values[name] = (ahead, bodies)
        if len(self._values) > _NAMES_KEPT:
            self._values.popitem(last=False)
        return self._reader.load(ref, bodies[ref.sha256])

    def _read_block(self, block: range, name: str) -> dict[str, bytes]:
        refs = {}
        for at in block:
            ref = self.outcome(at).artifacts.get(name)
            if ref is not None and self._reader.is_small(ref):
                refs[ref.sha256] = ref
        return dict(zip(refs, _in_parallel(self._reader.fetch, list(refs.values())), strict=True))


def _in_parallel(work: Callable[[Any], Any], given: Sequence[Any]) -> list[Any]:
    if len(given) < 2:
        return [work(one) for one in given]
    with ThreadPoolExecutor(min(_THREADS, len(given)), thread_name_prefix="steprelay-read") as pool:
        return list(pool.map(work, given))


def places_of(task: Task) -> Iterable[tuple[ParentGroup, int, int]]:
    """(group, member, winning attempt) of every parent, in the order a join sees them."""
    brief = task.brief
    if brief.input_kind == "gather":
        # A brief speaks for several joins where they are tried again together.
        own = [group for group in brief.groups if group.path == (*brief.path, task.member)]
        return sorted(_winners(own), key=lambda place: place[1])
    won = list(_winners(brief.groups))
    if brief.input_kind == "item":
        return won[:1]
    return [place for place in won if place[1] == task.member]


def _winners(groups: Iterable[ParentGroup]) -> Iterator[tuple[ParentGroup, int, int]]:
    return ((group, member, attempt) for group in groups for attempt, members in group.won for member in members)


def _opener(crowd: Parents, task: Task) -> Parent | None:
    return next((Parent(crowd, 0, *place) for place in _winners(task.brief.empty) if place[1] == task.member), None)


def carried_artifacts(task: Task, parents: Parents) -> dict[str, Ref]:
    """What the task starts with by itself: its parent's artifacts; nothing in a join or in the first step."""
    if parents.first is None or task.brief.input_kind in JOINS:
        return {}
    return parents.first.artifacts()


def common_artifacts(parents: Parents) -> dict[str, Ref]:
    """What the inputs of a join would have in common that has none."""
    return {} if parents.opener is None else parents.opener.artifacts()


def stack_of(task: Task, parents: Parents) -> tuple[StackFrame, ...]:
    """The foreachs that enclose the task, outermost first."""
    if parents.first is None:
        return () if parents.opener is None else parents.opener.outcome().stack
    outcome = parents.first.outcome()
    if task.brief.input_kind == "gather":
        return outcome.stack[:-1]
    if task.brief.input_kind == "item":
        return (*outcome.stack, StackFrame(task.member, outcome.foreach_count or 0, parents.first.key("items")))
    return outcome.stack
