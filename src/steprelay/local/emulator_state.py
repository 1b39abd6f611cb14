"""MiniStack's state, kept as it changes, so that a relay that was killed goes on where it was.

MiniStack itself writes its state when it is shut down, which a killed process is not. What is kept here is what runs
are made of: items, messages, schedules, and objects, which MiniStack can write as they come. All else comes from the
template again, under the same names. Each value is kept before it takes effect, so that nothing can follow from one
that is lost.

These are holds on private parts like those of `emulator_hooks`, which tests them.
"""

# ruff: noqa: SLF001 - private parts are what this file is for

import threading
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import dynamodb, s3, scheduler, sqs
from ministack.services.cloudformation import provisioners

from steprelay.local.environment import ACCOUNT, REGION
from steprelay.local.kept import Kept

ITEMS, MESSAGES, SCHEDULES = "item", "message", "schedule"

FUNCTIONS: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
    (dynamodb, "_set_item", ("table", "pk_val", "sk_val", "item")),
    (dynamodb, "_remove_item", ("table", "pk_val", "sk_val")),
    (dynamodb, "_transact_write_items", ("data",)),
    (s3, "_load_persisted_data", ()),
    (
        s3,
        "_fire_s3_event",
        (
            "bucket_name",
            "key",
            "event_name",
            "size",
            "etag",
            "deletion_type",
            "restore_event_data",
            "version_id",
            "sequencer",
            "object_extra",
            "record_extra",
        ),
    ),
)
VALUES: tuple[tuple[Any, str, type | tuple[type, ...]], ...] = (
    (dynamodb, "_tables", object),
    (s3, "S3_PERSIST", bool),
    (s3, "DATA_DIR", str),
    (s3, "_buckets", object),
    (s3, "_object_tags", object),
    (sqs, "_queues", object),
    (scheduler, "_schedules", object),
    (scheduler, "_schedule_last_fired", dict),
    (provisioners, "_NAME_SEED", ContextVar),
)
_SEED = "local"

# What a schedule needs besides its record when it is restored.
Zoned = Callable[[dict[str, Any]], dict[str, Any]]


