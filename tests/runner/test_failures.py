"""Failures, timeouts, @catch, and steps that die."""

from pathlib import Path
from typing import Any

import pytest

from steprelay.runner.supervise import Limits
from tests.runner.lab import Lab, flow, runs, same, to, wait_until

DEEP = """
def fail():
    try:
        {}["a"]
    except KeyError:
        raise ValueError("b")
"""
QUICK = Limits(timeout_grace=0.2)


def test_a_failing_step_leaves_its_failure_and_exits_with_1(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            raise ValueError("no good")
    """),
    )
    assert lab.attempt("start").exit_code == 1
    failure = lab.outcome("start").failure
    assert failure is not None
    assert (failure.class_, failure.type, failure.message) == ("program", "ValueError", "no good")


def test_the_traceback_has_only_the_persons_frames_with_paths_as_in_the_package(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        {
            "flow.py": flow("""
            @step
            def start(self):
                from lib.deep import fail
                fail()
        """),
            "lib/deep.py": DEEP,
        },
    )
    lab.attempt("start")
    failure = lab.outcome("start").failure
    assert failure is not None
    files = [line.strip() for line in failure.traceback.splitlines() if line.startswith("  File")]
    assert files == [
        'File "lib/deep.py", line 4, in fail',
        'File "flow.py", line 8, in start',
        'File "lib/deep.py", line 6, in fail',
    ]
    assert failure.traceback in lab.output


def test_a_syntax_error_in_the_flow_file_is_the_steps_failure(tmp_path: Path) -> None:
    lab = Lab(tmp_path, "def broken(:\n")
    lab.attempt("start")
    failure = lab.outcome("start").failure
    assert failure is not None
    assert failure.type == "SyntaxError"


@pytest.mark.parametrize(("leave", "code"), [("sys.exit(3)", 3), ("sys.exit('text')", 1), ("os._exit(4)", 4)])
def test_leaving_with_a_code_is_a_failure_with_that_code(tmp_path: Path, leave: str, code: int) -> None:
    lab = Lab(
        tmp_path,
        flow(
            f"""
        @step
        def start(self):
            {leave}
    """,
            before="import os, sys",
        ),
    )
    assert lab.attempt("start").exit_code == 1
    failure = lab.outcome("start").failure
    assert failure is not None
    assert failure.exit_code == code


def test_leaving_with_0_ends_the_step_as_a_return_does(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.x = 1
            raise SystemExit(0)
    """),
    )
    assert lab.succeed("start") == {"x": 1}


def test_a_crash_is_recorded_for_the_step_with_its_signal(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow(
            """
        @step
        def start(self):
            faulthandler.disable()
            os.kill(os.getpid(), signal.SIGSEGV)
    """,
            before="import faulthandler, os, signal",
        ),
    )
    assert lab.attempt("start").exit_code == 1
    failure = lab.outcome("start").failure
    assert failure is not None
    assert (failure.type, failure.exit_code) == ("SIGSEGV", 139)


def test_a_kill_from_outside_leaves_no_outcome_and_exits_with_137(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow(
            """
        @step
        def start(self):
            os.kill(os.getpid(), signal.SIGKILL)
    """,
            before="import os, signal",
        ),
    )
    ended = lab.attempt("start")
    assert (ended.status, ended.exit_code) == (None, 137)
    assert not [key for key in lab.store.keys("runs/") if key.endswith("outcome.json")]


def test_nothing_a_step_started_outlives_it(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow(
            """
        @step
        def start(self):
            self.pid = subprocess.Popen(["sleep", "600"]).pid
    """,
            before="import subprocess",
        ),
    )
    pid = lab.succeed("start")["pid"]
    wait_until(lambda: not runs(pid), "the end of what the step started")


SLEEPER = """
    @step
    def start(self):
        try:
            while True:
                time.sleep(0.01)
        except TimeoutException as error:
            self.text = str(error)
            raise
        self.next(self.end)
    @step
    def end(self): pass
"""


def test_a_timeout_reaches_the_step_as_an_exception(tmp_path: Path) -> None:
    lab = Lab(tmp_path, flow(SLEEPER, before="import time"))
    assert lab.attempt("start", "end", timeout_seconds=0.05).exit_code == 1
    failure = lab.outcome("start").failure
    assert failure is not None
    assert (failure.class_, failure.type) == ("timeout", "TimeoutException")
    assert failure.message == "step 'start' took longer than its @timeout of 0.05 s"


