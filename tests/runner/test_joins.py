"""Joins over many splits."""

from pathlib import Path

from steprelay.runner.artifacts import INLINE_BYTES, ArtifactReader, ArtifactWriter
from steprelay.runner.outcome import Attempt, Outcome, encode_outcome
from steprelay.runner.parents import Parents
from steprelay.sdk.binding import Ref
from tests.runner.lab import Lab, group, inputs

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
