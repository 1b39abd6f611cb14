"""What only real processes show: start-up, imports, exit codes, and the warm process."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from steprelay.cli.project import STATE
from steprelay.cli.warm.protocol import SOCKET
from tests.cli.test_commands import FLOW, WRONG
from tests.cli.waiting import until

RUN_MAIN = f"{FLOW}\nif __name__ == '__main__':\n    One()\n"
STEPRELAY = [sys.executable, "-c", "from steprelay.cli.app import main; main()"]


def command(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_flow_is_its_own_command_line(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(RUN_MAIN)

    result = command(sys.executable, "flow.py", "check", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "One is fine: 2 steps\n")


def test_a_mistake_in_a_flow_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(f"{WRONG}\nif __name__ == '__main__':\n    One()\n")

    result = command(sys.executable, "flow.py", "check", cwd=tmp_path)
    assert result.returncode == 2
    assert "flow.py:9: " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["check", "show", "plan", "--help"])
def test_what_needs_no_relay_does_not_import_boto3(tmp_path: Path, name: str) -> None:
    (tmp_path / "flow.py").write_text(RUN_MAIN)
    source = f"""
        import runpy, sys
        sys.argv = ["flow.py", {name!r}]
        try:
            runpy.run_path("flow.py", run_name="__main__")
        except SystemExit as ended:
            assert not ended.code, ended.code
        assert "boto3" not in sys.modules and "botocore" not in sys.modules
    """

    result = command(sys.executable, "-c", textwrap.dedent(source), cwd=tmp_path)
    assert result.returncode == 0, result.stderr


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(RUN_MAIN)
    shell = f"{sys.executable} flow.py show | true"

    assert command("sh", "-c", shell, cwd=tmp_path).stderr == ""


SERVER = """
    import sys
    from pathlib import Path
    from steprelay.cli import dispatch
    from steprelay.cli.warm.server import serve

    serve(Path(sys.argv[1]), lambda: not Path("stale").exists(), dispatch.carry_out)
"""


# Must not reach any command.
OF_THE_SERVER = {"SERVED": "here", "STEPRELAY_BATCH_JOB_QUEUE": "of-the-server"}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A folder with a warm process, as an embedded relay would keep one."""
    (tmp_path / STATE).mkdir(parents=True)
    (tmp_path / "flow.py").write_text(RUN_MAIN)
    arguments = [sys.executable, "-c", textwrap.dedent(SERVER), str(tmp_path)]
    server = subprocess.Popen(arguments, cwd=tmp_path, env={**os.environ, **OF_THE_SERVER})
    try:
        until(lambda: (tmp_path / STATE / SOCKET).exists(), "the warm process listens")
        yield tmp_path
    finally:
        server.kill()
        server.wait()


def test_a_command_in_the_warm_process_is_as_it_is_in_its_own(project: Path) -> None:
    for arguments in (["check"], ["show"], ["plan", "--with", "batch:cpu=8"], ["nonsense"], ["compile", "--round-up"]):
        line = [*STEPRELAY, *arguments[:1], "flow.py", *arguments[1:]]
        warm, own = command(*line, cwd=project), command(*line, cwd=project, STEPRELAY_WARM="0")
        assert (warm.returncode, warm.stdout, warm.stderr) == (own.returncode, own.stdout, own.stderr)


# Tells which process it runs in: the flow's file is imported where the command is carried out.
PROBE = f"import os, sys\nprint(os.getppid(), os.getcwd(), os.environ.get('SERVED'), sys.argv[1:])\n{FLOW}"


def probe(project: Path, **env: str) -> str:
    (project / "probe.py").write_text(PROBE)
    return command(*STEPRELAY, "check", "probe.py", cwd=project, **env).stdout.splitlines()[0]


def test_the_warm_process_has_the_folder_environment_and_arguments_of_the_command(project: Path) -> None:
    parent, told = probe(project).split(" ", 1)

    assert told == f"{project} None ['check', 'probe.py']"
    assert parent != str(os.getpid())


def test_the_configuration_is_that_of_the_command_in_the_warm_process_too(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.steprelay]\nbatch_container_image = "mine:1"\n')
    result = command(*STEPRELAY, "compile", "flow.py", "--json", cwd=project, STEPRELAY_ECS_S3_ACCESS_IAM_ROLE="role")

    batch = json.loads(result.stdout)["steps"]["end"]["batch"]
    assert batch == {"cpu": 2, "image": "mine:1", "iam_role": "role"}


def test_stale_code_is_not_used(project: Path) -> None:
    assert not probe(project).startswith(f"{os.getpid()} ")

    (project / "stale").touch()
    assert probe(project).startswith(f"{os.getpid()} ")


def test_the_switch_keeps_a_command_in_its_own_process(project: Path) -> None:
    assert probe(project, STEPRELAY_WARM="0").startswith(f"{os.getpid()} ")


SLEEPING = f"""
import os, time
from pathlib import Path
Path("pid").write_text(str(os.getpid()))
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    raise
{FLOW}
"""


def sleeping(project: Path) -> subprocess.Popen[str]:
    (project / "sleeping.py").write_text(SLEEPING)
    started = subprocess.Popen(
        [*STEPRELAY, "check", "sleeping.py"], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until(lambda: (project / "pid").exists() and (project / "pid").read_text() != "", "the flow is imported")
    return started


def test_ctrl_c_reaches_the_command_in_the_warm_process(project: Path) -> None:
    with sleeping(project) as started:
        started.send_signal(signal.SIGINT)
        out, _ = started.communicate(timeout=30)
    assert out == "interrupted\n"
    assert started.returncode == 130


def test_a_command_that_is_killed_takes_its_part_in_the_warm_process_along(project: Path) -> None:
    with sleeping(project) as started:
        started.kill()
    worker = int((project / "pid").read_text())

    until(lambda: not Path(f"/proc/{worker}").exists() or _is_zombie(worker), "the worker has ended")


def _is_zombie(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_relay_that_stops_meanwhile_is_told_of(project: Path) -> None:
    with sleeping(project) as started:
        os.kill(int((project / "pid").read_text()), signal.SIGKILL)
        _, err = started.communicate(timeout=30)
    assert started.returncode == 4
    assert "the local relay was stopped" in err


def test_json_from_the_warm_process_is_whole(project: Path) -> None:
    result = command(*STEPRELAY, "compile", "flow.py", "--json", cwd=project)

    assert json.loads(result.stdout)["flow"] == "One"
