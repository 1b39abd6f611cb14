"""S3 and DynamoDB as the relay's adapters call them, in dictionaries: every request is counted."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from steprelay_core.aws.clients import Clients

Item = dict[str, dict[str, str]]

# S3: keys that one LIST tells; DynamoDB: bytes of one write or read unit.
_PAGE, _WRITE_UNIT, _READ_UNIT = 1000, 1024, 4096


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "call")


class CountedClients(Clients):
    """`calls` by kind; `objects` and `items` are what S3 and DynamoDB hold, for whoever stands in for containers."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.objects: dict[str, bytes] = {}
        self.table = CountedTable(self.calls)
        self.s3 = CountedBucket(self.calls, self.objects)  # type: ignore[assignment]
        self.dynamodb = self.table  # type: ignore[assignment]


class CountedBucket:
    """One bucket."""

    def __init__(self, calls: Counter[str], objects: dict[str, bytes]) -> None:
        self._calls, self._objects = calls, objects

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        self._calls["S3 GET"] += 1
        if Key not in self._objects:
            raise refusal("NoSuchKey")
        return {"Body": io.BytesIO(self._objects[Key]), "ETag": _tag(self._objects[Key])}

    def head_object(self, *, Bucket: str, Key: str) -> None:
        self._calls["S3 GET"] += 1
        if Key not in self._objects:
            raise refusal("404")

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str | None = None, IfMatch: str | None = None
    ) -> None:
        self._calls["S3 PUT"] += 1
        there = self._objects.get(Key)
        if (IfNoneMatch and there is not None) or (IfMatch and (there is None or _tag(there) != IfMatch)):
            raise refusal("PreconditionFailed")
        self._objects[Key] = Body

    def get_paginator(self, _operation: str) -> "CountedBucket":
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        found = sorted(key for key in self._objects if key.startswith(Prefix))
        for first in range(0, max(len(found), 1), _PAGE):
            self._calls["S3 LIST"] += 1
            yield {"Contents": [{"Key": key} for key in found[first : first + _PAGE]]}


class CountedTable:
    """One table with the conditions that the store's transactions use. `largest`: bytes of the largest item ever."""

    def __init__(self, calls: Counter[str]) -> None:
        self._calls = calls
        self.items: dict[tuple[str, str], Item] = {}
        self.largest = 0

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> None:
        writes = [next(iter(write.items())) for write in TransactItems]
        if not all(self._holds(write) for _, write in writes):
            raise refusal("TransactionConflictException")
        for kind, write in writes:
            self._write(kind, write, units=2)

    def put_item(self, *, TableName: str, Item: Item, **_: Any) -> None:
        self._write("Put", {"Item": Item}, units=1)

    def delete_item(self, *, TableName: str, Key: Item, **_: Any) -> None:
        self._write("Delete", {"Key": Key}, units=1)

    def get_paginator(self, _operation: str) -> "CountedTable":
        return self

    def paginate(self, *, ExpressionAttributeValues: Item, **_: Any) -> Iterator[dict[str, Any]]:
        pk = ExpressionAttributeValues[":pk"]["S"]
        found = [item for (its_pk, _), item in self.items.items() if its_pk == pk]
        self._calls["read units"] += _units(sum(map(size_of, found)), _READ_UNIT)
        self._calls["queries"] += 1
        yield {"Items": found}

    def _holds(self, write: dict[str, Any]) -> bool:
        there = self.items.get(_place(write.get("Key") or write["Item"]))
        if "ConditionExpression" not in write:
            return True
        wanted = write.get("ExpressionAttributeValues", {}).get(":version")
        return there is None if wanted is None else there is not None and there["version"] == wanted

    def _write(self, kind: str, write: dict[str, Any], units: int) -> None:
        place = _place(write.get("Key") or write["Item"])
        before = self.items.pop(place, {})
        item: Item = write["Item"] if kind == "Put" else _updated(before, write) if kind == "Update" else {}
        if item:
            self.items[place] = item
        size = max(size_of(item), size_of(before))
        # An index keeps a copy of each item that has its key.
        copies = 1 + sum(name in item or name in before for name in ("gsi_pk", "live"))
        self._calls["write units"] += _units(size, _WRITE_UNIT) * (units + copies - 1)
        self._calls["writes"] += 1
        self.largest = max(self.largest, size)


def size_of(item: Item) -> int:
    """Bytes, as DynamoDB counts them."""
    return sum(len(name.encode()) + len(text.encode()) for name, value in item.items() for text in value.values())


def _units(size: int, unit: int) -> int:
    return max(1, -(-size // unit))


def _place(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _updated(before: Item, write: dict[str, Any]) -> Item:
    """SET and ADD by the names that the transaction gives them; REMOVE is the rest."""
    item: Item = before | write["Key"]
    values = write.get("ExpressionAttributeValues", {})
    for name in write["ExpressionAttributeNames"].values():
        if f":set_{name}" in values:
            item[name] = values[f":set_{name}"]
        elif f":add_{name}" in values:
            old = int(item.get(name, {"N": "0"})["N"])
            item[name] = {"N": str(old + int(values[f":add_{name}"]["N"]))}
        else:
            item.pop(name, None)
    return item


def _tag(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()
