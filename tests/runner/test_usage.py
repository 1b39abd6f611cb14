"""The peak of memory that outcomes tell."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steprelay.runner.light import run_light
from steprelay.runner.package import PackageCache
from steprelay.runner.usage import PROCESS_METER, Meter, container_meter
from tests.runner.containers import Containers
from tests.runner.lab import Lab, flow

HELD_MIB = 200
MIB = 1024 * 1024
FLOW = flow(
    """
    @step
    def start(self):
        pass
    @step
    def hold(self):
        hold()
    @step
    def fail(self):
        hold()
        raise ValueError("no good")
    @step
    def crash(self):
        hold()
        faulthandler.disable()
        os.kill(os.getpid(), signal.SIGSEGV)
    @step
    def killed(self):
        hold()
        os.kill(os.getpid(), signal.SIGKILL)
""",
    before=f"""
    import faulthandler, os, signal
    def hold():
        len(bytearray(b"x") * {HELD_MIB * MIB})
""",
)


def _peak(lab: Lab, step: str) -> int:
    """The peak that the step's outcome tells, as everybody else reads it."""
    usage = json.loads(lab.store.get(f"runs/TheFlow-1/{step}/0/1/outcome.json"))["usage"]
    assert list(usage) == ["peak_memory_mib"]
    peak = usage["peak_memory_mib"]
    assert isinstance(peak, int)
    return peak


def _assert_held(lab: Lab, step: str, run: Callable[[str], object]) -> None:
    """The step's peak is above that of one which holds nothing, by what it held (a forked child may reuse some)."""
    run("start")
    run(step)
    assert _peak(lab, step) >= HELD_MIB
    assert 0 < _peak(lab, "start") < _peak(lab, step) - HELD_MIB * 3 // 4


@pytest.mark.parametrize("step", ["hold", "fail", "crash"])
def test_what_a_step_held_is_told_however_it_ended(tmp_path: Path, step: str) -> None:
    lab = Lab(tmp_path, FLOW)
    _assert_held(lab, step, lab.attempt)


@pytest.mark.parametrize("code", [0, 3])
def test_what_a_command_held_is_told(tmp_path: Path, code: int) -> None:
    lab = Lab(tmp_path, FLOW)
    program = f"import sys; len(bytearray(b'x') * {HELD_MIB * MIB}); sys.exit({code})"
    assert lab.attempt("shell", command=["python3", "-c", program]).exit_code == (1 if code else 0)
    assert _peak(lab, "shell") >= HELD_MIB


def _light(lab: Lab, step: str, **changes: Any) -> None:
    run_light(lab.task(step, **changes), lab.store, time.time() + 60, cache=PackageCache(lab.folder / "cache"))


@pytest.mark.parametrize("step", ["hold", "fail", "killed"])
def test_a_light_step_tells_it_too(tmp_path: Path, step: str) -> None:
    lab = Lab(tmp_path, FLOW)
    _assert_held(lab, step, lambda each: _light(lab, each))


def test_a_step_that_never_ran_tells_nothing(tmp_path: Path) -> None:
    lab = Lab(tmp_path, FLOW)
    _light(lab, "hold", package="packages/gone.tar.gz")
    assert "usage" not in json.loads(lab.store.get("runs/TheFlow-1/hold/0/1/outcome.json"))


class Container:
    """The kernel's files as a container sees them."""

    def __init__(self, folder: Path, group: str = "0::/", limit: str = "1073741824", peak: str = "1") -> None:
        self.proc, self.cgroups = folder / "proc", folder / "cgroup"
        path = group.rpartition("::/")[2]
        (self.proc / "self").mkdir(parents=True)
        (self.proc / "self/cgroup").write_text(f"{group}\n")
        (self.cgroups / path).mkdir(parents=True)
        self.peak = self.cgroups / path / "memory.peak"
        self.peak.write_text(f"{peak}\n")
        self.peak.with_name("memory.max").write_text(f"{limit}\n")

    def meter(self, *processes: int) -> Meter:
        return container_meter((processes[0], processes[1]), self.proc, self.cgroups)


@pytest.mark.parametrize("processes", [(1, 0), (7, 1)])
@pytest.mark.parametrize("group", ["0::/", "0::/ecstasks/4f2a/1c"])
def test_the_main_process_of_a_limited_container_reads_the_containers_peak(
    tmp_path: Path, group: str, processes: tuple[int, int]
) -> None:
    # One byte above 300 MiB: whole MiB, rounded up.
    meter = Container(tmp_path, group, peak=str(300 * MIB + 1)).meter(*processes)
    assert meter.of_this_process() == 301


@pytest.mark.parametrize(("limit", "processes"), [("max", (1, 0)), ("1073741824", (812, 800))])
def test_a_group_without_limit_or_with_others_in_it_is_not_the_steps(
    tmp_path: Path, limit: str, processes: tuple[int, int]
) -> None:
    assert Container(tmp_path, limit=limit).meter(*processes) == PROCESS_METER


@pytest.mark.parametrize("group", ["4:memory:/docker/4f2a", ""])
def test_without_control_groups_of_version_2_the_process_counts(tmp_path: Path, group: str) -> None:
    assert Container(tmp_path, group).meter(1, 0) == PROCESS_METER


def test_where_the_kernel_keeps_no_peak_the_process_counts(tmp_path: Path) -> None:
    container = Container(tmp_path)
    container.peak.unlink()
    assert container.meter(1, 0) == PROCESS_METER


def test_a_peak_that_cannot_be_read_any_more_leaves_the_processes(tmp_path: Path) -> None:
    container = Container(tmp_path)
    meter = container.meter(1, 0)
    container.peak.write_text("?")
    assert meter.of_this_process() == PROCESS_METER.of_this_process()


@pytest.mark.parametrize("step", ["hold", "fail"])
def test_a_step_that_took_more_than_its_job_has_is_killed_where_no_kernel_does_it(tmp_path: Path, step: str) -> None:
    lab = Lab(tmp_path, FLOW)
    with Containers(lab) as containers:
        code, said = containers.run(step, environment={"STEPRELAY_LOCAL_MEMORY": str(HELD_MIB)})

    assert code == 137
    assert f"steprelay: {step} took more than the {HELD_MIB} MiB that its job has" in said
    assert not lab.store.exists(f"runs/TheFlow-1/{step}/0/1/outcome.json")


def test_what_a_command_took_counts_as_well(tmp_path: Path) -> None:
    lab = Lab(tmp_path, FLOW)
    command = ["python3", "-c", f"len(bytearray(b'x') * {HELD_MIB * MIB})"]
    with Containers(lab) as containers:
        environment = {"STEPRELAY_LOCAL_MEMORY": str(HELD_MIB)}
        assert containers.run("shell", command=command, environment=environment)[0] == 137


def test_a_step_within_the_memory_of_its_job_is_left_alone(tmp_path: Path) -> None:
    lab = Lab(tmp_path, FLOW)
    with Containers(lab) as containers:
        assert containers.run("hold", environment={"STEPRELAY_LOCAL_MEMORY": str(2 * HELD_MIB)})[0] == 0
