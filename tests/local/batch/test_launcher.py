"""The seam to what runs a job, and its fallbacks."""

import errno
import resource
from pathlib import Path

import pytest

from steprelay.local.batch.launcher import Launch, Process, ProcessLauncher
from tests.local.batch.conftest import MakeLab


class BrokenHost:
    """A launcher on a machine that has run out of something."""

    def launch(self, launch: Launch) -> Process:
        raise OSError(errno.EMFILE, "Too many open files")

    def close(self) -> None:
        """Holds nothing."""


class RecordingLauncher(ProcessLauncher):
    """Remembers what it was asked to launch."""

    def __init__(self) -> None:
        super().__init__()
        self.launches: list[Launch] = []
        self.closed = False

    def launch(self, launch: Launch) -> Process:
        self.launches.append(launch)
        return super().launch(launch)

    def close(self) -> None:
        self.closed = True


def _no_pidfd(pid: int) -> int:
    raise OSError(errno.ENOSYS, "not here")


@pytest.mark.parametrize("open_pidfd", [None, _no_pidfd], ids=["another system", "a sandbox"])
def test_without_pidfd_jobs_end_and_are_killed_all_the_same(make_lab: MakeLab, open_pidfd: None) -> None:
    lab = make_lab(launcher=ProcessLauncher(open_pidfd))
    assert lab.ends(lab.shell("echo hello; exit 3"))["container"]["exitCode"] == 3
    long = lab.shell("sleep 60")
    lab.reaches(long, "RUNNING")
    lab.call("TerminateJob", jobId=long, reason="enough")
    assert lab.ends(long)["container"]["exitCode"] == 143


def test_without_pidfd_memory_taken_and_given_back_is_found_too(make_lab: MakeLab) -> None:
    lab = make_lab(launcher=ProcessLauncher(None), memory_sample_seconds=3600.0)
    limit = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 + 100
    job = lab.ends(lab.python(f"bytearray({limit + 50} << 20)", containerOverrides=lab.needing(1, limit)))
    assert job["container"]["exitCode"] == 137


def test_a_host_that_cannot_create_a_process_fails_the_attempt_as_the_hosts_trouble(make_lab: MakeLab) -> None:
    lab = make_lab(launcher=BrokenHost())
    job = lab.ends(lab.shell("exit 0", retryStrategy={"attempts": 2}))
    reasons = [attempt["container"]["reason"] for attempt in job["attempts"]]
    assert [reason.split(":")[0] for reason in reasons] == ["CannotCreateContainerError"] * 2
    assert "Too many open files" in reasons[0]


def test_another_launcher_is_told_everything_that_defines_the_run(make_lab: MakeLab, tmp_path: Path) -> None:
    launcher = RecordingLauncher()
    lab = make_lab(launcher=launcher)
    lab.ends(lab.submit(["echo", "hello"]))
    (launch,) = launcher.launches
    assert (launch.command, launch.image) == (("echo", "hello"), "python:3.13")
    assert launch.environment["AWS_BATCH_JOB_ATTEMPT"] == "1"
    assert launch.directory.is_relative_to(tmp_path)
    lab.batch.stop()
    assert launcher.closed