def name_buckets_alike() -> None:
    """Of all that the template leaves to CloudFormation to name, buckets alone get another name each time."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    original = handlers["create"]

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        if not provisioners._NAME_SEED.get():
            provisioners._NAME_SEED.set(_SEED)
        return original(logical_id, properties, stack)

    handlers["create"] = create


def keep_objects(folder: Path) -> None:
    """Have the objects that are in the folder, and keep all there from now on."""
    with request_scope(ACCOUNT, REGION):
        s3.DATA_DIR = str(folder)
        s3.S3_PERSIST = True
        s3._load_persisted_data()


def keep_items(kept: Kept) -> None:
    """Have the items that are kept, and keep every change from now on."""
    put, remove, transact = dynamodb._set_item, dynamodb._remove_item, dynamodb._transact_write_items
    with request_scope(ACCOUNT, REGION):
        for name, partition, sort, item in kept.all(ITEMS).values():
            put(dynamodb._tables[name], partition, sort, item)

    def put_kept(table: Any, pk_val: str, sk_val: str, item: Any) -> Any:
        name = table["TableName"]
        kept.put(ITEMS, f"{name}\0{pk_val}\0{sk_val}", [name, pk_val, sk_val, item])
        return put(table, pk_val, sk_val, item)

    def remove_kept(table: Any, pk_val: str, sk_val: str) -> Any:
        kept.drop(ITEMS, f"{table['TableName']}\0{pk_val}\0{sk_val}")
        return remove(table, pk_val, sk_val)

    def transact_kept(data: Any) -> Any:
        with kept.together():
            return transact(data)

    dynamodb._set_item, dynamodb._remove_item = put_kept, remove_kept
    dynamodb._transact_write_items = transact_kept


class _Messages(list[Any]):
    """A queue's messages. When they are visible, and how often they were received, is not kept: whoever had received
    one is gone, so that it comes again at once.
    """

    def __init__(self, queue: "_Queue", messages: Iterable[Any]) -> None:
        super().__init__(messages)
        self._queue = queue

    def append(self, message: Any) -> None:
        self._queue.add(message)

    def remove(self, message: Any) -> None:
        self._queue["messages"] = [each for each in self if each is not message]

    def clear(self) -> None:
        self._queue.purge()


class _Queue(dict[str, Any]):
    """A queue's record. Where messages are deleted, MiniStack puts a list of those that are left in place of all, with
    or without its lock; what is sent in the meantime would be lost.
    """

    def __init__(self, record: dict[str, Any], kept: Kept, messages: Iterable[Any]) -> None:
        super().__init__(record)
        self._kept, self._lock = kept, threading.RLock()
        super().__setitem__("messages", _Messages(self, messages))

    def add(self, message: Any) -> None:
        with self._lock:
            self._kept.put(MESSAGES, self._key(message), [self["name"], message])
            list.append(self["messages"], message)

    def purge(self) -> None:
        with self._lock:
            self._leave([])

    def __setitem__(self, name: str, value: Any) -> None:
        if name != "messages":
            super().__setitem__(name, value)
            return
        with self._lock:
            messages = self["messages"]
            # It does so at every look, nearly always with all of them.
            if len(value) == len(messages):
                return
            ids = {message["id"] for message in value}
            # Nobody deletes what was never received: that one came meanwhile.
            self._leave([each for each in messages if each["id"] in ids or each["receipt_handle"] is None])

    def _leave(self, left: list[Any]) -> None:
        ids = {message["id"] for message in left}
        for message in self["messages"]:
            if message["id"] not in ids:
                self._kept.drop(MESSAGES, self._key(message))
        super().__setitem__("messages", _Messages(self, left))

    def _key(self, message: Any) -> str:
        return f"{self['name']}\0{message['id']}"


def keep_messages(kept: Kept) -> None:
    """Have the messages that are kept, and keep each from now on until it is deleted. Last, as functions take them."""
    with request_scope(ACCOUNT, REGION), sqs._queues_lock:
        before = list(kept.all(MESSAGES).values())
        for url, queue in list(sqs._queues.items()):
            waiting = [message for name, message in before if name == queue["name"]]
            waiting.sort(key=lambda message: float(message["sent_at"]))
            sqs._queues[url] = _Queue(queue, kept, waiting)
            for message in queue["messages"]:
                sqs._queues[url].add(message)


def waiting_messages(kept: Kept, prefix: str) -> list[str]:
    """The bodies of the messages that are kept of the queues whose names begin so."""
    return [str(message["body"]) for name, message in kept.all(MESSAGES).values() if name.startswith(prefix)]


class _Schedules(dict[Any, Any]):
    """All schedules, by account, region and name."""

    def __init__(self, kept: Kept, schedules: dict[Any, Any]) -> None:
        super().__init__(schedules)
        self._kept = kept

    def __setitem__(self, key: Any, schedule: Any) -> None:
        self._kept.put(SCHEDULES, "\0".join(key), [list(key), schedule])
        super().__setitem__(key, schedule)

    def __delitem__(self, key: Any) -> None:
        self._kept.drop(SCHEDULES, "\0".join(key))
        super().__delitem__(key)

    def pop(self, key: Any, *default: Any) -> Any:
        # After the last use: one that fires as the relay dies fires again.
        self._kept.drop(SCHEDULES, "\0".join(key))
        return super().pop(key, *default)


def keep_schedules(kept: Kept, zoned: Zoned) -> None:
    """Have the schedules that are kept, and keep each from now on until it is deleted."""
    before = {tuple(key): zoned(schedule) for key, schedule in kept.all(SCHEDULES).values()}
    for key, schedule in before.items():
        # What it missed while there was no relay does not come all at once; a single time that has passed does.
        if not schedule["ScheduleExpression"].startswith("at("):
            scheduler._schedule_last_fired[key] = time.time()
    scheduler._schedules._data = _Schedules(kept, {**scheduler._schedules._data, **before})


def tell_of_uploads(bucket: str) -> None:
    """Send the events of the uploads that nobody has tagged: theirs may have been on the way."""
    with request_scope(ACCOUNT, REGION):
        for key, known in list(s3._buckets[bucket]["objects"].items()):
            version = known.get("version_id")
            if not s3._object_tags.get((bucket, key, version)):
                s3._fire_s3_event(bucket, key, "s3:ObjectCreated:Put", known["size"], known["etag"], version_id=version)
