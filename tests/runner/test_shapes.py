"""Every shape of a flow, each step run as in a container."""

import hashlib
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from steprelay.runner.outcome import Outcome
from steprelay.sdk.binding import Ref
from tests.runner.lab import Lab, flow, group, inputs, item, same, to


def test_a_linear_flow_carries_artifacts_from_step_to_step(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.x, self.words = 1, ["a"]
            self.next(self.end)
        @step
        def end(self):
            self.words.append("b")
            self.y = self.x + 1
    """),
    )
    lab.succeed("start", "end")
    assert lab.succeed("end", inputs=same("start")) == {"x": 1, "words": ["a", "b"], "y": 2}


def test_the_outcome_names_the_transition_the_class_and_the_size_of_each_artifact(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.x = 1
            self.next(self.other)
        @step
        def end(self): pass
        @step
        def other(self): pass
    """),
    )
    outcome = lab.run("start", "end", "other")
    assert outcome.transition == 1
    assert outcome.artifacts["x"].type == "int"
    assert outcome.artifacts["x"].size == 5


def test_the_last_step_takes_no_transition(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def end(self): pass
    """),
    )
    assert lab.run("end").transition is None


def test_a_branch_goes_on_to_all_its_steps_and_joins_by_step_name(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.base = 10
            self.next(self.left, self.right)
        @step
        def left(self):
            self.x = self.base + 1
            self.next(self.join)
        @step
        def right(self):
            self.x = self.base + 2
            self.next(self.join)
        @step
        def join(self, inputs):
            self.pair = (inputs.left.x, inputs.right.x, inputs[1].base, [i.x for i in inputs], len(inputs))
            self.merge_artifacts(inputs, exclude=["x"])
            self.next(self.end)
        @step
        def end(self): pass
    """),
    )
    lab.run("start", to("left", "right"))
    lab.run("left", "join", inputs=same("start"))
    lab.run("right", "join", inputs=same("start"))
    found = lab.succeed("join", "end", inputs=inputs("branches", group("left"), group("right")))
    assert found == {"pair": (11, 12, 10, [11, 12], 2), "base": 10}


def test_a_join_starts_without_the_artifacts_of_its_branches(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def left(self):
            self.x = 1
            self.next(self.join)
        @step
        def join(self, inputs):
            self.x
    """),
    )
    lab.run("left", "join")
    message = lab.fail("join", inputs=inputs("branches", group("left")))
    assert "step 'join' has no artifact 'x'" in message
    assert "merge_artifacts" in message


def test_merging_different_values_fails_and_names_them(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def left(self):
            self.x, self.same = 1, "s"
            self.next(self.join)
        @step
        def right(self):
            self.x, self.same = 2, "s"
            self.next(self.join)
        @step
        def join(self, inputs):
            self.merge_artifacts(inputs)
    """),
    )
    lab.run("left", "join")
    lab.run("right", "join")
    message = lab.fail("join", inputs=inputs("branches", group("left"), group("right")))
    assert "cannot merge x: the values differ" in message


def test_a_set_that_a_step_only_read_is_carried_unchanged(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def left(self):
            self.count = len(self.names)
    """),
    )
    # Another process orders the same set differently: pickled again here, it has other bytes.
    body = _pickled_elsewhere("{f'name-{n}' for n in range(50)}")
    assert pickle.dumps(pickle.loads(body), 5) != body
    ref = Ref(hashlib.sha256(body).hexdigest(), len(body), "set")
    lab.store.put(f"artifacts/TheFlow/{ref.sha256}", body)
    lab.put_outcome("start", Outcome("succeeded", artifacts={"names": ref}))
    outcome = lab.run("left", inputs=same("start"))
    assert outcome.artifacts["names"] == ref
    assert lab.artifacts(outcome)["count"] == 50


def test_a_set_that_a_step_changed_in_place_is_stored_anew(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.names = {1, 2}
            self.next(self.end)
        @step
        def end(self):
            self.names.remove(1)
            self.names.add(3)
    """),
    )
    lab.run("start", "end")
    assert lab.succeed("end", inputs=same("start")) == {"names": {2, 3}}


def _pickled_elsewhere(expression: str) -> bytes:
    """The pickle that a process with another hash seed makes."""
    program = f"import pickle, sys; sys.stdout.buffer.write(pickle.dumps({expression}, 5))"
    return subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONHASHSEED": "4711"}, capture_output=True, check=True
    ).stdout


