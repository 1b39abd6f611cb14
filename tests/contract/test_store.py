"""What every `Store` promises, on the fake and on DynamoDB."""

from dataclasses import replace

import pytest

from steprelay_core.aws.store import DynamoStore
from steprelay_core.commands import SubmitJob, TerminateJob
from steprelay_core.ports import Conflict, Cursor, Deployment, OutboxEntry, Store, UsedDefinition
from steprelay_core.state.model import Group, GroupKey, HookRun, HookStatus, Origin, Run, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.fakes import MemoryStore

TRAIN = GroupKey("train", (0,))


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    return DynamoStore(request.getfixturevalue("clients"), request.getfixturevalue("table"))


def a_run(name: str = "Demo-1", created_at: float = 1_790_000_000.0, status: RunStatus = RunStatus.RUNNING) -> Run:
    return Run(name, "Demo", "0f0f", created_at, Origin("upload", {"key": "run/x"}), {"alpha": 0.3}, status)


def an_entry(name: str = "entry", created_at: float = 1_790_000_001.25) -> OutboxEntry:
    return OutboxEntry(name, created_at, (SubmitJob(group=TRAIN, submission="1-0"), TerminateJob("job-1", "over")))


def test_a_run_that_was_never_saved_is_not_there(store: Store) -> None:
    assert store.load("Demo-1") is None


def test_a_saved_run_comes_back_with_its_groups_and_outbox_at_the_next_version(store: Store) -> None:
    train, start = Group(TRAIN, won={1: Ranges.of(2, 3)}), Group(GroupKey("start"))
    store.save(a_run(), [train, start], add=an_entry())
    stored = store.load("Demo-1")
    assert stored is not None
    assert stored.run == replace(a_run(), version=1)
    assert stored.groups == {TRAIN: replace(train, version=1), GroupKey("start"): replace(start, version=1)}
    assert stored.outbox == (an_entry(),)


def test_groups_not_given_to_a_save_stay_as_they_are(store: Store) -> None:
    store.save(a_run(), [Group(TRAIN), Group(GroupKey("start"))])
    store.save(replace(a_run(), version=1), [Group(TRAIN, ended_at=5.0, version=1)])
    stored = store.load("Demo-1")
    assert stored is not None
    assert (stored.run.version, stored.groups[TRAIN].version, stored.groups[GroupKey("start")].version) == (2, 2, 1)


def test_a_new_run_cannot_replace_one_that_exists(store: Store) -> None:
    store.save(a_run(), [])
    with pytest.raises(Conflict):
        store.save(a_run(), [])


def test_a_run_that_is_not_there_cannot_be_saved_as_known(store: Store) -> None:
    with pytest.raises(Conflict):
        store.save(replace(a_run(), version=3), [])


def test_of_two_saves_of_one_version_only_the_first_counts(store: Store) -> None:
    store.save(a_run(), [])
    read = replace(a_run(), version=1)
    store.save(replace(read, parameters={"alpha": 1}), [])
    with pytest.raises(Conflict):
        store.save(replace(read, parameters={"alpha": 2}), [Group(TRAIN)], add=an_entry())
    stored = store.load("Demo-1")
    assert stored is not None
    assert (stored.run.parameters, stored.groups, stored.outbox) == ({"alpha": 1}, {}, ())


def test_a_stale_group_spoils_the_whole_save(store: Store) -> None:
    store.save(a_run(), [Group(TRAIN)])
    with pytest.raises(Conflict):
        store.save(replace(a_run(), version=1), [Group(TRAIN)], add=an_entry())
    stored = store.load("Demo-1")
    assert stored is not None
    assert (stored.run.version, stored.outbox) == (1, ())


def test_groups_of_the_same_step_under_different_parents_are_kept_apart(store: Store) -> None:
    keys = [GroupKey("train"), GroupKey("train", (0,)), GroupKey("train", (0, 3)), GroupKey("größe", (0,))]
    store.save(a_run(), [Group(key) for key in keys])
    stored = store.load("Demo-1")
    assert stored is not None
    assert set(stored.groups) == set(keys)


