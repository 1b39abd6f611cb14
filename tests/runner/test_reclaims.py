"""SIGTERM: the container is being taken away, and the step learns it as an exception."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runner.containers import Containers
from tests.runner.lab import Lab, flow

STEPS = """
    @step
    def careful(self):
        try:
            wait()
        except Exception:
            print("an Exception")
        except Reclaimed as end:
            print("has", end.seconds, "seconds")
            raise
        finally:
            print("tidied up")
    @step
    def library(self):
        train_until_told_to_stop()
    @step
    def deaf(self):
        print("waiting", flush=True)
        sum(itertools.repeat(1))
    @step
    def pool(self):
        for _ in range(20):
            workers = multiprocessing.get_context("fork").Pool(2)
            workers.terminate()
            workers.join()
        with current.checkpoint.writing(), multiprocessing.get_context("fork").Pool(2) as workers:
            workers.map(int, ["1", "2"])
"""
BEFORE = """
import itertools, multiprocessing, signal, time

def wait():
    print("waiting", flush=True)
    time.sleep(600)

def train_until_told_to_stop():
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(print("the library stops")))
    print("waiting", flush=True)
    while not told:
        time.sleep(0.01)
"""


@pytest.fixture
def containers(tmp_path: Path) -> Iterator[Containers]:
    with Containers(Lab(tmp_path, flow(STEPS, before=BEFORE))) as running:
        yield running


def _reclaim(containers: Containers, step: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, output and stderr of a step that gets SIGTERM while it waits."""
    process: Any = containers.start(step, environment=environment)
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGTERM)
    output, error = process.communicate(timeout=60)
    assert not [key for key in containers.lab.store.keys("runs/") if key.endswith("outcome.json")]
    return process.returncode, output, error


def test_a_reclaim_passes_by_except_exception_tells_the_time_left_and_runs_finally(containers: Containers) -> None:
    code, output, _ = _reclaim(containers, "careful")
    assert (code, output) == (143, "has 25.0 seconds\ntidied up\n")


def test_the_time_left_is_shorter_or_longer_where_the_container_is_killed_sooner_or_later(
    containers: Containers,
) -> None:
    assert _reclaim(containers, "careful", STEPRELAY_STOP_SECONDS="120")[1].startswith("has 100.0 seconds\n")


def test_a_library_that_handles_sigterm_itself_cannot_make_half_a_step_succeed(containers: Containers) -> None:
    code, output, _ = _reclaim(containers, "library")
    assert (code, output) == (143, "the library stops\n")


def test_a_step_that_is_deaf_to_sigterm_ends_in_time_and_does_not_look_like_one_that_took_too_much_memory(
    containers: Containers,
) -> None:
    assert _reclaim(containers, "deaf", STEPRELAY_STOP_SECONDS="0.6")[0] == 143


def test_processes_that_a_step_forked_end_quietly_when_the_step_ends_them(containers: Containers) -> None:
    assert containers.run("pool") == (0, "")


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_stop_time_that_is_none_is_told_in_one_line(containers: Containers, text: str) -> None:
    code, error = containers.run("pool", environment={"STEPRELAY_STOP_SECONDS": text})
    said = f"must be the seconds between SIGTERM and SIGKILL, a number above 0, given {text!r}"
    assert (code, error) == (1, f"steprelay: STEPRELAY_STOP_SECONDS {said}\n")
