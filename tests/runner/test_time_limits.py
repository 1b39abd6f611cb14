"""`@timeout`: from the step's first line on, whatever the step does about it."""

import textwrap
from pathlib import Path

import pytest

from steprelay.runner.outcome import Failure
from steprelay.runner.supervise import Limits
from tests.runner.lab import Lab, flow

QUICK = Limits(timeout_grace=0.2)
SECONDS = 0.05


def _timed_out(lab: Lab, limits: Limits | None = None, attempt: int = 1) -> Failure:
    """Run `start` under a limit; the failure it must leave."""
    ended = lab.attempt("start", timeout_seconds=SECONDS, limits=limits, attempt=attempt, max_attempts=2)
    failure = lab.outcome("start", attempt=attempt).failure
    assert failure is not None, lab.output
    assert (ended.exit_code, failure.class_, failure.type) == (1, "timeout", "TimeoutException")
    return failure


def test_the_import_of_the_flow_does_not_count(tmp_path: Path) -> None:
    body = """
        @step
        def start(self): pass
    """
    lab = Lab(tmp_path, flow(body, before="import time; time.sleep(0.2)"))
    lab.succeed("start", timeout_seconds=SECONDS)


def test_an_import_that_hangs_is_ended_all_the_same(tmp_path: Path) -> None:
    body = """
        @step
        def start(self): pass
    """
    lab = Lab(tmp_path, flow(body, before="import time; time.sleep(600)"))
    failure = _timed_out(lab, Limits(import_seconds=0.1))
    assert failure.message == "importing flow.py took longer than 0.1 s"


def test_what_the_step_does_about_its_timeout_in_finally_is_done(tmp_path: Path) -> None:
    body = """
        @step
        def start(self):
            try:
                time.sleep(600)
            finally:
                print("tidied up")
    """
    lab = Lab(tmp_path, flow(body, before="import time"))
    _timed_out(lab)
    assert "tidied up" in lab.output


# Each is a loop in C that looks for no signal and never lets another thread run.
@pytest.mark.parametrize("deaf", ["sum(itertools.repeat(1))", "collections.deque(itertools.count(), maxlen=0)"])
def test_code_in_c_that_holds_the_interpreter_is_ended_from_outside(tmp_path: Path, deaf: str) -> None:
    body = f"""
        @step
        def start(self):
            if current.attempt == 1:
                {deaf}
            self.x = 1
    """
    lab = Lab(tmp_path, flow(body, before="import collections, itertools"))
    assert "did not end when told to" in _timed_out(lab, QUICK).message
    assert lab.succeed("start", timeout_seconds=60, attempt=2, max_attempts=2) == {"x": 1}


SWALLOWING = {
    "with everything else": "try: time.sleep(600)\nexcept BaseException: pass",
    "and leaves with 0": "try: time.sleep(600)\nexcept Exception: sys.exit(0)",
    "with an error of its own": "try: time.sleep(600)\nexcept Exception: raise KeyError from None",
    "by taking the alarm for itself": "signal.signal(signal.SIGALRM, signal.SIG_IGN)\ntime.sleep(0.1)",
    "by setting the alarm off": "signal.setitimer(signal.ITIMER_REAL, 0)\ntime.sleep(0.1)",
}


@pytest.mark.parametrize("how", SWALLOWING)
def test_an_attempt_whose_time_was_over_never_succeeds_however_the_step_swallows_that(tmp_path: Path, how: str) -> None:
    code = textwrap.indent(SWALLOWING[how], "    ")
    lab = Lab(tmp_path, flow(f"@step\ndef start(self):\n{code}\n", before="import signal, sys, time"))
    lab.attempt("start", timeout_seconds=SECONDS, limits=QUICK)
    failure = lab.outcome("start").failure
    assert failure is not None
    assert failure.class_ == "timeout"


def test_a_limit_is_for_the_steps_code_and_not_for_what_stores_its_results(tmp_path: Path) -> None:
    body = """
        class Slow:
            def __reduce__(self):
                time.sleep(0.5)
                return (str, ("slow",))
        @step
        def start(self):
            self.x = self.Slow()
    """
    lab = Lab(tmp_path, flow(body, before="import time"))
    assert lab.succeed("start", timeout_seconds=0.3, limits=QUICK) == {"x": "slow"}
