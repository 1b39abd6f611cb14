"""Several writes to the table that happen together or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from steprelay_core.aws.errors import error_code
from steprelay_core.ports import Conflict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

# TransactWriteItems: at most 100 items of 400 KB each, 4 MB together.
ITEM_LIMIT = 400 * 1024
WRITES_LIMIT = 100
TOTAL_LIMIT = 4 * 1024 * 1024

_is_new = "attribute_not_exists(pk)"
_is_unchanged = "version = :version"

# Another transaction holds an item (TransactionConflict) or has already changed it.
_LOST_RACES = frozenset({"ConditionalCheckFailed", "TransactionConflict"})


class StateTooLarge(Exception):
    """More state than DynamoDB keeps in one item, or takes in one transaction."""


class Transaction:
    """Collects writes; `commit` sends them as one TransactWriteItems."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._writes: list[Any] = []
        self._size = 0

    def put(self, what: str, item: Item, *, version: int | None = None) -> None:
        """Write an item whole, if it is still at this version (0: not there yet). `what` names it in errors.

        Raises:
            StateTooLarge: if it has more than 400 KB.
        """
        self._measure(what, item)
        write: dict[str, Any] = {"TableName": self._table, "Item": item}
        if version is not None:
            write |= _condition(version)
        self._writes.append({"Put": write})

    def update(
        self, what: str, key: Item, values: Item, *, add: dict[str, int], remove: Sequence[str], version: int
    ) -> None:
        """Set attributes of an item, count others up and take some away, if the item is still at this version.

        Raises:
            StateTooLarge: if it has more than 400 KB.
        """
        self._measure(what, key | values)
        write: dict[str, Any] = {"TableName": self._table, "Key": key} | _condition(version)
        names = {f"#{name}": name for name in (*values, *add, *remove)}
        clauses = [
            "SET " + ", ".join(f"#{name} = :set_{name}" for name in values),
            "ADD " + ", ".join(f"#{name} :add_{name}" for name in add),
        ]
        if remove:
            clauses.append("REMOVE " + ", ".join(f"#{name}" for name in remove))
        write["UpdateExpression"] = " ".join(clauses)
        write["ExpressionAttributeNames"] = names
        write["ExpressionAttributeValues"] = {
            **write.get("ExpressionAttributeValues", {}),
            **{f":set_{name}": value for name, value in values.items()},
            **{f":add_{name}": {"N": str(count)} for name, count in add.items()},
        }
        self._writes.append({"Update": write})

    def _measure(self, what: str, item: Item) -> None:
        size = sum(
            len(name.encode()) + len(str(text).encode()) for name, value in item.items() for text in value.values()
        )
        if size > ITEM_LIMIT:
            raise StateTooLarge(f"{what} has {size} bytes of state, DynamoDB keeps {ITEM_LIMIT} in one item")
        self._size += size

    def delete(self, key: Item) -> None:
        """Remove an item, if it is there."""
        self._writes.append({"Delete": {"TableName": self._table, "Key": key}})

    def commit(self, client: DynamoDBClient) -> None:
        """Make all writes happen.

        Raises:
            Conflict: if an item was no longer at its version.
            StateTooLarge: if there are more than 100 writes, or more than 4 MB.
        """
        if len(self._writes) > WRITES_LIMIT or self._size > TOTAL_LIMIT:
            raise StateTooLarge(
                f"{len(self._writes)} items of {self._size} bytes would have to be saved together; "
                f"DynamoDB takes {WRITES_LIMIT} items of {TOTAL_LIMIT} bytes in one transaction"
            )
        try:
            client.transact_write_items(TransactItems=self._writes)
        except ClientError as error:
            if _lost_race(error):
                raise Conflict("somebody else saved in between") from error
            raise


def _condition(version: int) -> dict[str, Any]:
    if version == 0:
        return {"ConditionExpression": _is_new}
    return {"ConditionExpression": _is_unchanged, "ExpressionAttributeValues": {":version": {"N": str(version)}}}


def _lost_race(error: ClientError) -> bool:
    """A cancelled transaction names a reason for each write; one lost race is enough to begin anew."""
    if error_code(error) == "TransactionConflictException":
        return True
    reasons = error.response.get("CancellationReasons", [])
    return error_code(error) == "TransactionCanceledException" and any(
        reason.get("Code") in _LOST_RACES for reason in reasons
    )