def test_groups_of_the_same_step_in_different_laps_are_kept_apart(store: Store) -> None:
    keys = [GroupKey("train"), GroupKey("train", (), (1,)), GroupKey("train", (1,)), GroupKey("train", (1,), (0, 2))]
    store.save(a_run(), [Group(key, started_at=float(place)) for place, key in enumerate(keys)])
    stored = store.load("Demo-1")
    assert stored is not None
    assert {key: group.started_at for key, group in stored.groups.items()} == {
        key: float(place) for place, key in enumerate(keys)
    }


def test_runs_do_not_see_each_other(store: Store) -> None:
    store.save(a_run("Demo-1"), [Group(TRAIN)], add=an_entry())
    store.save(a_run("Demo-10"), [])
    stored = store.load("Demo-10")
    assert stored is not None
    assert (stored.groups, stored.outbox) == ({}, ())


def test_a_save_adds_one_outbox_entry_and_removes_the_done_ones(store: Store) -> None:
    store.save(a_run(), [], add=an_entry("first"))
    store.save(replace(a_run(), version=1), [], add=an_entry("second"), done=["first", "never-there"])
    stored = store.load("Demo-1")
    assert stored is not None
    assert [entry.id for entry in stored.outbox] == ["second"]


def test_outbox_entries_come_oldest_first(store: Store) -> None:
    store.save(a_run(), [], add=an_entry("b", 10.0))
    store.save(replace(a_run(), version=1), [], add=an_entry("a", 20.0))
    store.save(replace(a_run(), version=2), [], add=an_entry("c", 5.0))
    stored = store.load("Demo-1")
    assert stored is not None
    assert [entry.id for entry in stored.outbox] == ["c", "b", "a"]


def test_clearing_removes_entries_without_touching_the_run(store: Store) -> None:
    store.save(a_run(), [], add=an_entry("first"))
    store.clear("Demo-1", ["first", "never-there"])
    store.clear("Demo-1", ["first"])
    stored = store.load("Demo-1")
    assert stored is not None
    assert (stored.run.version, stored.outbox) == (1, ())


def test_clearing_a_run_that_is_not_there_does_nothing(store: Store) -> None:
    store.clear("Demo-1", ["first"])
    assert store.load("Demo-1") is None


def test_runs_are_listed_newest_first(store: Store) -> None:
    for name, created_at in [("b", 20.5), ("c", 3_000_000_000.0), ("a", 20.25)]:
        store.save(a_run(name, created_at), [])
    assert [run.id for run in store.list_runs()] == ["c", "b", "a"]
    assert [run.id for run in store.list_runs(limit=2)] == ["c", "b"]


@pytest.mark.parametrize("status", RunStatus)
def test_runs_are_listed_by_status(store: Store, status: RunStatus) -> None:
    for index, each in enumerate([*RunStatus, *RunStatus]):
        store.save(a_run(f"{each}-{index}", float(index), each), [])
    listed = store.list_runs(status=status)
    assert [run.status for run in listed] == [status, status]
    assert listed[0].created_at > listed[1].created_at
    assert len(store.list_runs(status=status, limit=1)) == 1


def test_a_run_leaves_the_living_when_it_ends(store: Store) -> None:
    store.save(a_run(), [])
    store.save(replace(a_run(), version=1, status=RunStatus.SUCCEEDED), [])
    assert store.list_runs(status=RunStatus.RUNNING) == []
    assert [run.version for run in store.list_runs(status=RunStatus.SUCCEEDED)] == [2]


def test_unsettled_are_runs_that_live_and_ended_ones_with_something_left_to_do(store: Store) -> None:
    store.save(a_run("living"), [])
    store.save(a_run("ended", status=RunStatus.FAILED), [])
    store.save(a_run("ended-with-rest", status=RunStatus.FAILED), [], add=an_entry())
    assert [listed.run for listed in store.unsettled("stuck")] == ["ended-with-rest"]
    assert [listed.run for listed in store.unsettled("live")] == ["living"]
    store.clear("ended-with-rest", ["entry"])
    assert store.unsettled("stuck") == []


def test_a_deployment_replaces_the_one_before(store: Store) -> None:
    first, second = Deployment("Demo", "01", 1.0), Deployment("Demo", "02", 2.0, (), ("daily",))
    assert store.deployment("Demo") is None
    assert store.deploy(first) is None
    assert store.deploy(second) == first
    assert store.deployment("Demo") == second


