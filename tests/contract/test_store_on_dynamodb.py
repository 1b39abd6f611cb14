"""What only DynamoDB has: limits, races within a load, and errors that are no conflicts."""

from dataclasses import replace

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from steprelay_core.aws.clients import Clients
from steprelay_core.aws.store import DynamoStore
from steprelay_core.aws.transaction import StateTooLarge
from steprelay_core.commands import TerminateJob
from steprelay_core.ports import OUTBOX_ORPHANED_AFTER, Conflict, OutboxEntry
from steprelay_core.state.model import FailedAttempt, Failure, Group, GroupKey, Origin, Run

RUN = Run("Demo-1", "Demo", "0f0f", 1.0, Origin("upload"))
TRAIN = GroupKey("train", (0,))


@pytest.fixture
def store(clients: Clients, table: str) -> DynamoStore:
    return DynamoStore(clients, table)


def test_more_than_a_hundred_items_in_one_save_are_refused_with_both_numbers(store: DynamoStore) -> None:
    with pytest.raises(StateTooLarge, match=r"101 items .* 100 items"):
        store.save(RUN, [Group(GroupKey("train", (index,))) for index in range(100)])


def test_a_hundred_items_in_one_save_are_taken(store: DynamoStore) -> None:
    store.save(RUN, [Group(GroupKey("train", (index,))) for index in range(99)])
    stored = store.load(RUN.id)
    assert stored is not None
    assert len(stored.groups) == 99


def test_a_group_beyond_an_items_size_is_refused_by_name(store: DynamoStore) -> None:
    history = tuple(FailedAttempt(member, 1, 1.0, Failure("program", "x" * 255)) for member in range(2_000))
    with pytest.raises(StateTooLarge, match=r"group .*train.* 409600"):
        store.save(RUN, [Group(TRAIN, history=history)])


def test_a_load_that_saw_half_of_a_save_is_a_conflict(store: DynamoStore, clients: Clients, table: str) -> None:
    """A Query beside a TransactWriteItems may return the run after it and a group from before it."""
    store.save(RUN, [Group(TRAIN)])
    before = clients.dynamodb.get_item(TableName=table, Key={"pk": {"S": "RUN#Demo-1"}, "sk": {"S": "GROUP#train#0"}})[
        "Item"
    ]
    store.save(replace(RUN, version=1), [Group(TRAIN, version=1)])
    clients.dynamodb.put_item(TableName=table, Item=before)
    with pytest.raises(Conflict, match="being saved"):
        store.load(RUN.id)


@pytest.mark.parametrize("reason", ["ConditionalCheckFailed", "TransactionConflict"])
def test_a_lost_race_is_a_conflict(store: DynamoStore, clients: Clients, reason: str) -> None:
    with Stubber(clients.dynamodb) as stub:
        _cancel(stub, reason)
        with pytest.raises(Conflict):
            store.save(RUN, [])


def test_throttling_is_no_conflict(store: DynamoStore, clients: Clients) -> None:
    with Stubber(clients.dynamodb) as stub:
        _cancel(stub, "ThrottlingError")
        with pytest.raises(ClientError):
            store.save(RUN, [])


def test_many_runs_are_listed_over_several_pages(store: DynamoStore) -> None:
    for index in range(12):
        store.save(replace(RUN, id=f"r{index}", created_at=float(index), parameters={"x": "y" * 200_000}), [])
    assert [run.id for run in store.list_runs()] == [f"r{index}" for index in reversed(range(12))]


def _cancel(stub: Stubber, reason: str) -> None:
    stub.add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        modeled_fields={"CancellationReasons": [{"Code": "None"}, {"Code": reason}]},
    )


def test_items_of_runs_expire_only_where_the_relay_says_so(clients: Clients, table: str) -> None:
    DynamoStore(clients, table, runs_expire_days=30).save(RUN, [Group(TRAIN)])
    DynamoStore(clients, table).save(replace(RUN, id="Demo-2"), [Group(TRAIN)])
    items = clients.dynamodb.scan(TableName=table)["Items"]
    expiring = {item["pk"]["S"] for item in items if "expires_at" in item}
    assert expiring == {"RUN#Demo-1"}
    assert sum("expires_at" in item for item in items) == 2


def test_an_outbox_entry_of_an_older_relay_is_free_when_its_handler_must_be_dead(
    store: DynamoStore, clients: Clients, table: str
) -> None:
    entry = OutboxEntry("e", 5.0, (TerminateJob("job-1", "over"),), 5.0)
    store.save(RUN, [], add=entry)
    key = {"pk": {"S": "RUN#Demo-1"}, "sk": {"S": "OUTBOX#e"}}
    clients.dynamodb.update_item(TableName=table, Key=key, UpdateExpression="REMOVE free_at")
    stored = store.load(RUN.id)
    assert stored is not None
    (found,) = stored.outbox
    assert found == replace(entry, free_at=5.0 + OUTBOX_ORPHANED_AFTER)
    assert store.take_up(RUN.id, found, 200.0)
    assert not store.take_up(RUN.id, found, 200.0)
