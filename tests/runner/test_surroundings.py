"""What a step finds around it: its artifacts, parameters, environment, package and entrypoint."""

from pathlib import Path

import pytest

from tests.runner.lab import Lab, flow, same


def test_a_missing_artifact_names_the_step_and_close_names(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.weights = 1
            self.next(self.end)
        @step
        def end(self):
            print(self.weihgts)
    """),
    )
    lab.run("start", "end")
    assert lab.fail("end", inputs=same("start")) == "step 'end' has no artifact 'weihgts'; did you mean weights?"


def test_a_deleted_artifact_is_gone_for_later_steps(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.x, self.y = 1, 2
            self.next(self.end)
        @step
        def end(self):
            del self.x
    """),
    )
    lab.run("start", "end")
    assert lab.succeed("end", inputs=same("start")) == {"y": 2}


def test_artifacts_that_a_step_does_not_touch_are_neither_read_nor_written(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.x = 1
            self.next(self.end)
        @step
        def end(self): pass
    """),
    )
    outcome = lab.run("start", "end")
    for key in lab.store.keys("artifacts/"):
        (lab.store.root / key).unlink()
    assert lab.run("end", inputs=same("start")).artifacts == outcome.artifacts
    assert lab.store.keys("artifacts/") == []


def test_parameters_are_read_as_declared_and_cannot_be_assigned(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        alpha = Parameter("alpha", default=0.5)
        n = Parameter("n", type=int)
        options = Parameter("options", type=JSONType, default='{"deep": 1}')
        @step
        def start(self):
            self.seen = (self.alpha, self.n, self.options, dict(current.parameters), current.parameters.n)
            self.next(self.end)
        @step
        def end(self):
            self.alpha = 1
    """),
    )
    values = {"alpha": 0.5, "n": 7, "options": {"deep": 1}}
    assert lab.succeed("start", "end", parameters={"n": "7"}) == {"seen": (0.5, 7, {"deep": 1}, values, 7)}
    assert "parameter 'alpha' is read-only" in lab.fail("end", parameters={"n": "7"})


def test_a_parameter_of_the_wrong_type_fails_and_names_it(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        n = Parameter("n", type=int)
        @step
        def start(self): pass
    """),
    )
    assert lab.fail("start", parameters={"n": "many"}) == "parameter 'n' must be int, given 'many'"


def test_current_tells_of_the_task(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def each(self):
            c = current
            self.seen = (c.is_running, c.flow_name, c.run_id, c.step_name, c.task_id, c.pathspec, c.attempt,
                         c.retry_count, c.max_attempts, c.origin_kind, dict(c.origin_detail), c.tempdir)
    """),
    )
    seen = lab.succeed("each", member=3, path=[0], members=[[0, 5]], attempt=2, max_attempts=4, tempdir="/tmp")["seen"]
    assert seen == (
        True, "TheFlow", "TheFlow-1", "each", "each.3", "TheFlow/TheFlow-1/each/0.3", 2,
        1, 4, "upload", {"key": "run/x.tar.gz"}, "/tmp",
    )  # fmt: skip


def test_the_environment_is_set_before_the_flow_is_imported(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow(
            """
        @step
        def start(self):
            self.seen = SEEN
    """,
            before="import os; SEEN = os.environ['COLOUR']",
        ),
    )
    assert lab.succeed("start", environment={"COLOUR": "green"}) == {"seen": "green"}


def test_the_package_is_the_working_folder_and_first_on_the_path(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        {
            "flow.py": flow("""
            @step
            def start(self):
                from helpers.text import shout
                self.seen = shout(open("data/word.txt").read())
        """),
            "helpers/text.py": "def shout(text): return text.upper()",
            "data/word.txt": "hello",
        },
    )
    assert lab.succeed("start") == {"seen": "HELLO"}


def test_folders_named_like_libraries_do_not_come_between(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        {
            "flow.py": flow("""
            @step
            def start(self):
                self.x = 1
        """),
            **{f"{name}/__init__.py": "raise RuntimeError('shadowed')" for name in ("steprelay", "boto3", "flow")},
        },
    )
    assert lab.succeed("start") == {"x": 1}


def test_a_flow_file_may_be_called_like_a_module_of_the_standard_library(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        {
            "json.py": flow("""
        @step
        def start(self):
            self.x = 1
    """)
        },
    )
    entrypoint = {"file": "json.py", "class_name": "TheFlow", "python": "3.11"}
    assert lab.succeed("start", entrypoint=entrypoint) == {"x": 1}


def test_instances_of_the_flow_files_classes_are_artifacts(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow(
            """
        @step
        def start(self):
            self.point = Point(1, 2)
            self.next(self.end)
        @step
        def end(self):
            self.total = self.point.x + self.point.y
    """,
            before="""
        from dataclasses import dataclass
        @dataclass
        class Point:
            x: int
            y: int
    """,
        ),
    )
    assert lab.run("start", "end").artifacts["point"].type == "Point"
    assert lab.run("end", inputs=same("start")).succeeded
    assert "total" in lab.outcome("end").artifacts


def test_a_script_that_starts_itself_unguarded_does_nothing_in_the_runner(tmp_path: Path) -> None:
    source = flow("""
        @step
        def start(self):
            self.x = 1
    """)
    assert Lab(tmp_path, source + "\nTheFlow()\n").succeed("start") == {"x": 1}


@pytest.mark.parametrize(
    ("entrypoint", "message"),
    [
        ({"file": "gone.py", "class_name": "TheFlow"}, "the package has no file 'gone.py'"),
        ({"file": "flow.py", "class_name": "OtherFlow"}, "has no flow class 'OtherFlow'; it has TheFlow"),
    ],
)
def test_a_wrong_entrypoint_fails_and_says_what_there_is(tmp_path: Path, entrypoint: object, message: str) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self): pass
    """),
    )
    assert message in lab.fail("start", entrypoint=entrypoint)
