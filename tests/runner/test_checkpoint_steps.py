"""Steps that are cut short, however that happens, and go on from their checkpoint in the next attempt."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from steprelay.runner.supervise import Limits
from tests.runner.containers import Containers
from tests.runner.lab import Lab, flow

PLACE = "runs/TheFlow-1/.checkpoints/start/0/"
STEPS = """
    @step
    def start(self):
        checkpoint = current.checkpoint
        at = checkpoint.directory / "at"
        self.found = at.read_text() if checkpoint.restored else None
        at.write_text(f"{current.attempt}")
        if current.attempt < 3:
            end(checkpoint)
"""
ENDS = {
    "an exception": "raise ValueError",
    "a timeout": "time.sleep(600)",
    "a timeout in code that is deaf": "sum(itertools.repeat(1))",
    "a crash": "os.kill(os.getpid(), signal.SIGSEGV)",
    "an exit": "os._exit(0)",
    "a kill": "os.kill(os.getpid(), signal.SIGKILL)",
    "a reclaim": "os.kill(os.getpid(), signal.SIGTERM)",
    "an artifact that cannot be stored": "sys._getframe(1).f_locals['self'].lock = threading.Lock()",
}
IMPORTS = "import faulthandler, itertools, os, signal, sys, threading, time\nfaulthandler.disable()"


@pytest.mark.parametrize("how", ENDS)
def test_however_an_attempt_ends_without_success_the_next_one_goes_on_from_its_checkpoint(
    tmp_path: Path, how: str
) -> None:
    lab = Lab(tmp_path, flow(STEPS, before=f"{IMPORTS}\ndef end(checkpoint):\n    {ENDS[how]}"))
    limits = Limits(timeout_grace=0.2)
    for attempt in (1, 2):
        lab.attempt("start", attempt=attempt, max_attempts=3, timeout_seconds=0.5, limits=limits)
    assert lab.succeed("start", attempt=3, max_attempts=3) == {"found": "2"}


def test_what_was_being_written_with_care_is_not_saved_half_written_when_the_step_is_killed(tmp_path: Path) -> None:
    body = """
        checkpoint.save()
        with checkpoint.writing() as directory:
            (directory / "at").write_text("half")
            sum(itertools.repeat(1))
    """
    lab = Lab(tmp_path, flow(STEPS, before=f"{IMPORTS}\ndef end(checkpoint):{body}"))
    lab.attempt("start", attempt=2, max_attempts=3, timeout_seconds=0.5, limits=Limits(timeout_grace=0.2))
    assert lab.succeed("start", attempt=3, max_attempts=3) == {"found": "2"}


def test_a_reclaim_waits_for_what_is_being_written_with_care(tmp_path: Path) -> None:
    body = """
        with checkpoint.writing() as directory:
            os.kill(os.getpid(), signal.SIGTERM)
            (directory / "at").write_text("whole")
        (directory / "at").write_text("too late")
    """
    lab = Lab(tmp_path, flow(STEPS, before=f"{IMPORTS}\ndef end(checkpoint):{body}"))
    assert lab.attempt("start", attempt=2, max_attempts=3).exit_code == 143
    assert lab.succeed("start", attempt=3, max_attempts=3) == {"found": "whole"}


def test_what_failed_while_it_was_written_with_care_is_not_saved_until_it_is_written_again(tmp_path: Path) -> None:
    body = """
        checkpoint.save()
        for _ in range(current.attempt):
            try:
                with checkpoint.writing() as directory:
                    (directory / "at").write_text("half")
                    if _ == 0:
                        raise OSError("the disk is full")
                    (directory / "at").write_text("whole")
            except OSError:
                pass
        raise ValueError
    """
    lab = Lab(tmp_path, flow(STEPS, before=f"{IMPORTS}\ndef end(checkpoint):{body}"))
    lab.attempt("start", attempt=1, max_attempts=3)
    assert "it was left half written; the last save stands" in lab.output
    lab.attempt("start", attempt=2, max_attempts=3)
    assert lab.succeed("start", attempt=3, max_attempts=3) == {"found": "whole"}


def test_an_attempt_that_catch_lets_pass_leaves_no_checkpoint(tmp_path: Path) -> None:
    lab = Lab(tmp_path, flow(STEPS, before=f"{IMPORTS}\ndef end(checkpoint):\n    raise ValueError"))
    assert lab.run("start", attempt=2, max_attempts=2, catch={"var": None, "print_exception": False}).caught
    assert lab.store.keys(PLACE) == []


def test_a_step_that_does_not_use_its_checkpoint_asks_for_nothing(tmp_path: Path) -> None:
    lab = Lab(tmp_path, flow("@step\ndef start(self):\n    self.x = 1"))
    lab.succeed("start", attempt=2, max_attempts=3)
    assert not list(tmp_path.glob("job-*/checkpoint*"))


@pytest.fixture
def containers(tmp_path: Path) -> Iterator[Containers]:
    body = """
        @step
        def start(self):
            checkpoint = current.checkpoint
            self.found = sorted(file.read_text() for file in checkpoint.directory.iterdir())
            if os.environ["AWS_BATCH_JOB_ATTEMPT"] == "1":
                (checkpoint.directory / "a").write_text("left to itself")
                print("waiting", flush=True)
                deaf() if "DEAF" in os.environ else time.sleep(600)
            checkpoint.save()
    """
    before = "import itertools, os, time\ndef deaf():\n    sum(itertools.repeat(1))"
    with Containers(Lab(tmp_path, flow(body, before=before))) as running:
        yield running


@pytest.mark.parametrize("environment", [{}, {"DEAF": "1", "STEPRELAY_STOP_SECONDS": "0.6"}])
def test_a_container_that_is_taken_away_saves_and_batchs_own_next_attempt_goes_on(
    containers: Containers, environment: dict[str, str]
) -> None:
    process = containers.start("start", environment=environment)
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 143, error
    assert containers.run("start", environment={"AWS_BATCH_JOB_ATTEMPT": "2"})[0] == 0
    assert containers.lab.artifacts(containers.lab.outcome("start")) == {"found": ["left to itself"]}
    assert containers.lab.store.keys(PLACE) == []


def test_a_command_has_its_checkpoint_in_a_folder_that_a_variable_names(containers: Containers) -> None:
    script = """
        at=$(cat "$STEPRELAY_CHECKPOINT/at" || echo 0)
        echo "$at" > "$STEPRELAY_OUTPUT/found.json"
        echo 7 > "$STEPRELAY_CHECKPOINT/at"
        test "$STEPRELAY_RETRY_COUNT" = 1
    """
    command = ["sh", "-c", script]
    assert containers.run("start", command=command, max_attempts=2)[0] == 1
    assert containers.run("start", command=command, max_attempts=2, attempt=2)[0] == 0
    assert containers.lab.artifacts(containers.lab.outcome("start", attempt=2)) == {"found": 7}
