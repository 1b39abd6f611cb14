"""A step that is gone back to: what it starts from, what it is called, and where its objects lie."""

from pathlib import Path

from steprelay.runner.light import LightResult
from steprelay.runner.outcome import decode_outcome
from tests.runner.lab import Lab, flow, group, inputs

LOOP = flow("""
    @step
    def start(self):
        self.rounds, self.seen = 0, []
        self.next(self.train)
    @step
    def train(self):
        self.rounds += 1
        self.seen.append((current.task_id, current.pathspec))
        if self.rounds < 3:
            self.next(self.train)
        else:
            self.next(self.end)
    @step
    def end(self): pass
""")


def test_each_lap_starts_from_the_artifacts_of_the_one_before(tmp_path: Path) -> None:
    lab = Lab(tmp_path, LOOP)
    lab.succeed("start", "train")
    lab.succeed("train", "train", "end", inputs=inputs("same", group("start")))
    lab.attempt("train", "train", "end", laps=[1], inputs=inputs("same", group("train")))
    lab.attempt("train", "train", "end", laps=[2], inputs=inputs("same", group("train") | {"laps": [1]}))
    keys = [f"runs/TheFlow-1/train/{split}/1/outcome.json" for split in ("0", "1-0", "2-0")]
    outcomes = [decode_outcome(lab.store.get(key)) for key in keys]
    assert [outcome.transition for outcome in outcomes] == [0, 0, 1]
    assert lab.artifacts(outcomes[2]) == {
        "rounds": 3,
        "seen": [
            ("train", "TheFlow/TheFlow-1/train/0"),
            ("train@1", "TheFlow/TheFlow-1/train/1-0"),
            ("train@2", "TheFlow/TheFlow-1/train/2-0"),
        ],
    }


def test_a_join_takes_splits_that_went_round_different_numbers_of_times_in_their_order(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.items = [5, 6, 7]
            self.next(self.work, foreach="items")
        @step
        def work(self):
            self.value = (current.task_id, self.input)
            self.next(self.join)
        @step
        def join(self, inputs):
            self.values = [each.value for each in inputs]
            self.next(self.end)
        @step
        def end(self): pass
    """),
    )
    lab.succeed("start", {"to": ["work"], "foreach": "items", "when": None})
    first = inputs("item", group("start"))
    for member in range(3):
        lab.succeed("work", "join", member=member, path=[0], members=[[0, 2]], inputs=first)
    again = inputs("same", group("work", (0,), ((1, 1),)))
    lab.attempt("work", "join", member=1, path=[0], laps=[0, 1], members=[[1, 1]], inputs=again)
    later = group("work", (0,), ((1, 1),)) | {"laps": [0, 1]}
    gathered = inputs("gather", group("work", (0,), ((0, 0), (2, 2))), later)
    assert lab.succeed("join", "end", inputs=gathered)["values"] == [("work.0", 5), ("work.1@0-1", 6), ("work.2", 7)]


def test_a_light_task_reports_its_lap_and_leaves_it_out_in_the_first(tmp_path: Path) -> None:
    lab = Lab(tmp_path, LOOP)
    first = lab.task("train", "train", "end")
    later = lab.task("train", "train", "end", laps=[2])
    told = [LightResult(task, None).message["detail"] for task in (first, later)]
    assert "laps" not in told[0]
    assert told[1]["laps"] == [2]