def test_an_earlier_deployment_that_comes_late_changes_nothing(store: Store) -> None:
    later = Deployment("Demo", "02", 2.0, ("uploaded",))
    store.deploy(later)
    with pytest.raises(Conflict, match="later deployment"):
        store.deploy(Deployment("Demo", "01", 1.0, ("other",)))
    assert store.deployment("Demo") == later
    assert store.subscribers("other") == []


def test_the_same_deployment_may_come_twice(store: Store) -> None:
    deployment = Deployment("Demo", "01", 1.0, ("uploaded",))
    store.deploy(deployment)
    assert store.deploy(deployment) == deployment
    assert store.subscribers("uploaded") == [deployment]


def test_subscribers_of_an_event_are_the_flows_deployed_with_it_as_trigger(store: Store) -> None:
    a, b = Deployment("A", "01", 1.0, ("uploaded", "noon")), Deployment("B", "02", 1.0, ("uploaded", "uploaded"))
    store.deploy(b)
    store.deploy(a)
    assert store.subscribers("uploaded") == [a, b]
    assert store.subscribers("noon") == [a]
    assert store.subscribers("never") == []


def test_subscriptions_change_with_the_deployment(store: Store) -> None:
    store.deploy(Deployment("Demo", "01", 1.0, ("uploaded", "noon")))
    second = Deployment("Demo", "02", 2.0, ("noon", "night"))
    store.deploy(second)
    assert store.subscribers("uploaded") == []
    assert store.subscribers("noon") == [second]
    assert store.subscribers("night") == [second]


def test_definitions_are_unused_from_their_last_use_on_the_oldest_first(store: Store) -> None:
    for name, at in [("b", 20.5), ("a", 30.0), ("c", 10.25), ("b", 25.75)]:
        store.note_definition(UsedDefinition(name, at))
    assert store.unused_definitions(30.0, limit=9) == [UsedDefinition("c", 10.25), UsedDefinition("b", 25.75)]
    assert store.unused_definitions(31.0, limit=2) == [UsedDefinition("c", 10.25), UsedDefinition("b", 25.75)]
    assert store.unused_definitions(10.25, limit=9) == []


def test_an_earlier_use_that_is_noted_late_changes_nothing(store: Store) -> None:
    store.note_definition(UsedDefinition("a", 20.0))
    store.note_definition(UsedDefinition("a", 10.0))
    assert store.unused_definitions(99.0, limit=9) == [UsedDefinition("a", 20.0)]


def test_a_forgotten_definition_is_gone_and_can_be_used_again(store: Store) -> None:
    used = UsedDefinition("a", 1_790_000_000.123456)
    store.note_definition(used)
    (found,) = store.unused_definitions(1_800_000_000.0, limit=9)
    assert store.forget_definition(found)
    assert not store.forget_definition(found)
    assert store.unused_definitions(1_800_000_000.0, limit=9) == []
    store.note_definition(used)
    assert store.unused_definitions(1_800_000_000.0, limit=9) == [used]


def test_a_definition_that_was_used_since_is_not_forgotten(store: Store) -> None:
    store.note_definition(UsedDefinition("a", 10.0))
    (found,) = store.unused_definitions(99.0, limit=9)
    store.note_definition(UsedDefinition("a", 20.0))
    assert not store.forget_definition(found)
    assert store.unused_definitions(99.0, limit=9) == [UsedDefinition("a", 20.0)]


def test_definitions_are_no_runs(store: Store) -> None:
    store.note_definition(UsedDefinition("a", 10.0))
    assert store.list_runs() == []
    assert store.unsettled("live") == []
    assert store.unsettled("stuck") == []


def test_living_runs_are_listed_from_a_place_on_the_oldest_first(store: Store) -> None:
    for name, created_at in [("b", 20.5), ("c", 3_000_000_000.0), ("a", 20.25)]:
        store.save(a_run(name, created_at), [])
    first = store.unsettled("live", limit=2)
    assert [listed.run for listed in first] == ["a", "b"]
    assert [listed.run for listed in store.unsettled("live", after=first[0].place)] == ["b", "c"]
    assert [listed.run for listed in store.unsettled("live", after=first[1].place)] == ["c"]