def test_a_step_that_swallows_its_timeout_cannot_succeed(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow(
            """
        @step
        def start(self):
            try:
                time.sleep(60)
            except Exception:
                pass
    """,
            before="import time",
        ),
    )
    lab.attempt("start", timeout_seconds=0.05)
    failure = lab.outcome("start").failure
    assert failure is not None
    assert failure.class_ == "timeout"


def test_a_step_that_ignores_its_timeout_is_killed_and_its_timeout_recorded(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow(
            """
        @step
        def start(self):
            while True:
                try:
                    time.sleep(60)
                except Exception:
                    pass
    """,
            before="import time",
        ),
    )
    assert lab.attempt("start", timeout_seconds=0.05, limits=QUICK).exit_code == 1
    failure = lab.outcome("start").failure
    assert failure is not None
    assert failure.class_ == "timeout"
    assert "did not end when told to" in failure.message


CATCH: dict[str, Any] = {"var": "problem", "print_exception": True}


def test_catch_lets_the_flow_go_on_with_the_exception_after_the_last_attempt(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.before = 1
            raise ValueError("no good")
        @step
        def end(self):
            self.seen = (type(self.problem).__name__, str(self.problem))
    """),
    )
    ended = lab.attempt("start", "end", catch=CATCH, attempt=2, max_attempts=2)
    outcome = lab.outcome("start", attempt=2)
    assert (ended.exit_code, outcome.status, outcome.caught, outcome.transition) == (0, "succeeded", True, 0)
    assert "ValueError: no good" in lab.output
    won = {"kind": "same", "groups": [{"step": "start", "path": [], "won": {"2": [[0, 0]]}}]}
    found = lab.succeed("end", inputs=won)
    assert (found["seen"], found["before"]) == (("ValueError", "no good"), 1)


def test_catch_waits_for_the_last_attempt(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            raise ValueError("no good")
    """),
    )
    assert lab.run("start", "end", catch=CATCH, attempt=1, max_attempts=2).status == "failed"


def test_catch_leaves_none_when_all_went_well(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self): pass
    """),
    )
    outcome = lab.run("start", catch=CATCH)
    assert (lab.artifacts(outcome), outcome.caught) == ({"problem": None}, False)


def test_catch_is_silent_when_told_not_to_print(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            raise ValueError("no good")
    """),
    )
    lab.attempt("start", catch={"var": None, "print_exception": False})
    assert "no good" not in lab.output
    assert lab.outcome("start").artifacts == {}


def test_catch_takes_timeouts_too_even_ignored_ones(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow(
            """
        @step
        def start(self):
            self.kept = 1
            self.next(self.wait)
        @step
        def wait(self):
            while True:
                try:
                    time.sleep(60)
                except Exception:
                    pass
    """,
            before="import time",
        ),
    )
    lab.run("start", "wait")
    ended = lab.attempt("wait", "end", catch=CATCH, timeout_seconds=0.05, limits=QUICK, inputs=same("start"))
    found = lab.artifacts(lab.outcome("wait"))
    assert ended.exit_code == 0
    assert (type(found["problem"]).__name__, found["kept"]) == ("TimeoutException", 1)


def test_catch_uses_the_way_that_the_step_had_chosen(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            self.next(self.b)
            raise ValueError
        @step
        def a(self): pass
        @step
        def b(self): pass
    """),
    )
    assert lab.run("start", "a", "b", catch=CATCH).transition == 1


@pytest.mark.parametrize("ways", [[to("a"), to("b")], [to("a", foreach="items")]])
def test_catch_cannot_go_on_where_the_step_had_yet_to_choose(tmp_path: Path, ways: list[dict[str, Any]]) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        @step
        def start(self):
            raise ValueError("no good")
    """),
    )
    message = lab.fail("start", *ways, catch=CATCH)
    assert message.startswith("no good (@catch cannot go on: step 'start' failed before it chose among a")


def test_catch_keeps_what_an_exception_says_that_cannot_be_pickled(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow(
            """
        class Odd(Exception):
            def __init__(self, one, two):
                super().__init__(one + two)
        @step
        def start(self):
            self.lock = threading.Lock()
            raise self.Odd("a", "b")
    """,
            before="import threading",
        ),
    )
    found = lab.artifacts(lab.run("start", catch=CATCH))
    assert list(found) == ["problem"]
    assert str(found["problem"]) == "TheFlow.Odd: ab"


def test_an_exception_whose_str_raises_is_still_recorded(tmp_path: Path) -> None:
    lab = Lab(
        tmp_path,
        flow("""
        class Odd(Exception):
            def __str__(self):
                raise RuntimeError
        @step
        def start(self):
            raise self.Odd
    """),
    )
    assert "Odd" in lab.fail("start")
