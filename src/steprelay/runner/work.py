"""What a step leaves, and how that becomes the attempt's outcome."""

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steprelay.runner.artifacts import INLINE_TOTAL, PICKLE_PROTOCOL, ArtifactReader, ArtifactWriter, inline_bytes
from steprelay.runner.brief import Brief, Task
from steprelay.runner.items import PackedItems, pack
from steprelay.runner.outcome import Failure, Outcome
from steprelay.runner.parents import Parents, carried_artifacts, stack_of
from steprelay.runner.store import Store
from steprelay.sdk.binding import Ref
from steprelay.sdk.exceptions import InvalidNext, StepFailed
from steprelay.sdk.transition import Taken


@dataclass(frozen=True)
class Remains:
    """A step's results: `values` to store, `loaded` those among them that were read, `carried` the untouched."""

    carried: Mapping[str, Ref]
    values: Mapping[str, Any] = field(default_factory=dict)
    loaded: Mapping[str, tuple[Ref, Any]] = field(default_factory=dict)
    taken: Taken | None = None


@dataclass(frozen=True)
class Context:
    """A task with the means to read and to write."""

    task: Task
    store: Store
    reader: ArtifactReader
    parents: Parents

    @classmethod
    def of(cls, task: Task, store: Store, spool: Path | None = None) -> "Context":
        """`spool`: where large artifacts are put together on their way to the store and from it."""
        reader = ArtifactReader(store, task.brief.flow, spool)
        return cls(task, store, reader, Parents(store, reader, task))

    def pack(self, foreach: str, items: Iterator[Any]) -> PackedItems:
        """Keep the items of a foreach as they come, until the step has ended well."""
        return pack(self.task.brief.step, foreach, items, self.reader.spool)

    def untouched(self) -> Remains:
        """What a step leaves that never ran."""
        return Remains(carried_artifacts(self.task, self.parents))


def succeed(context: Context, remains: Remains) -> Outcome:
    """Store the results of a step that ran to its end.

    Raises:
        InvalidNext: if the step did not say what follows.
        ArtifactError: if a result cannot be stored.
    """
    brief = context.task.brief
    if remains.taken is None and brief.ways:
        ways = " or ".join(str(way) for way in brief.ways)
        raise InvalidNext(f"step {brief.step!r} ended without self.next; the flow was packed to go on to {ways}")
    extra = {brief.catch.var: None} if brief.catch and brief.catch.var else {}
    return _store(context, remains, extra, caught=False)


def catch(context: Context, remains: Remains, failure: Failure, error: BaseException | None) -> Outcome | None:
    """`@catch`: the outcome that lets the flow go on after the last attempt failed; None if that cannot be.

    Raises:
        InvalidNext: if the step failed before it chose what follows.
    """
    brief = context.task.brief
    if brief.catch is None or not brief.is_last(failure.class_, failure.exit_code):
        return None
    taken = remains.taken or _only_way(brief)
    kept = Remains(remains.carried, remains.values, remains.loaded, taken)
    extra = {brief.catch.var: portable(error, failure)} if brief.catch.var else {}
    return _store(context, kept, extra, caught=True)


def _only_way(brief: Brief) -> Taken | None:
    if not brief.ways:
        return None
    if len(brief.ways) == 1 and brief.ways[0].foreach is None:
        return Taken(0)
    raise InvalidNext(
        f"@catch cannot go on: step {brief.step!r} failed before it chose among {'; '.join(map(str, brief.ways))}"
    )


def portable(error: BaseException | None, failure: Failure) -> BaseException:
    """The exception if another process can unpickle it, else a `StepFailed` that tells the same."""
    try:
        if error is not None and isinstance(pickle.loads(pickle.dumps(error, PICKLE_PROTOCOL)), type(error)):  # noqa: S301
            return error
    except Exception:  # noqa: S110 - people's exceptions may raise anything here; then it is not portable
        pass
    return StepFailed(failure.type, failure.message, failure.traceback, failure.class_, failure.exit_code)


def _store(context: Context, remains: Remains, extra: Mapping[str, Any], *, caught: bool) -> Outcome:
    brief = context.task.brief
    inherited = [ref for parent in context.parents.read_so_far() for ref in parent.artifacts.values()]
    writer = ArtifactWriter(context.reader, brief.step)
    # A step that failed may have left half-made things; those are dropped, not a second failure.
    room = INLINE_TOTAL - inline_bytes(remains.carried.values())
    refs = writer.save({**remains.values, **extra}, remains.loaded, inherited, room=room, drop_unpicklable=caught)
    taken = remains.taken
    items = taken.items if taken else None
    if isinstance(items, PackedItems):
        items.store(context.store, context.task.key("items"))
    return Outcome(
        status="succeeded",
        transition=taken.position if taken and brief.ways else None,
        foreach_count=None if items is None else len(items),
        artifacts={**remains.carried, **refs},
        stack=stack_of(context.task, context.parents),
        caught=caught,
    )