def test_stuck_runs_are_listed_by_the_age_of_what_is_left_of_them(store: Store) -> None:
    store.save(a_run("young"), [], add=an_entry("x", 20.0))
    store.save(a_run("old"), [], add=an_entry("y", 10.0))
    store.save(replace(a_run("old"), version=1), [], add=an_entry("z", 30.0))
    found = store.unsettled("stuck")
    assert [listed.run for listed in found] == ["old", "young", "old"]
    assert [listed.run for listed in store.unsettled("stuck", after=found[1].place, limit=5)] == ["old"]


def test_a_cursor_is_kept_for_each_list(store: Store) -> None:
    assert store.cursor("live") == Cursor()
    store.keep_cursor("live", Cursor("place", "job-1"))
    store.keep_cursor("stuck", Cursor("other"))
    assert (store.cursor("live"), store.cursor("stuck")) == (Cursor("place", "job-1"), Cursor("other"))
    store.keep_cursor("live", Cursor())
    assert store.cursor("live") == Cursor()


def test_a_run_that_had_ended_and_goes_on_is_among_the_living_again(store: Store) -> None:
    store.save(a_run(status=RunStatus.FAILED), [])
    assert store.unsettled("live") == []
    store.save(replace(a_run(), version=1, generation=2), [])
    assert [listed.run for listed in store.unsettled("live")] == ["Demo-1"]
    assert [run.generation for run in store.list_runs(status=RunStatus.RUNNING)] == [2]
    assert store.list_runs(status=RunStatus.FAILED) == []


def test_an_outbox_entry_is_taken_up_by_one_of_those_who_saw_it(store: Store) -> None:
    store.save(a_run(), [], add=an_entry())
    until = an_entry().created_at + 90
    assert [store.take_up("Demo-1", an_entry(), until) for _ in range(3)] == [True, False, False]
    stored = store.load("Demo-1")
    assert stored is not None
    assert stored.outbox == (replace(an_entry(), free_at=until),)


def test_an_outbox_entry_that_was_taken_up_is_taken_up_again_by_who_has_seen_that(store: Store) -> None:
    store.save(a_run(), [], add=an_entry())
    assert store.take_up("Demo-1", an_entry(), 1_790_000_100.1)
    assert store.take_up("Demo-1", replace(an_entry(), free_at=1_790_000_100.1), 1_790_000_200.2)


def test_an_outbox_entry_that_is_gone_cannot_be_taken_up(store: Store) -> None:
    store.save(a_run(), [], add=an_entry())
    store.clear("Demo-1", ["entry"])
    assert not store.take_up("Demo-1", an_entry(), 1_790_000_100.0)
    stored = store.load("Demo-1")
    assert stored is not None
    assert stored.outbox == ()


def test_a_cancelled_run_is_looked_after_until_all_of_it_is_stopped_but_not_listed_as_running(store: Store) -> None:
    store.save(a_run(), [])
    cancelled = replace(a_run(status=RunStatus.CANCELLED), version=1, stopping="no need")
    store.save(cancelled, [])
    assert [listed.run for listed in store.unsettled("live")] == ["Demo-1"]
    assert store.list_runs(status=RunStatus.RUNNING) == []
    store.save(replace(cancelled, version=2, stopping=None), [])
    assert store.unsettled("live") == []


def test_a_run_that_has_ended_is_looked_after_until_its_exit_hooks_have_and_is_not_listed_as_running(
    store: Store,
) -> None:
    store.save(a_run(), [])
    hook = HookRun("tell", (1,), 1, RunStatus.SUCCEEDED, 1.0)
    ended = replace(a_run(status=RunStatus.SUCCEEDED), version=1, hooks=(hook,))
    store.save(ended, [])
    assert [listed.run for listed in store.unsettled("live")] == ["Demo-1"]
    assert store.list_runs(status=RunStatus.RUNNING) == []
    store.save(replace(ended, version=2, hooks=(replace(hook, status=HookStatus.FAILED),)), [])
    assert store.unsettled("live") == []
