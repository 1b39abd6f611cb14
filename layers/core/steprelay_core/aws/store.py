"""`Store` on one DynamoDB table."""

from __future__ import annotations

import time
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from steprelay_core.aws import items
from steprelay_core.aws.errors import error_code
from steprelay_core.aws.transaction import Transaction
from steprelay_core.codec import decode
from steprelay_core.ports import Conflict, Cursor, Deployment, Listed, OutboxEntry, Stored, Unsettled, UsedDefinition
from steprelay_core.state.model import Group, Run, RunStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from steprelay_core.aws.clients import Clients
    from steprelay_core.aws.items import Item

_BY_TIME = "by_time"
_BY_LIVE = "by_live"
_LOAD_TRIES = 5
_DEPLOY_TRIES = 5

_is_still_free = "attribute_exists(pk) AND (free_at = :seen OR attribute_not_exists(free_at))"


class DynamoStore:
    """Every save checks and raises the run's version, so events of a run are decided one after the other.

    ```
    handler A: load (run v4)                        save, if run is still v4 → v5
    handler B:     load (run v4)                                   save, if run is still v4 → Conflict, load v5 …
    ```
    """

    def __init__(self, clients: Clients, table: str, runs_expire_days: int = 0) -> None:
        self._clients = clients
        self._table = table
        self._expire_days = runs_expire_days

    def load(self, run: str) -> Stored | None:
        for tries_left in reversed(range(_LOAD_TRIES)):
            # Consistent, since what is decided on an old state only ends in a conflict.
            found = self._query("pk = :pk", {":pk": {"S": items.run_pk(run)}}, ConsistentRead=True)
            try:
                return items.stored_run(found)
            except Conflict:
                if not tries_left:
                    raise
        return None

    def save(
        self, run: Run, groups: Sequence[Group], *, add: OutboxEntry | None = None, done: Iterable[str] = ()
    ) -> None:
        transaction = Transaction(self._table)
        transaction.update(
            f"run {run.id}",
            items.run_key(run.id),
            {**items.run_values(run), **self._expiry()},
            add={items.GROUP_SAVES: len(groups)},
            remove=["live"] if run.settled else [],
            version=run.version,
        )
        for group in groups:
            transaction.put(
                f"group {group.key}", {**items.group_item(run.id, group), **self._expiry()}, version=group.version
            )
        for entry in dict.fromkeys(done):
            transaction.delete(items.outbox_key(run.id, entry))
        if add is not None:
            transaction.put("the outbox entry", items.outbox_item(run.id, add))
        transaction.commit(self._clients.dynamodb)

    def _expiry(self) -> Item:
        """When DynamoDB may delete the item (its TTL attribute); counted, as the bucket's, from the write."""
        if not self._expire_days:
            return {}
        return {"expires_at": {"N": str(int(time.time()) + self._expire_days * 86_400)}}

    def take_up(self, run: str, entry: OutboxEntry, until: float) -> bool:
        update = partial(self._clients.dynamodb.update_item, TableName=self._table, Key=items.outbox_key(run, entry.id))
        return _happened(
            update,
            UpdateExpression="SET free_at = :until",
            ConditionExpression=_is_still_free,
            ExpressionAttributeValues={":seen": items.seconds(entry.free_at), ":until": items.seconds(until)},
        )

    def clear(self, run: str, done: Iterable[str]) -> None:
        for entry in done:
            self._clients.dynamodb.delete_item(TableName=self._table, Key=items.outbox_key(run, entry))

    def list_runs(self, *, status: RunStatus | None = None, limit: int = 100) -> list[Run]:
        more: dict[str, Any] = {"ScanIndexForward": False, "PaginationConfig": {"PageSize": limit}}
        found: Iterator[Item]
        if status is RunStatus.RUNNING:
            # A cancelled one is in there until all its tasks are stopped.
            found = filter(_is_running, self._live(**more))
        elif status is None:
            found = self._by_time(items.RUNS, **more)
        else:
            more |= {"FilterExpression": "#status = :status", "ExpressionAttributeNames": {"#status": "status"}}
            found = self._by_time(items.RUNS, {":status": {"S": status.value}}, **more)
        return [decode(Run, item["data"]["S"]) for item in islice(found, limit)]

    def unsettled(self, which: Unsettled, *, after: str = "", limit: int = 1000) -> list[Listed]:
        index, key, kind = (_BY_LIVE, "live", items.RUNS) if which == "live" else (_BY_TIME, "gsi_pk", items.OUTBOX)
        # DynamoDB compares keys with no empty text.
        values: Item = {":kind": {"S": kind}, ":after": {"S": after or " "}}
        more: dict[str, Any] = {"IndexName": index, "PaginationConfig": {"PageSize": limit}}
        found = self._query(f"{key} = :kind AND gsi_sk > :after", dict(values), **more)
        return [items.listed(item) for item in islice(found, limit)]

    def cursor(self, which: Unsettled) -> Cursor:
        return items.cursor_of(self._get(items.cursor_key(which)))

    def keep_cursor(self, which: Unsettled, cursor: Cursor) -> None:
        self._clients.dynamodb.put_item(TableName=self._table, Item=items.cursor_item(which, cursor))

    def _live(self, **more: Any) -> Iterator[Item]:
        return self._query("live = :runs", {":runs": {"S": items.RUNS}}, IndexName=_BY_LIVE, **more)

    def _by_time(
        self, kind: str, values: dict[str, AttributeValueTypeDef] | None = None, **more: Any
    ) -> Iterator[Item]:
        values = {":kind": {"S": kind}, **(values or {})}
        return self._query("gsi_pk = :kind", values, IndexName=_BY_TIME, **more)

    def deploy(self, deployment: Deployment) -> Deployment | None:
        for _ in range(_DEPLOY_TRIES):
            item = self._get(items.deployment_key(deployment.flow))
            before = items.deployed(item) if item else None
            if before is not None and before.deployed_at > deployment.deployed_at:
                raise Conflict(f"flow {deployment.flow!r} has a later deployment")
            try:
                self._replace_deployment(item, deployment)
            except Conflict:
                continue
            return before
        raise Conflict(f"flow {deployment.flow!r} is being deployed by others all the time")

    def _replace_deployment(self, before: Item | None, deployment: Deployment) -> None:
        """The deployment and its subscriptions, in one transaction, so that no event finds half of them."""
        old_triggers = items.deployed(before).triggers if before else ()
        version = int(before["version"]["N"]) if before else 0
        transaction = Transaction(self._table)
        transaction.put(
            f"deployment {deployment.flow}", items.deployment_item(deployment, version + 1), version=version
        )
        for event in dict.fromkeys(deployment.triggers):
            transaction.put(f"trigger {event}", items.subscription_item(event, deployment))
        for event in set(old_triggers) - set(deployment.triggers):
            transaction.delete(items.subscription_key(event, deployment.flow))
        transaction.commit(self._clients.dynamodb)

    def deployment(self, flow: str) -> Deployment | None:
        item = self._get(items.deployment_key(flow))
        return items.deployed(item) if item else None

    def subscribers(self, event: str) -> list[Deployment]:
        found = self._query("pk = :pk", {":pk": {"S": items.event_pk(event)}}, ConsistentRead=True)
        return [items.deployed(item) for item in found]

    def note_definition(self, used: UsedDefinition) -> None:
        put = partial(self._clients.dynamodb.put_item, TableName=self._table, Item=items.definition_item(used))
        _happened(
            put,
            ConditionExpression="attribute_not_exists(pk) OR used_at < :used_at",
            ExpressionAttributeValues={":used_at": items.seconds(used.used_at)},
        )

    def unused_definitions(self, before: float, *, limit: int) -> list[UsedDefinition]:
        values: Item = {":kind": {"S": items.DEFINITIONS}, ":before": {"S": items.iso(before)}}
        more: dict[str, Any] = {"IndexName": _BY_TIME, "PaginationConfig": {"PageSize": limit}}
        found = self._query("gsi_pk = :kind AND gsi_sk < :before", dict(values), **more)
        return [items.used_definition(item) for item in islice(found, limit)]

    def forget_definition(self, used: UsedDefinition) -> bool:
        # The index may lag behind: the item itself tells whether it was used again.
        delete = partial(self._clients.dynamodb.delete_item, TableName=self._table, Key=items.definition_key(used.name))
        return _happened(
            delete,
            ConditionExpression="used_at = :used_at",
            ExpressionAttributeValues={":used_at": items.seconds(used.used_at)},
        )

    def _get(self, key: dict[str, AttributeValueTypeDef]) -> Item | None:
        answer = self._clients.dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return answer.get("Item")

    def _query(self, condition: str, values: dict[str, AttributeValueTypeDef], **more: Any) -> Iterator[Item]:
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table, KeyConditionExpression=condition, ExpressionAttributeValues=values, **more
        )
        return (item for page in pages for item in page["Items"])


def _is_running(item: Item) -> bool:
    return item["status"]["S"] == RunStatus.RUNNING


def _happened(write: Callable[..., object], **conditions: Any) -> bool:
    """Make a conditional write; False if its condition does not hold."""
    try:
        write(**conditions)
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise
        return False
    return True
