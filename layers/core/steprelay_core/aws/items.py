"""The items of the table (docs/architecture.md, "State") and what they are made from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from steprelay_core import keys
from steprelay_core.codec import decode, decode_commands, encode, encode_commands
from steprelay_core.ports import (
    OUTBOX_ORPHANED_AFTER,
    Conflict,
    Cursor,
    Deployment,
    Listed,
    OutboxEntry,
    Stored,
    UsedDefinition,
)
from steprelay_core.state.model import Group, GroupKey, Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = Mapping[str, AttributeValueTypeDef]

RUNS = "RUNS"
OUTBOX = "OUTBOX"
DEFINITIONS = "DEFINITIONS"
# Counted up in the run's item by every save of a group, so that it is the sum of all groups' versions.
GROUP_SAVES = "group_saves"


def key(pk: str, sk: str) -> dict[str, AttributeValueTypeDef]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def run_pk(run: str) -> str:
    return f"RUN#{run}"


def run_key(run: str) -> dict[str, AttributeValueTypeDef]:
    return key(run_pk(run), "RUN")


def group_key(run: str, group: GroupKey) -> dict[str, AttributeValueTypeDef]:
    return key(run_pk(run), f"GROUP#{group.step}#{keys.place(group)}")


def outbox_key(run: str, entry: str) -> dict[str, AttributeValueTypeDef]:
    return key(run_pk(run), f"OUTBOX#{entry}")


def deployment_key(flow: str) -> dict[str, AttributeValueTypeDef]:
    return key(f"FLOW#{flow}", "DEPLOYMENT")


def event_pk(event: str) -> str:
    return f"EVENT#{event}"


def subscription_key(event: str, flow: str) -> dict[str, AttributeValueTypeDef]:
    return key(event_pk(event), f"FLOW#{flow}")


def submits_key(second: int) -> dict[str, AttributeValueTypeDef]:
    """A key for each second: none of them is hot."""
    return key(f"SUBMITS#{second}", "SUBMITS")


def definition_key(name: str) -> dict[str, AttributeValueTypeDef]:
    return key(f"DEFINITION#{name}", "DEFINITION")


def run_place(run: Run) -> str:
    """Where a run stands among others: by its age."""
    return f"{iso(run.created_at)}#{run.id}"


def outbox_place(run: str, entry: OutboxEntry) -> str:
    """Where an outbox entry stands among those of all runs: by its age."""
    return f"{iso(entry.created_at)}#{run}#{entry.id}"


def run_values(run: Run) -> dict[str, AttributeValueTypeDef]:
    """What the run's item holds at its next version, besides its key; without `live` once it is settled."""
    saved = replace(run, version=run.version + 1)
    values: dict[str, AttributeValueTypeDef] = {
        "version": {"N": str(saved.version)},
        "status": {"S": run.status.value},
        "gsi_pk": {"S": RUNS},
        "gsi_sk": {"S": run_place(run)},
        "data": {"S": encode(saved)},
    }
    return values if run.settled else values | {"live": {"S": RUNS}}


def group_item(run: str, group: Group) -> dict[str, AttributeValueTypeDef]:
    """The group at its next version."""
    saved = replace(group, version=group.version + 1)
    return {**group_key(run, group.key), "version": {"N": str(saved.version)}, "data": {"S": encode(saved)}}


def outbox_item(run: str, entry: OutboxEntry) -> dict[str, AttributeValueTypeDef]:
    """Listed by age in the index `by_time`, so that what a dead handler of an ended run left is found as well."""
    return {
        **outbox_key(run, entry.id),
        "created_at": seconds(entry.created_at),
        "free_at": seconds(entry.free_at),
        "gsi_pk": {"S": OUTBOX},
        "gsi_sk": {"S": outbox_place(run, entry)},
        "data": {"S": encode_commands(entry.commands)},
    }


def deployment_item(deployment: Deployment, version: int) -> dict[str, AttributeValueTypeDef]:
    place = deployment_key(deployment.flow)
    return {**place, "version": {"N": str(version)}, "data": {"S": encode(deployment)}}


def subscription_item(event: str, deployment: Deployment) -> dict[str, AttributeValueTypeDef]:
    """Carries the whole deployment, so that an event finds what it starts with one query."""
    return {**subscription_key(event, deployment.flow), "data": {"S": encode(deployment)}}


def definition_item(used: UsedDefinition) -> dict[str, AttributeValueTypeDef]:
    """Listed by when it was last used in the index `by_time`."""
    return {
        **definition_key(used.name),
        "used_at": seconds(used.used_at),
        "gsi_pk": {"S": DEFINITIONS},
        "gsi_sk": {"S": f"{iso(used.used_at)}#{used.name}"},
    }


def cursor_key(which: str) -> dict[str, AttributeValueTypeDef]:
    return key("SWEEP", which)


def cursor_item(which: str, cursor: Cursor) -> dict[str, AttributeValueTypeDef]:
    return {**cursor_key(which), "place": {"S": cursor.place}, "job": {"S": cursor.job}}


def cursor_of(item: Item | None) -> Cursor:
    return Cursor(item["place"]["S"], item["job"]["S"]) if item else Cursor()


def listed(item: Item) -> Listed:
    """A run, or an entry of its outbox, as an index lists it."""
    return Listed(run_of(item), item["gsi_sk"]["S"])


def used_definition(item: Item) -> UsedDefinition:
    return UsedDefinition(item["pk"]["S"].partition("#")[2], float(item["used_at"]["N"]))


def run_of(item: Item) -> str:
    """The run that an item belongs to."""
    return item["pk"]["S"].partition("#")[2]


def stored_run(items: Iterable[Item]) -> Stored | None:
    """A run from all items of its partition; None where there are none.

    Raises:
        Conflict: if the items are not of one save. A query is no snapshot: DynamoDB may return items of a transaction
            that is under way beside ones it has yet to write.
    """
    run: Run | None = None
    group_saves = 0
    groups: dict[GroupKey, Group] = {}
    outbox: list[OutboxEntry] = []
    for item in items:
        kind, _, rest = item["sk"]["S"].partition("#")
        if kind == "RUN":
            run = decode(Run, item["data"]["S"])
            group_saves = int(item[GROUP_SAVES]["N"])
        elif kind == "GROUP":
            group = decode(Group, item["data"]["S"])
            groups[group.key] = group
        elif kind == "OUTBOX":
            outbox.append(outbox_entry(rest, item))
    if group_saves != sum(group.version for group in groups.values()):
        raise Conflict("the run is just being saved")
    outbox.sort(key=lambda entry: (entry.created_at, entry.id))
    return Stored(run, groups, tuple(outbox)) if run is not None else None


def outbox_entry(name: str, item: Item) -> OutboxEntry:
    """Relays before `free_at` was kept left none."""
    created_at = float(item["created_at"]["N"])
    free_at = float(item["free_at"]["N"]) if "free_at" in item else created_at + OUTBOX_ORPHANED_AFTER
    return OutboxEntry(name, created_at, decode_commands(item["data"]["S"]), free_at)


def deployed(item: Item) -> Deployment:
    return decode(Deployment, item["data"]["S"])


def seconds(at: float) -> AttributeValueTypeDef:
    """A time in seconds since the epoch, to the last bit, so that it can be compared for being the same."""
    return {"N": repr(at)}


def iso(at: float) -> str:
    """A time in seconds since the epoch; of fixed width, so that texts sort as times do."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
