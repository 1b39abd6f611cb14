"""The runner as the main process of a container: real processes and signals."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from steprelay.runner.claim import Claim
from steprelay.runner.outcome import Failure, Outcome
from tests.runner.containers import Containers
from tests.runner.lab import Lab, flow, item, wait_until


@pytest.fixture
def containers(tmp_path: Path) -> Iterator[Containers]:
    lab = Lab(
        tmp_path,
        flow(
            """
        @step
        def start(self):
            self.ids = (os.environ["AWS_BATCH_JOB_ID"], current.attempt)
            self.items = "abc"
            self.next(self.each, foreach="items")
        @step
        def each(self):
            self.seen = self.input
        @step
        def fail(self):
            raise ValueError("no good")
        @step
        def wait(self):
            print("waiting", flush=True)
            time.sleep(600)
        @step
        def cling(self):
            while True:
                try:
                    print("waiting", flush=True)
                    time.sleep(600)
                except BaseException:
                    return
    """,
            before="import os, time",
        ),
    )
    with Containers(lab) as running:
        yield running


def test_a_container_runs_its_task_and_exits_with_0(containers: Containers) -> None:
    code, _ = containers.run("start", {"to": ["each"], "foreach": "items"})
    assert code == 0
    assert containers.lab.artifacts(containers.lab.outcome("start"))["ids"] == ("job-1", 1)


def test_an_array_child_runs_the_member_at_its_index(containers: Containers) -> None:
    containers.run("start", {"to": ["each"], "foreach": "items"})
    changes = {"path": [0], "members": [[0, 0], [2, 2]], "inputs": item("start")}
    assert containers.run("each", environment={"AWS_BATCH_JOB_ARRAY_INDEX": "1"}, **changes)[0] == 0
    assert containers.lab.artifacts(containers.lab.outcome("each", member=2, path=(0,)))["seen"] == "c"


def test_a_failed_attempt_exits_with_1_after_its_outcome(containers: Containers) -> None:
    code, error = containers.run("fail")
    assert code == 1
    assert "ValueError: no good" in error
    assert containers.lab.outcome("fail").status == "failed"


def test_a_container_whose_attempt_is_taken_leaves_without_running_the_step(containers: Containers) -> None:
    containers.lab.store.put("runs/TheFlow-1/fail/0/1/claim.json", Claim(None, None, "dispatcher", 1.0).encode())
    code, error = containers.run("fail")
    assert (code, error) == (75, "steprelay: attempt 1 of fail belongs to dispatcher: leaving\n")


def test_a_later_batch_attempt_of_the_job_runs_in_its_predecessors_place(containers: Containers) -> None:
    containers.lab.store.put("runs/TheFlow-1/fail/0/1/claim.json", Claim("job-1", 1, "runner:x", 1.0).encode())
    assert containers.run("fail")[0] == 75
    assert containers.run("fail", environment={"AWS_BATCH_JOB_ATTEMPT": "2"})[0] == 1


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(Outcome("succeeded", transition=0), 0), (Outcome("failed", failure=Failure("program", "Boom", "no")), 1)],
)
def test_a_container_that_finds_its_own_jobs_outcome_exits_as_that_says(
    containers: Containers, outcome: Outcome, code: int
) -> None:
    containers.lab.store.put("runs/TheFlow-1/fail/0/1/claim.json", Claim("job-1", 1, "runner:x", 1.0).encode())
    containers.lab.put_outcome("fail", outcome)
    assert containers.run("fail", environment={"AWS_BATCH_JOB_ATTEMPT": "2"})[0] == code


def test_a_container_that_finds_another_jobs_outcome_leaves_empty_handed(containers: Containers) -> None:
    containers.lab.store.put("runs/TheFlow-1/fail/0/1/claim.json", Claim("job-2", 1, "runner:x", 1.0).encode())
    containers.lab.put_outcome("fail", Outcome("succeeded", transition=0))
    assert containers.run("fail")[0] == 75


@pytest.mark.parametrize("step", ["wait", "cling"])
def test_sigterm_ends_the_step_with_143_and_without_an_outcome(containers: Containers, step: str) -> None:
    process = containers.start(step)
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "is interrupted: the container is taken away" in error
    assert not [key for key in containers.lab.store.keys("runs/") if key.endswith("outcome.json")]


def test_a_command_gets_the_sigterm_too(containers: Containers) -> None:
    command = ["sh", "-c", 'trap "echo told; exit 0" TERM; echo waiting; sleep 600 & wait']
    process = containers.start("shell", command=command)
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (143, "told\n")


def test_output_appears_while_the_step_runs(containers: Containers) -> None:
    process = containers.start("wait")
    assert process.stdout.readline() == "waiting\n"
    assert process.poll() is None


def test_a_container_leaves_no_files_behind(containers: Containers) -> None:
    containers.run("fail")
    wait_until(lambda: [path.name for path in containers.lab.folder.iterdir()] == ["bucket"], "an empty folder")


def test_a_step_does_not_go_on_when_its_runner_is_killed(containers: Containers) -> None:
    process = containers.start("wait")
    assert process.stdout.readline() == "waiting\n"
    process.kill()
    # The end of the output tells that nobody holds it any more.
    assert process.communicate(timeout=60)[0] == ""


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"STEPRELAY_BRIEF": "nonsense"}, "steprelay: STEPRELAY_BRIEF must be s3://bucket/key, given 'nonsense'\n"),
        ({"STEPRELAY_BRIEF": "s3://data/gone.json"}, "steprelay: gone.json\n"),
        ({"AWS_BATCH_JOB_ARRAY_INDEX": "7"}, "steprelay: array index 7 is beyond the 1 members\n"),
    ],
)
def test_a_container_that_cannot_find_its_task_says_so_in_one_line(
    containers: Containers, environment: dict[str, str], message: str
) -> None:
    assert containers.run("fail", environment=environment) == (1, message)
