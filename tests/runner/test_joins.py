"""Joins over many splits."""

import weakref
from pathlib import Path
from typing import Any

import pytest

from steprelay.runner.artifacts import INLINE_BYTES, ArtifactReader, ArtifactWriter
from steprelay.runner.outcome import Attempt, Outcome, encode_outcome
from steprelay.runner.parents import Parents
from steprelay.sdk.binding import Ref
from steprelay.sdk.flow import FlowSpec
from steprelay.sdk.inputs import Input, Inputs
from steprelay_core.brief import build_brief
from steprelay_core.state.model import GroupKey
from tests.runner.lab import Lab, flow, group, inputs, item, to
from tests.unit.decide.world import World

COUNT = 300
BIG = "x" * INLINE_BYTES


def test_a_join_over_many_splits_reads_each_outcome_and_each_content_once(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    reader = ArtifactReader(lab.store, "TheFlow")
    writer = ArtifactWriter(reader, "each")
    for member in range(COUNT):
        refs = writer.save({"mine": [member, BIG], "all": BIG}, {})
        task = lab.task("each", member=member, path=[0], members=[[0, COUNT - 1]])
        body = encode_outcome(task, Attempt(None, None, 1.0), Outcome("succeeded", artifacts=refs), 2.0)
        lab.store.put(task.key("outcome.json"), body)
    lab.store.requests.clear()

    task = lab.task("join", inputs=inputs("gather", group("each", (0,), ((0, COUNT - 1),))))
    parents = Parents(lab.store, ArtifactReader(lab.store, "TheFlow"), task).all
    assert [parent.value("mine")[0] for parent in parents] == list(range(COUNT))
    assert len(lab.store.requests) == 2 * COUNT
    assert len(set(lab.store.requests)) == 2 * COUNT


def test_a_join_reads_small_artifacts_with_the_outcomes(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    for member in range(3):
        lab.put_outcome("each", Outcome("succeeded", artifacts=_refs(lab, member)), member=member, path=(0,))
    lab.store.requests.clear()
    task = lab.task("join", inputs=inputs("gather", group("each", (0,), ((0, 2),))))
    parents = Parents(lab.store, ArtifactReader(lab.store, "TheFlow"), task).all
    assert [parent.value("mine") for parent in parents] == [0, 1, 2]
    assert len(lab.store.requests) == 3


def _refs(lab: Lab, member: int) -> dict[str, Ref]:
    return ArtifactWriter(ArtifactReader(lab.store, "TheFlow"), "each").save({"mine": member}, {})


def test_groups_that_meet_in_a_join_are_ordered_by_member(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    met = inputs("gather", group("odd", (0,), ((1, 1), (3, 3))), group("even", (0,), ((0, 0), (2, 2))))
    parents = Parents(lab.store, ArtifactReader(lab.store, "TheFlow"), lab.task("join", inputs=met)).all
    assert [(parent.step, parent.member) for parent in parents] == [("even", 0), ("odd", 1), ("even", 2), ("odd", 3)]


MANY = 10_000


@pytest.fixture
def many(tmp_path: Path) -> tuple[Lab, Inputs]:
    """A join of ten thousand, whose splits are not really there, but those that a test puts there."""
    lab = Lab(tmp_path)
    task = lab.task("join", inputs=inputs("gather", group("each", (0,), ((0, MANY - 1),))))
    parents = Parents(lab.store, ArtifactReader(lab.store, "TheFlow"), task)
    return lab, Inputs(parents.all, FlowSpec, {})


def _leave(lab: Lab, member: int, **values: Any) -> None:
    refs = ArtifactWriter(ArtifactReader(lab.store, "TheFlow"), "each").save(values, {})
    lab.put_outcome("each", Outcome("succeeded", artifacts=refs), member=member, path=(0,))


def test_a_join_of_ten_thousand_reads_only_what_it_touches(many: tuple[Lab, Inputs]) -> None:
    lab, given = many
    for member in (0, 5_000, MANY - 1):
        _leave(lab, member, mine=[member, BIG], other=BIG * 2)
    lab.store.requests.clear()
    assert len(given) == MANY
    assert len(given[10:20]) == 10
    assert lab.store.requests == []
    assert [given[at].mine[0] for at in (0, 5_000, -1)] == [0, 5_000, MANY - 1]
    assert len(lab.store.requests) == 3 * 2


def test_a_slice_of_a_join_reads_only_what_it_touches(many: tuple[Lab, Inputs]) -> None:
    lab, given = many
    for member in (7, MANY - 2):
        _leave(lab, member, mine=member)
    lab.store.requests.clear()
    assert given[7:][0].mine == 7
    assert given[-2:][0].mine == MANY - 2
    assert len(lab.store.requests) == 2


def test_going_over_many_inputs_reads_each_outcome_once_and_holds_on_to_none(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    for member in range(COUNT):
        _leave(lab, member, mine=[member, BIG], more=[-1 - member, BIG])
    lab.store.requests.clear()
    task = lab.task("join", inputs=inputs("gather", group("each", (0,), ((0, COUNT - 1),))))
    parents = Parents(lab.store, ArtifactReader(lab.store, "TheFlow"), task)
    given = Inputs(parents.all, FlowSpec, {})
    held: list[weakref.ref[Input]] = []
    for position, each in enumerate(given):
        assert (each.mine[0], each.more[0]) == (position, -1 - position)
        held.append(weakref.ref(each))
    del each
    assert [one for one in held if one() is not None] == []
    assert len(lab.store.requests) == len(set(lab.store.requests)) == 3 * COUNT


def test_outcomes_are_let_go_when_they_become_too_many(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    large = {f"v{number}": Ref("0" * 64, 10**6, "x" * 20_000) for number in range(100)}
    for member in range(COUNT):
        lab.put_outcome("each", Outcome("succeeded", artifacts=large if member < 40 else {}), member=member, path=(0,))
    task = lab.task("join", inputs=inputs("gather", group("each", (0,), ((0, COUNT - 1),))))
    parents = Parents(lab.store, ArtifactReader(lab.store, "TheFlow"), task)
    for parent in parents.all:
        parent.outcome()
    assert len(list(parents.read_so_far())) < COUNT
    assert parents.all[0].artifacts() == large


def test_joins_that_are_tried_again_together_get_the_inputs_of_their_own_foreach(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    groups = [group("inner", (0, outer), ((0, 1),)) for outer in (0, 1)]
    changes: dict[str, Any] = {"path": [0], "members": [[0, 1]], "inputs": inputs("gather", *groups)}
    for member in (0, 1):
        parents = Parents(lab.store, ArtifactReader(lab.store, "TheFlow"), lab.task("join", member=member, **changes))
        assert [(parent.path, parent.member) for parent in parents.all] == [((0, member), 0), ((0, member), 1)]


def test_the_join_of_a_foreach_without_items_knows_where_it_is_and_what_came_before(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.rows = ["a", "b"]
            self.next(self.outer, foreach="rows")
        @step
        def outer(self):
            self.cells, self.setting = [], "kept"
            self.next(self.inner, foreach="cells")
        @step
        def inner(self): pass
        @step
        def collect(self, inputs):
            self.found = (len(inputs), bool(inputs), list(inputs), self.input, self.index, self.foreach_stack())
            self.merge_artifacts(inputs, exclude=["cells"])
            try:
                inputs[0]
            except IndexError as error:
                self.message = str(error)
            self.next(self.gather)
        @step
        def gather(self, inputs): pass
    """),
    )
    lab.run("start", to("outer", foreach="rows"))
    lab.run("outer", to("inner", foreach="cells"), member=1, path=[0], members=[[0, 1]], inputs=item("start"))
    empty = {"kind": "gather", "groups": [], "empty": [group("outer", (0,), ((1, 1),))]}
    found = lab.succeed("collect", "gather", member=1, path=[0], members=[[1, 1]], inputs=empty)
    assert found["found"] == (0, False, [], "b", 1, [(1, 2, "b")])
    assert (found["setting"], found["rows"], "cells" in found) == ("kept", ["a", "b"], False)
    assert found["message"] == "inputs[0]: there are no inputs, the foreach had no items; ask `if inputs:` first"


def test_the_brief_of_a_join_names_who_started_a_foreach_without_items() -> None:
    world = World(
        {
            "start": {"next": {"to": ["outer"], "foreach": "xs"}},
            "outer": {"next": {"to": ["inner"], "foreach": "ys"}},
            "inner": {"next": "collect"},
            "collect": {"join": True, "next": "gather"},
            "gather": {"join": True},
        }
    )
    world.light("start", foreach_count=2)
    world.light("outer", 0, path=(0,), foreach_count=1)
    world.light("outer", 1, path=(0,), foreach_count=0)
    submission = world.submission("collect", 0)
    brief = build_brief(world.flow, world.run, world.groups, GroupKey("collect", (0,)), submission, None)
    assert brief["inputs"] == {
        "kind": "gather",
        "groups": [],
        "empty": [{"step": "outer", "path": [0], "won": {"1": [[1, 1]]}}],
    }
