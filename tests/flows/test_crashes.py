"""Processes killed in the middle of runs: what AWS or a person would start again is started, and the runs end right."""

import itertools
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from steprelay.local.relay import LocalRelay
from tests.flows.crashing import DISPATCHERS, CrashLab, eventually

SQUARES = """
class CrashFlow(FlowSpec):
    @retry(times=2, minutes_between_retries=0)
    @step
    def start(self):
        begin("start")
        if first_time("start"):
            wait_for("start.go")
        self.parts = [0, 1, 2]
        self.next(self.work, foreach="parts")

    @retry(times=2, minutes_between_retries=0)
    @batch(cpu=1, memory=64)
    @step
    def work(self):
        begin(f"work.{self.input}")
        if self.input == 1 and first_time("work.1"):
            wait_for("work.go")
        self.square = self.input ** 2
        self.next(self.join)

    @step
    def join(self, inputs):
        begin("join")
        self.total = sum(each.square for each in inputs)
        self.next(self.end)

    @step
    def end(self):
        begin("end")

if __name__ == "__main__":
    CrashFlow()
"""
LOOKS_BETWEEN_SWEEPS = 50
ONCE = {"start": 1, "work.0": 1, "work.1": 1, "work.2": 1, "join": 1, "end": 1}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CrashLab]:
    yield CrashLab(tmp_path)
    LocalRelay.down(tmp_path)


def test_a_run_goes_on_when_its_relay_is_killed_and_started_again_and_whoever_follows_it_sees_it_end(
    lab: CrashLab,
) -> None:
    flow = lab.flow("crash.py", SQUARES)
    with lab.running(flow) as run:
        eventually(lambda: lab.diary["start"])
        before, after = lab.relay, lab.kill_relay()
        assert (before.pid != after.pid, before.port) == (True, after.port)
        eventually(lambda: lab.diary["work.1"] and lab.succeeded(2))
        lab.kill_relay()
        done = run.end()
    assert done.code == 0, done.errors
    assert done.artifacts == {"total": "5"}
    # What had not ended began once more; what had, did not.
    assert lab.diary == ONCE | {"start": 2, "work.1": 2}
    assert [run["status"] for run in lab.runs()] == ["SUCCEEDED"]


def test_whichever_dispatching_function_is_killed_no_step_runs_twice(lab: CrashLab) -> None:
    for queue in ("PackagesQueue", "RequestsQueue", "JobEventsQueue", "TimersQueue"):
        lab.hasten(queue, 1)
    lab.sign("start.go")
    lab.sign("work.go")
    flow, killed, looks = lab.flow("crash.py", SQUARES), Counter[str](), itertools.count(1)
    with lab.running(flow) as run:

        def look() -> bool:
            # Steps that begin are what dispatching functions have just been at work on, or still are.
            for step in {"start", "work.0", "join"} & {*lab.diary} - {*killed}:
                killed[step] += lab.kill_functions(*DISPATCHERS)
            if next(looks) % LOOKS_BETWEEN_SWEEPS == 0:
                lab.sweep()
            return run.over

        eventually(look)
        done = run.end()
    assert killed.total()
    assert done.code == 0, done.errors
    assert done.artifacts == {"total": "5"}
    assert lab.diary == ONCE


def test_a_killed_function_or_runner_costs_an_attempt_and_its_step_still_counts_once(lab: CrashLab) -> None:
    lab.hasten("LightQueue", 3)
    flow = lab.flow("crash.py", SQUARES)
    with lab.running(flow) as run:
        eventually(lambda: lab.diary["start"])
        assert lab.kill_functions("LightStepFunction")
        # A claim holds until the function's time is over, whoever killed it; then the message comes again.
        lab.end_claims()
        eventually(lambda: lab.diary["work.1"])
        lab.runner("work.1").send_signal(signal.SIGKILL)
        done = run.end()
    assert done.code == 0, done.errors
    assert done.artifacts == {"total": "5"}
    assert lab.diary == ONCE | {"start": 2, "work.1": 2}
    failed = [(change["task"], change["attempt"]) for change in done.of_kind("attempt_failed")]
    assert failed == [("start", 1), ("work.1", 1)]