def test_a_foreach_gives_each_split_its_item_and_joins_in_order(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.letters = ["a", "b", "c"]
            self.next(self.each, foreach="letters")
        @step
        def each(self):
            self.out = (self.index, self.input, self.foreach_stack(), self.letters)
            self.next(self.join)
        @step
        def join(self, inputs):
            self.seen = [(i.index, i.input, i.out[1]) for i in inputs]
            self.outside = (self.index, self.input, self.foreach_stack())
    """),
    )
    started = lab.run("start", to("each", foreach="letters"))
    assert started.foreach_count == 3
    for member in (2, 0, 1):
        found = lab.succeed("each", "join", member=member, path=[0], members=[[0, 2]], inputs=item("start"))
        letter = "abc"[member]
        assert found["out"] == (member, letter, [(member, 3, letter)], ["a", "b", "c"])
    joined = lab.succeed("join", inputs=inputs("gather", group("each", (0,), ((0, 2),))))
    assert joined["seen"] == [(0, "a", "a"), (1, "b", "b"), (2, "c", "c")]
    assert joined["outside"] == (None, None, [])


def test_a_join_reads_the_attempt_that_won_for_each_split(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def each(self):
            self.at = current.attempt
            self.next(self.join)
        @step
        def join(self, inputs):
            self.attempts = [i.at for i in inputs]
    """),
    )
    for member, attempt in ((0, 1), (1, 1), (1, 2)):
        lab.run("each", "join", member=member, path=[0], members=[[0, 1]], attempt=attempt)
    won = {"step": "each", "path": [0], "won": {"2": [[1, 1]], "1": [[0, 0]]}}
    assert lab.succeed("join", inputs=inputs("gather", won))["attempts"] == [1, 2]


def test_a_step_after_the_first_of_a_foreach_still_knows_its_item(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.letters = ["a", "b"]
            self.next(self.each, foreach="letters")
        @step
        def each(self):
            self.next(self.then)
        @step
        def then(self):
            self.seen = (self.index, self.input)
            self.next(self.join)
        @step
        def join(self, inputs): pass
    """),
    )
    lab.run("start", to("each", foreach="letters"))
    lab.run("each", "then", member=1, path=[0], members=[[0, 1]], inputs=item("start"))
    found = lab.succeed("then", "join", member=1, path=[0], members=[[0, 1]], inputs=same("each", (0,)))
    assert found["seen"] == (1, "b")


def test_nested_foreachs_stack_and_unstack(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.rows = ["r0", "r1"]
            self.next(self.outer, foreach="rows")
        @step
        def outer(self):
            self.cells = [1, 2, 3]
            self.next(self.inner, foreach="cells")
        @step
        def inner(self):
            self.at = self.foreach_stack()
            self.next(self.collect)
        @step
        def collect(self, inputs):
            self.row = (self.input, [i.at[-1][2] for i in inputs])
            self.next(self.join)
        @step
        def join(self, inputs): pass
    """),
    )
    lab.run("start", to("outer", foreach="rows"))
    lab.run("outer", to("inner", foreach="cells"), member=1, path=[0], members=[[0, 1]], inputs=item("start"))
    under = inputs("item", group("outer", (0,), ((1, 1),)))
    for member in range(3):
        found = lab.succeed("inner", "collect", member=member, path=[0, 1], members=[[0, 2]], inputs=under)
        assert found["at"] == [(1, 2, "r1"), (member, 3, member + 1)]
    gathered = inputs("gather", group("inner", (0, 1), ((0, 2),)))
    found = lab.succeed("collect", "join", member=1, path=[0], members=[[1, 1]], inputs=gathered)
    assert found["row"] == ("r1", [1, 2, 3])


def test_a_condition_takes_the_way_of_its_value(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.kind = "big"
            self.next({"small": self.light, "big": self.heavy}, condition="kind")
        @step
        def light(self): pass
        @step
        def heavy(self): pass
    """),
    )
    ways = (to("light", when="small"), to("heavy", when="big"))
    assert lab.run("start", *ways, condition="kind").transition == 1


def test_a_condition_without_a_branch_fails_and_names_value_and_cases(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.kind = "huge"
            self.next({"small": self.light, "big": self.heavy}, condition="kind")
        @step
        def light(self): pass
        @step
        def heavy(self): pass
    """),
    )
    message = lab.fail("start", to("light", when="small"), to("heavy", when="big"), condition="kind")
    assert message == "step 'start': self.kind is 'huge', and self.next has no such case (cases: 'small', 'big')"


def test_conditional_ways_meet_in_the_one_parent_that_ran(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def heavy(self):
            self.by = "heavy"
            self.next(self.end)
        @step
        def end(self): pass
    """),
    )
    lab.run("heavy", "end")
    met = inputs("same", {"step": "light", "path": [], "won": {}}, group("heavy"))
    assert lab.succeed("end", inputs=met) == {"by": "heavy"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("pass", "step 'start' ended without self.next; the flow was packed to go on to end"),
        ("self.next(self.other)", "step 'start' goes on to other, but the flow was packed with these ways on: end"),
        ("self.next(self.end); self.next(self.end)", "step 'start' calls self.next a second time"),
        ("self.next(print)", "step 'start': argument 1 of self.next is print, which is not a @step"),
        ("self.n = 5; self.next(self.end, foreach='n')", "foreach needs something to iterate over, but self.n is 5"),
        ("self.next(self.end, foreach='missing')", "foreach='missing' names nothing on self"),
        ("self.lock = __import__('threading').Lock(); self.next(self.end)", "self.lock is a lock and cannot be stored"),
    ],
)
def test_a_step_that_breaks_the_rules_fails_with_a_clear_message(tmp_path: Path, body: str, message: str) -> None:
    lab = Lab(
        tmp_path,
        flow(f"""
        @step
        def start(self):
            {body}
        @step
        def end(self): pass
        @step
        def other(self): pass
    """),
    )
    assert message in lab.fail("start", "end")
